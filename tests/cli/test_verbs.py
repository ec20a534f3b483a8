"""Every verb does what it says, on tiny images."""

from pathlib import Path

import numpy as np
import pytest

from quietscope import read_image
from quietscope.cli import NOISE_VERBS, VERBS
from tests.cli.command_line import Quietscope

QUICK = ("--steps", "2", "--samples", "2", "--device", "cpu")


@pytest.mark.parametrize("verb", [[], *[[verb] for verb in VERBS], *[["noise", verb] for verb in NOISE_VERBS]])
def test_every_verb_has_help(quietscope: Quietscope, verb: list[str]) -> None:
    status, out, err = quietscope(*verb, "--help")
    assert (status, err) == (0, "")
    assert "Usage: quietscope" in out


def test_the_help_of_a_verb_is_its_whole_docstring(quietscope: Quietscope) -> None:
    shown = " ".join(quietscope("denoise", "--help")[1].split())
    assert "Writes NAME_denoised and NAME_std" in shown
    assert "Writes NAME_denoised" not in quietscope("--help")[1]


def test_denoise_writes_images_model_settings_and_picture(quietscope: Quietscope, images: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    options = ("--config", images / "tiny.yaml", "--clean", images / "clean.tif", "--save", "mean,std,samples")
    status, printed, err = quietscope("denoise", images / "cells.tif", "-o", out, *options, *QUICK)
    assert status == 0, err
    assert sorted(path.name for path in out.iterdir()) == [
        "cells_denoised.ome.tif",
        "cells_samples.ome.tif",
        "cells_std.ome.tif",
        "config.yaml",
        "model.safetensors",
        "overview.png",
        "regions.csv",
        "report.html",
        "report.json",
    ]
    for words in ("noise found", "PSNR", "SSIM", "2 steps"):
        assert words in printed
    # The table breaks long paths into lines.
    assert "cells_denoised.ome.tif" in "".join(printed.replace("│", " ").split())
    mean, samples = read_image(out / "cells_denoised.ome.tif"), read_image(out / "cells_samples.ome.tif")
    assert (mean.shape, mean.dtype.name, mean.axes) == ((2, 64, 64), "float32", "TYX")
    assert mean.pixel_size_um == {"X": 0.1, "Y": 0.1}
    assert samples.shape == (2, 2, 64, 64)
    np.testing.assert_allclose(np.asarray(samples).mean(axis=0), np.asarray(mean), rtol=1e-4, atol=1e-2)


def test_denoise_rounds_back_to_the_input_type(quietscope: Quietscope, images: Path, tmp_path: Path) -> None:
    options = ("--config", images / "tiny.yaml", "--dtype", "input", "--format", "npy", "--save", "mean")
    status, _, err = quietscope("denoise", images / "cells.tif", "-o", tmp_path / "out", *options, *QUICK)
    assert status == 0, err
    assert np.load(tmp_path / "out" / "cells_denoised.npy").dtype == np.uint16


def test_train_writes_a_run_that_predict_uses(
    quietscope: Quietscope, images: Path, model: Path, tmp_path: Path
) -> None:
    names = {path.name for path in model.parent.iterdir()}
    assert {"model.safetensors", "last.safetensors", "config.yaml", "resume.ckpt", "logs", "report.html"} <= names
    out = tmp_path / "denoised.ome.tif"
    options = ("--samples", "2", "--save", "mean,std", "--device", "cpu")
    status, _, err = quietscope("predict", model, images / "cells.tif", "-o", out, *options)
    assert status == 0, err
    assert read_image(tmp_path / "denoised_std.ome.tif").shape == (2, 64, 64)
    status, printed, _ = quietscope("evaluate", out, images / "clean.tif", "--range", "255", "--affine")
    assert status == 0
    assert "affine PSNR" in printed
    assert "mean" in printed


def test_predict_with_the_same_seed_gives_the_same_image(
    quietscope: Quietscope, images: Path, model: Path, tmp_path: Path
) -> None:
    for name in ("a.npy", "b.npy"):
        words = ("predict", model, images / "cells.tif", "-o", tmp_path / name, "--samples", "2", "--seed", "3")
        assert quietscope(*words, "--device", "cpu")[0] == 0
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), np.load(tmp_path / "b.npy"))


def test_train_resumes_with_its_own_settings(quietscope: Quietscope, images: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ("train", images / "cells.tif", "-o", run, "--device", "cpu")
    assert quietscope(*words, "--config", images / "tiny.yaml", "--steps", "2")[0] == 0
    status, printed, err = quietscope(*words, "--resume", "--steps", "4")
    assert status == 0, err
    assert "trained 4 steps" in printed
    status, _, err = quietscope(*words, "--resume", "--seed", "7")
    assert status == 2
    assert "expected seed = 0" in err


@pytest.mark.usefixtures("brief_fits")
def test_noise_estimate_fit_and_show(quietscope: Quietscope, images: Path, tmp_path: Path) -> None:
    noise, mixture = tmp_path / "noise.safetensors", tmp_path / "mixture.npz"
    assert quietscope("noise", "estimate", images / "cells.tif", "-o", noise)[0] == 0
    pair = (images / "cells.tif", "--clean", images / "clean.tif")
    assert quietscope("noise", "fit", *pair, "-o", mixture, "--model", "gaussian-mixture")[0] == 0
    status, printed, _ = quietscope("noise", "show", noise)
    assert status == 0
    assert "sigma" in printed
    status, printed, _ = quietscope("noise", "show", mixture)
    assert status == 0
    assert "log variance" in printed


def test_info_tells_images_models_and_noise_apart(
    quietscope: Quietscope, images: Path, model: Path, tmp_path: Path
) -> None:
    noise = tmp_path / "noise.safetensors"
    quietscope("noise", "estimate", images / "cells.tif", "-o", noise)
    for path, words in (
        (images / "cells.tif", "TYX"),
        (model, "hdn"),
        (noise, "poisson-gaussian"),
    ):
        status, printed, err = quietscope("info", path)
        assert status == 0, err
        assert words in printed
    assert "in all planes" not in quietscope("info", images / "cells.tif")[1]
    assert "in all planes" in quietscope("info", images / "cells.tif", "--values")[1]


def test_a_path_with_brackets_is_printed_as_it_is(quietscope: Quietscope, images: Path, tmp_path: Path) -> None:
    odd = tmp_path / "cells [red].tif"
    odd.write_bytes((images / "cells.tif").read_bytes())
    assert "[red]" in quietscope("info", odd)[1]
    assert Path(odd).exists()
