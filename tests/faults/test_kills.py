"""Verbs that are killed at some moment: the old or the new result is whole, and the next run succeeds and tidies up."""

import random
from pathlib import Path

import numpy as np
import pytest

from quietscope.io import read_image, write_image
from quietscope.methods import METHODS
from quietscope.presets import Configuration
from quietscope.testing.kills import killed_verb, leftovers, run_verb
from tests import tiny

SETTINGS = Configuration.of({"network": tiny.network("hdn"), "training": tiny.TRAINING, "noise": "sigma=15"})
VERBS = {
    "train": ("train", "a.tif", "-o", "run", "--config", "s.yaml", "--steps", 4, "--overwrite"),
    "predict": ("predict", "m.safetensors", "a.tif", "-o", "o.ome.zarr", "--overwrite"),
}


@pytest.mark.parametrize("name", VERBS)
def test_the_next_run_succeeds_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    noisy = np.random.default_rng(0).poisson(100, (48, 48)).astype(np.uint16)
    write_image(tmp_path / "a.tif", noisy, "YX")
    write_image(tmp_path / "o.ome.zarr", noisy, "YX")
    SETTINGS.save(tmp_path / "s.yaml")
    tiny.denoiser(METHODS["noise2void"]).save(tmp_path / "m.safetensors")
    killed_verb(VERBS[name], tmp_path, random.Random(name).uniform(1.0, 4.0))
    assert read_image(tmp_path / "o.ome.zarr").shape == (48, 48)
    status, said = run_verb(VERBS[name], tmp_path)
    assert status == 0, said
    assert leftovers(tmp_path) == []
