"""Verbs that are killed at some moment: the old or the new result is whole, and the next run succeeds and tidies up."""

import random
import signal
from pathlib import Path

import numpy as np
import pytest

from quietscope.cli import INTERRUPTED, TERMINATED
from quietscope.io import read_image, write_image
from quietscope.methods import METHODS
from quietscope.presets import Configuration
from quietscope.testing.kills import killed_verb, leftovers, run_verb, signalled_verb
from tests import tiny

SETTINGS = Configuration.of({"network": tiny.network("hdn"), "training": tiny.TRAINING, "noise": "sigma=15"})
VERBS = {
    "train": ("train", "a.tif", "-o", "run", "--config", "s.yaml", "--steps", 4, "--overwrite"),
    "predict": ("predict", "m.safetensors", "a.tif", "-o", "o.ome.zarr", "--overwrite"),
    "denoise": ("denoise", "a.tif", "-o", "out", "--config", "s.yaml", "--steps", 4, "--samples", 2, "--overwrite"),
    "export": ("export", "m.safetensors", "-o", "m.onnx", "--overwrite"),
    "noise fit": (
        "noise",
        "fit",
        "a.tif",
        "--clean",
        "c.tif",
        "-o",
        "n.safetensors",
        "--model",
        "gaussian",
        "--overwrite",
    ),
}
SIGNALS = {
    "train": (signal.SIGINT,),
    "denoise": (signal.SIGINT, signal.SIGINT),
    "predict": (signal.SIGTERM,),
    "export": (signal.SIGTERM, signal.SIGINT),
}
USELESS = 3  # exit status of a result of so few steps, which is written all the same


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an image, its clean reference, settings, a model, and an older result."""
    clean = np.add.outer(np.arange(48), np.arange(48)).astype(np.float32) + 100
    noisy = np.random.default_rng(0).poisson(clean).astype(np.uint16)
    write_image(tmp_path / "a.tif", noisy, "YX")
    write_image(tmp_path / "c.tif", clean, "YX")
    write_image(tmp_path / "o.ome.zarr", noisy, "YX")
    SETTINGS.save(tmp_path / "s.yaml")
    tiny.denoiser(METHODS["noise2void"]).save(tmp_path / "m.safetensors")
    return tmp_path


@pytest.mark.parametrize("name", VERBS)
def test_the_next_run_succeeds_and_leaves_nothing(folder: Path, name: str) -> None:
    killed_verb(VERBS[name], folder, random.Random(name).uniform(1.0, 4.0))
    assert read_image(folder / "o.ome.zarr").shape == (48, 48)
    status, said = run_verb(VERBS[name], folder)
    assert status in (0, USELESS), said
    assert leftovers(folder) == []


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_ends_a_verb_with_its_status_and_one_line(folder: Path, name: str) -> None:
    numbers = SIGNALS[name]
    status, said = signalled_verb(VERBS[name], folder, random.Random(name).uniform(0.5, 3.0), numbers)
    ended = {TERMINATED} if signal.SIGTERM in numbers else {INTERRUPTED}
    assert status in {*ended, 0, USELESS}, said  # it may have ended by then
    assert "Traceback" not in said
    assert leftovers(folder) == []
    assert read_image(folder / "o.ome.zarr").shape == (48, 48)
