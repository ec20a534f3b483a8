"""Every mistake gives one line on standard error and status 2, and leaves nothing behind."""

import errno
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from quietscope.cli import run
from quietscope.io import write_image
from tests.cli.command_line import Quietscope, refused


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["denoyse", "a.tif"], ["denoise"]),
        (["denoise", "a.tif", "-o", "out", "--bugdet", "3m"], ["--bugdet", "--budget"]),
        (["denoise"], ["requires"]),
        (["denoise", "{}/cells.tif", "-o", "{}/out", "--budget", "soon"], ["'soon'", "--budget 10m"]),
        (["denoise", "{}/cells.tif", "-o", "{}/out", "--steps", "0"], ["steps"]),
        (["denoise", "{}/cells.tif", "-o", "{}/out", "--steps", "x"], ["--steps"]),
        (["denoise", "{}/cells.tif", "-o", "{}/out", "--method", "magic"], ["'magic'", "hdn"]),
        (["denoise", "{}/cells.tif", "-o", "{}/out", "--preset", "finest"], ["'finest'", "fast"]),
        (["denoise", "{}/cells.tif", "-o", "{}/out", "--noise", "sigma=-3"], ["sigma"]),
        (["denoise", "{}/cells.tif", "-o", "{}/out", "--samples", "0"], ["--samples 50"]),
        (["denoise", "{}/cells.tif", "-o", "{}/out", "--save", "median"], ["'median'"]),
        (["denoise", "{}/cells.tif", "-o", "{}/out", "--axes", "YX"], ["axes"]),
        (["denoise", "{}/cells.tif", "-o", "{}/out", "--dims", "3"], ["Z"]),
        (["denoise", "{}/cells.tif", "-o", "{}/out", "--format", "bmp"], [".bmp"]),
        (["denoise", "{}/cells.tif", "-o", "{}/out", "--format", "png"], [".png", "--dtype input"]),
        (["denoise", "{}/cells.tif", "-o", "{}/out", "--device", "abacus"], ["abacus", "--device cpu"]),
        (["denoise", "{}/cells.tif", "-o", "{}/cells.tif"], ["folder"]),
        (["denoise", "{}/cells.tif", "-o", "{}/out", "--config", "{}/none.yaml"], ["none.yaml"]),
        (
            ["denoise", "{}/cells.tif", "-o", "{}/out", "--stop-when-settled", "--method", "instant"],
            ["`--stop-when-settled` with a method to train", "instant", "--method hdn"],
        ),
        (
            ["train", "{}/cells.tif", "-o", "{}/out", "--stop-when-settled", "--preset", "paper"],
            ["stop_when_settled and early_stop exclude each other"],
        ),
        (["denoise", "{}/cells.tif", "-o", "{}/out", "--clean", "{}/clean.tif", "{}/clean.tif"], ["2 for 1"]),
        (["denoise", "{}/cells.tif", "{}/cells.tif", "-o", "{}/out"], ["cells.tif twice"]),
        (["denoise", "{}/celsl.tif", "-o", "{}/out"], ["did you mean", "cells.tif"]),
        (["denoise", "{}/tiny.yaml", "-o", "{}/out"], ["tiny.yaml"]),
        (["train", "{}/cells.tif", "-o", "{}/out", "--resume"], ["config.yaml"]),
        (["predict", "{}/cells.tif", "{}/cells.tif", "-o", "{}/x.tif"], ["model"]),
        (["predict", "{}/none.safetensors", "{}/cells.tif", "-o", "{}/x.tif"], ["none.safetensors"]),
        (["evaluate", "{}/cells.tif", "{}/clean.tif", "--range", "-1"], ["--range 255"]),
        (["noise", "show", "{}/cells.tif"], ["noise file"]),
        (["noise", "fit", "{}/cells.tif", "--clean", "{}/clean.tif", "-o", "{}/n.tif"], ["n.tif"]),
        (["noise", "fit", "{}/cells.tif", "--clean", "{}/clean.tif", "-o", "{}/n.npz", "--model", "x"], ["'x'"]),
        (["info", "{}/none.tif"], ["none.tif"]),
        (["predict", "{}/m", "{}/cells.tif", "-o", "{}/x.tif", "--max-memory", "1e-4"], ["0.001 gigabytes or more"]),
        (["array", "{}/m", "{}/cells.tif", "-o", "{}/x.zarr", "--parts", "0"], ["2 parts or more", "got 0"]),
        (["array", "{}/m", "{}/a.tif", "-o", "{}/x.zarr", "--parts", "2", "--memory", "1e-3"], ["0.01 gigabytes"]),
    ],
)
def test_a_mistake_is_one_line(quietscope: Quietscope, images: Path, words: list[str], said: list[str]) -> None:
    before = sorted(images.iterdir())
    refused(quietscope(*[word.replace("{}", str(images)) for word in words]), *said)
    assert sorted(images.iterdir()) == before


