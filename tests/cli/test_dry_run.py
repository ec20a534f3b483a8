"""``--dry-run`` says what would be done, as a table or as JSON, and does nothing."""

import json
from pathlib import Path

import numpy as np

from quietscope.io import write_image
from quietscope.methods import METHODS
from tests.cli.command_line import Quietscope
from tests.tiny import denoiser


def test_denoise_and_train_say_what_they_would_do(quietscope: Quietscope, images: Path, tmp_path: Path) -> None:
    for verb in ("denoise", "train"):
        words = (verb, images / "cells.tif", "-o", tmp_path / "out", "--config", images / "tiny.yaml", "--steps", "2")
        status, printed, err = quietscope(*words, "--dry-run", "--device", "cpu")
        assert status == 0, err
        for word in (
            "what would be done",
            "hdn, preset fast",
            "measured",
            "parameters",
            "16 x 16",
            "model.safetensors",
        ):
            assert word in printed
        status, printed, err = quietscope(*words, "--dry-run", "--json", "--device", "cpu")
        assert status == 0, err
        found = json.loads(printed)
        assert found["files"]["model"] == str(tmp_path / "out" / "model.safetensors")
        assert found["learning"]["batch_size"] == 2
    assert not list(tmp_path.iterdir())


def test_mistakes(quietscope: Quietscope, images: Path, tmp_path: Path) -> None:
    words = ("denoise", images / "cells.tif", "-o", tmp_path / "out")
    (tmp_path / "out").write_text("a file")
    status, _, err = quietscope(*words, "--dry-run")
    assert (status, "a folder" in err) == (2, True)


def test_predict_says_what_it_would_do(quietscope: Quietscope, tmp_path: Path) -> None:
    model, image, clean = (tmp_path / name for name in ("model.safetensors", "noisy.tif", "clean.tif"))
    write_image(image, np.random.default_rng(0).poisson(100, (64, 64)).astype(np.uint16), "YX")
    denoiser(METHODS["noise2void"]).save(model)
    words = ("predict", model, image, "-o", clean, "--device", "cpu", "--dry-run")
    status, printed, err = quietscope(*words)
    assert status == 0, err
    assert "GB at most" in printed
    status, printed, err = quietscope(*words, "--json")
    assert (status, json.loads(printed)["processes"]) == (0, 1), err
    assert not clean.exists()
    clean.write_text("there")
    assert quietscope(*words)[0] == 2


def test_a_batch_that_devices_cannot_share_is_refused_before_anything_is_read(
    quietscope: Quietscope, images: Path, tmp_path: Path
) -> None:
    words = (
        images / "cells.tif",
        "-o",
        tmp_path / "out",
        "--method",
        "noise2void",
        "--device",
        "cpu",
        "--devices",
        "3",
    )
    for verb in ("denoise", "train"):
        for more in ((), ("--dry-run",)):
            status, _, err = quietscope(verb, *words, *more[: verb == "denoise"])
            assert (status, err.count("\n")) == (2, 1)
            assert "a batch that 3 processes can share; got 16 patches; pass `--devices 2`" in err
    assert not list(tmp_path.iterdir())
