"""``quietscope compress``: a folder that predict takes, a table, and one line for everything that cannot be."""

import json
from pathlib import Path

import numpy as np
import pytest

from quietscope.cli import run
from quietscope.io import write_image
from tests.cli.command_line import Quietscope, refused
from tests.compression.little import judge_little

TINY = (
    "network: {depth: 1, filters: 16}\ntraining: {patch: 16, batch_size: 2, validation_patches: 2, warmup_steps: 0}\n"
)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    judge_little(monkeypatch)


@pytest.fixture(scope="module")
def unet(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Noise2Void of two steps."""
    folder = tmp_path_factory.mktemp("unet")
    (folder / "tiny.yaml").write_text(TINY, encoding="utf-8")
    words = ["train", images / "cells.tif", "-o", folder / "run", "--config", folder / "tiny.yaml"]
    assert run([str(word) for word in [*words, "--method", "noise2void", "--steps", "2", "--device", "cpu"]]) == 0
    return folder / "run" / "model.safetensors"


def test_pruned_for_pytorch_predicts_like_any_model(
    quietscope: Quietscope, images: Path, unet: Path, tmp_path: Path
) -> None:
    folder, cells = tmp_path / "small", images / "cells.tif"
    words = ("compress", unet, "--data", cells, "-o", folder, "--prune", "0.5", "--backend", "torch", "--steps", "2")
    status, out, err = quietscope(*words, "--clean", images / "clean.tif", "--max-loss-db", "90")
    assert status == 0, err
    for word in ("pruned", "on disk", "parameters", "64 x 64", "fine-tuned 2 steps", "clean reference", "pruning: "):
        assert word in out
    assert json.loads((folder / "report.json").read_text())["trial"] == "clean"
    assert quietscope("predict", folder, cells, "-o", tmp_path / "a.npy")[0] == 0
    assert np.load(tmp_path / "a.npy").shape == (2, 64, 64)
    status, out, _ = quietscope("info", folder / "model.safetensors")
    assert status == 0
    assert "50% of the channels removed" in out
    refused(quietscope(*words), "--overwrite")


def test_converted_and_no_more(quietscope: Quietscope, images: Path, unet: Path, tmp_path: Path) -> None:
    folder = tmp_path / "small"
    status, out, err = quietscope("compress", unet, "--data", images / "cells.tif", "-o", folder)
    assert status == 0, err
    assert "converted" in out
    assert json.loads((folder / "report.json").read_text())["trial"] == "opinion"
    assert "estimated by `instant`" in out
    assert {path.name for path in folder.iterdir()} == {"model.xml", "model.bin", "report.json"}
    assert quietscope("predict", folder, images / "cells.tif", "-o", tmp_path / "a.npy")[0] == 0
    assert np.load(tmp_path / "a.npy").shape == (2, 64, 64)


def test_what_cannot_be_compressed(quietscope: Quietscope, images: Path, unet: Path, tmp_path: Path) -> None:
    out, cells = tmp_path / "small", images / "cells.tif"
    base = ("compress", unet, "--data", cells, "-o", out)
    refused(quietscope(*base, "--prune", "2"), "above 0 and below 1", "--prune 0.5")
    refused(quietscope(*base, "--backend", "torch"), "--prune 0.5")
    refused(quietscope(*base, "--backend", "torch", "--int8"), "--backend openvino")
    refused(quietscope(*base, "--backend", "magic"), "openvino, onnx or torch")
    refused(quietscope(*base, "--max-loss-db", "-1"), "--max-loss-db 0.1")
    refused(quietscope(*base, "--prune", "0.5", "--budget", "soon"), "--budget 10m")
    refused(quietscope(*base, "--budget", "2m"), "pruning", "--budget 2m", "--prune 0.5")
    refused(quietscope(*base, "--int8", "--steps", "9"), "pruning", "--steps 9", "--prune 0.5")
    refused(quietscope(*base, "--clean", cells, cells), "clean references", "4 frames")
    refused(quietscope("compress", cells, "--data", cells, "-o", out), "model")
    two = np.random.default_rng(0).poisson(9, (2, 64, 64)).astype(np.uint16)
    write_image(tmp_path / "two.tif", two, "CYX")
    refused(quietscope("compress", unet, "--data", tmp_path / "two.tif", "-o", out), "1 channel", "got 2")
    strict = ("--prune", "0.9", "--steps", "1", "--backend", "torch", "--max-loss-db", "0")
    refused(quietscope(*base, *strict), "at most 0 dB lost", "pruning cost", "--budget")
    assert not out.exists()