@pytest.mark.parametrize(("value", "said"), [(np.nan, "NaN"), (np.inf, "infinite"), (None, "everywhere")])
def test_unusable_pixels(quietscope: Quietscope, images: Path, tmp_path: Path, value: float | None, said: str) -> None:
    pixels = np.full((64, 64), 3.0, np.float32)
    if value is not None:
        pixels = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
        pixels[3, 4] = value
    write_image(tmp_path / "bad.tif", pixels, "YX")
    options = ("--config", images / "tiny.yaml", "--steps", "2")
    refused(quietscope("denoise", tmp_path / "bad.tif", "-o", tmp_path / "out", *options), said)
    assert [path.name for path in tmp_path.iterdir()] == ["bad.tif"]


def test_truncated_image(quietscope: Quietscope, images: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.tif"
    path.write_bytes((images / "cells.tif").read_bytes()[:3000])
    refused(quietscope("denoise", path, "-o", tmp_path / "out", "--steps", "2"), "cut.tif")


def test_results_are_not_overwritten_unless_asked(quietscope: Quietscope, images: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "cells_std.ome.tif").write_text("precious", encoding="utf-8")
    words = ("denoise", images / "cells.tif", "-o", out, "--config", images / "tiny.yaml", "--steps", "2")
    refused(quietscope(*words), "cells_std.ome.tif", "--overwrite")
    assert [path.name for path in out.iterdir()] == ["cells_std.ome.tif"]
    assert quietscope(*words, "--samples", "2", "--overwrite")[0] == 0
    assert (out / "cells_std.ome.tif").stat().st_size > 100


def test_a_run_is_not_overwritten_unless_asked(quietscope: Quietscope, images: Path, model: Path) -> None:
    words = ("train", images / "cells.tif", "-o", model.parent, "--steps", "2")
    refused(quietscope(*words), "--resume", "--overwrite")


def test_the_input_is_never_the_output(quietscope: Quietscope, images: Path, model: Path, tmp_path: Path) -> None:
    path = tmp_path / "cells.tif"
    path.write_bytes((images / "cells.tif").read_bytes())
    refused(quietscope("predict", model, path, "-o", path, "--overwrite"), "which is an input of this run")


def test_channels_that_do_not_fit_the_model(quietscope: Quietscope, model: Path, tmp_path: Path) -> None:
    write_image(tmp_path / "two.tif", np.random.default_rng(0).poisson(9, (2, 64, 64)).astype(np.uint16), "CYX")
    refused(quietscope("predict", model, tmp_path / "two.tif", "-o", tmp_path / "x.tif"), "channel")
    assert not (tmp_path / "x.tif").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_without_permission(quietscope: Quietscope, images: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        refused(quietscope("denoise", images / "cells.tif", "-o", tmp_path / "out"), "--output")
    finally:
        tmp_path.chmod(0o700)


def test_full_disk_leaves_the_old_result(
    quietscope: Quietscope, images: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.npy"
    path.write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("quietscope.io.npy.reserve", full)
    refused(quietscope("predict", model, images / "cells.tif", "-o", path, "--overwrite"), "room on the disk")
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["x.npy"]


def test_ctrl_c_in_prediction(
    images: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("quietscope.denoiser.Denoiser.denoise_into", stop)
    words = ["predict", str(model), str(images / "cells.tif"), "-o", str(tmp_path / "x.tif")]
    assert run(words) == 130
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_sends_to_the_help_of_its_verb(quietscope: Quietscope) -> None:
    refused(quietscope("denoise"), "IMAGES...", "-o out/", "`quietscope denoise --help`")
    refused(quietscope("train", "cells.tif"), "--output", "`quietscope train --help`")
    refused(quietscope("noise", "fit", "cells.tif"), "`quietscope noise fit --help`")
    refused(quietscope("denoize", "cells.tif"), "denoise", "`quietscope --help`")


@pytest.mark.parametrize("word", ["~/{}", "--values=~/{}"])
def test_a_home_that_a_shell_leaves_alone_is_found(
    quietscope: Quietscope, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    """In quotes, as patterns have to be, or after an equals sign."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    refused(quietscope("info", word.format("none.tif")), str(tmp_path / "none.tif"))
    (tmp_path / "~").mkdir()
    refused(quietscope("info", word.format("none.tif")), "~/none.tif")


def test_a_command_that_is_advised_can_be_pasted(quietscope: Quietscope, model: Path, tmp_path: Path) -> None:
    """A shell makes two words of a name with a space."""
    folder = tmp_path / "two words"
    refused(quietscope("psf", "gaussian", "--sigma", "1", "-o", folder / "psf.tif"), f"run `mkdir -p '{folder}'`")
    folder.mkdir()
    shutil.copy(model, folder / "m.safetensors")
    refused(quietscope("noise", "show", folder / "m.safetensors"), f"`quietscope info '{folder / 'm.safetensors'}'`")
