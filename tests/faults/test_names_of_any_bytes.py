"""Names that are no UTF-8, or hold control characters: a whole run works, and shows them escaped."""

import os
from pathlib import Path

import numpy as np
import pytest

from quietscope.cli import run
from quietscope.io import read_image, write_image
from quietscope.presets import Configuration
from tests import tiny

SETTINGS = Configuration.of({"network": tiny.network("hdn"), "training": tiny.TRAINING, "noise": "sigma=15"})
NAME = os.fsdecode(b"a\xff\x1b[31m")
SHOWN = r"a\udcff\x1b[31m"


def test_a_whole_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    noisy = np.random.default_rng(0).poisson(100, (48, 48)).astype(np.uint16)
    write_image(f"{NAME}.tif", noisy, "YX")
    SETTINGS.save(tmp_path / "s.yaml")
    results = os.fsdecode(b"out\xff\n")
    trained = ["--config", "s.yaml", "--steps", "2"]
    assert run(["denoise", f"{NAME}.tif", "-o", results, "--samples", "2", *trained]) == 0
    assert run(["train", f"{NAME}.tif", "-o", f"run{NAME}", *trained]) == 0
    assert run(["info", f"run{NAME}/model.safetensors"]) == 0
    assert (
        run(["predict", f"run{NAME}/model.safetensors", f"{NAME}.tif", "-o", f"{NAME}.ome.zarr", "--samples", "2"]) == 0
    )
    assert run(["info", f"missing{NAME}.tif"]) == 2
    said = capsys.readouterr()
    assert "\x1b" not in said.out + said.err
    assert f"missing{SHOWN}.tif" in said.err
    assert read_image(f"{NAME}.ome.zarr").shape == (48, 48)
    assert {"overview.png", "model.safetensors"} <= {path.name for path in Path(results).iterdir()}
    assert not list(tmp_path.glob("quietscope-error*"))
