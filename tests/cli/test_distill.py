"""``quietscope distill``, and ``--direct`` of train and denoise."""

from pathlib import Path

import numpy as np
import pytest

from quietscope import Denoiser
from quietscope.io import write_image
from tests.cli.command_line import Quietscope, refused

QUICK = ("--steps", "2", "--device", "cpu")


@pytest.fixture(scope="module")
def direct(images: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from quietscope.cli import run

    path = tmp_path_factory.mktemp("direct") / "direct.safetensors"
    words = ["distill", model, images / "cells.tif", "-o", path, *QUICK, "--samples", "3"]
    assert run([str(word) for word in words]) == 0
    return path


def test_it_compares_itself_with_the_samples_and_keeps_the_figures(
    quietscope: Quietscope, images: Path, model: Path, tmp_path: Path
) -> None:
    path = tmp_path / "median.safetensors"
    words = ("distill", model, images / "cells.tif", "-o", path, "--loss", "median", *QUICK, "--samples", "4")
    status, out, err = quietscope(*words, "--clean", images / "clean.tif")
    assert status == 0, err
    for line in ("direct against the median of 4 samples", "times faster", "against the clean reference"):
        assert line in out
    status, out, _ = quietscope("info", path)
    assert status == 0
    for name in ("direct", "psnr to samples", "psnr clean of samples", "seconds per frame"):
        assert name in out


def test_predict_takes_it_like_any_model(quietscope: Quietscope, images: Path, direct: Path, tmp_path: Path) -> None:
    assert quietscope("predict", direct, images / "cells.tif", "-o", tmp_path / "a.npy")[0] == 0
    assert np.load(tmp_path / "a.npy").shape == (2, 64, 64)
    refused(quietscope("predict", direct, images / "cells.tif", "-o", tmp_path / "b.npy", "--save", "std"), "std")


def test_what_cannot_be_distilled(
    quietscope: Quietscope, images: Path, model: Path, direct: Path, tmp_path: Path
) -> None:
    out, cells = tmp_path / "out.safetensors", images / "cells.tif"
    refused(quietscope("distill", direct, cells, "-o", out, "--loss", "median"), "direct, which gives one image")
    refused(quietscope("distill", cells, cells, "-o", out), "model")
    refused(quietscope("distill", model, cells, "-o", direct), "--overwrite")
    refused(quietscope("distill", model, cells, "-o", out, "--samples", "1"), "--samples 100")
    refused(quietscope("distill", model, cells, "-o", out, "--preset", "huge"), "'huge'", "fast")
    refused(quietscope("distill", model, cells, "-o", out, "--loss", "mode"), "--loss")
    refused(quietscope("distill", model, cells, "-o", out, "--clean", cells, cells), "4 frames")
    two = np.random.default_rng(0).poisson(9, (2, 64, 64)).astype(np.uint16)
    write_image(tmp_path / "two.tif", two, "CYX")
    refused(quietscope("distill", model, tmp_path / "two.tif", "-o", out), "1 channel")
    assert not out.exists()


def test_images_alone_teach_no_direct_denoiser(quietscope: Quietscope, images: Path, tmp_path: Path) -> None:
    for verb in ("train", "denoise"):
        words = (verb, images / "cells.tif", "-o", tmp_path / "out")
        refused(quietscope(*words, "--method", "direct"), "quietscope distill MODEL IMAGES")
        refused(quietscope(*words, "--method", "noise2void", "--direct", "mean"), "noise2void")
    assert not list(tmp_path.iterdir())


def test_train_and_resume_along(quietscope: Quietscope, images: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ("train", images / "cells.tif", "-o", run, "--device", "cpu")
    options = ("--config", images / "tiny.yaml", "--direct", "mean")
    status, out, err = quietscope(*words, *options, "--steps", "2")
    assert status == 0, err
    assert "direct against the mean of 100 samples" in out
    first = Denoiser.load(run / "direct.safetensors", device="cpu")
    assert first.card.training["samples_compared_with"] == 100
    assert quietscope(*words, "--resume", "--steps", "4")[0] == 0
    assert Denoiser.load(run / "direct.safetensors", device="cpu").card.training["steps"] == 4
    refused(quietscope(*words, "--resume", "--direct", "median"), "direct = 'mean'")


def test_denoise_along(quietscope: Quietscope, images: Path, tmp_path: Path) -> None:
    options = ("--config", images / "tiny.yaml", "--direct", "median", "--samples", "3")
    words = ("denoise", images / "cells.tif", "-o", tmp_path, *options, *QUICK)
    status, out, err = quietscope(*words, "--clean", images / "clean.tif")
    assert status == 0, err
    assert "direct against the median of 3 samples" in out
    assert Denoiser.load(tmp_path / "direct.safetensors", device="cpu").method.name == "direct"
    refused(quietscope(*words), "--overwrite")
