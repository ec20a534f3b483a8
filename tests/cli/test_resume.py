"""A run of ``quietscope denoise`` that was stopped goes on, and says how."""

from pathlib import Path

import pytest

from quietscope.cli import run
from tests.cli.command_line import Quietscope

QUICK = ("--steps", "2", "--samples", "2", "--device", "cpu")


def test_denoise_is_stopped_and_goes_on(
    quietscope: Quietscope, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    out = tmp_path / "out"
    words = ("denoise", images / "cells.tif", "-o", out, *QUICK)
    settings = ("--config", images / "tiny.yaml")
    with monkeypatch.context() as patch:
        patch.setattr("quietscope.denoiser.Denoiser.denoise_into", stop)
        status, _, err = quietscope(*words, *settings)
    assert status == 130
    assert f"go on with `quietscope denoise ... -o {out} --resume`" in err
    assert {path.name for path in out.iterdir()} == {"model.safetensors", "config.yaml", "unfinished"}
    status, _, err = quietscope(*words, *settings)
    assert status == 2
    assert "--resume" in err
    status, _, err = quietscope(*words, "--resume", "--overwrite")
    assert (status, "leave one out" in err) == (2, True)
    status, printed, err = quietscope(*words, "--resume")
    assert status == 0, err
    assert "cells_denoised.ome.tif" in printed
    assert "training 100%" not in printed, "it had been trained"
    assert not (out / "unfinished").exists()
    status, _, err = quietscope(*words, "--resume")
    assert status == 0
    assert "nothing is left to do" in err
    status, _, err = quietscope(*words, "--resume", "--method", "divnoising")
    assert (status, "method = 'hdn', as the run began" in err) == (2, True), "a run of another method is not that run"
    status, _, err = quietscope(*words, "--resume", "--seed", "7")
    assert (status, "seed = 0, as the run began" in err) == (2, True)
    for more in (("--steps", "3", "--samples", "2"), ("--steps", "2", "--samples", "3")):
        status, _, err = quietscope(*words[:4], *more, "--resume")
        assert (status, "leave out `--resume`" in err) == (2, True), "what is asked for was never done"
    (out / "cells_denoised.ome.tif").unlink()
    status, _, err = quietscope(*words, "--resume")
    assert status == 2
    assert "leave out `--resume`" in err


def test_other_settings_than_it_began_with_are_refused(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    words = ["denoise", str(images / "cells.tif"), "-o", str(tmp_path / "out"), *QUICK]
    with monkeypatch.context() as patch:
        patch.setattr("quietscope.denoiser.Denoiser.denoise_into", stop)
        assert run([*words, "--config", str(images / "tiny.yaml")]) == 130
    capsys.readouterr()
    assert run([*words, "--seed", "7", "--resume"]) == 2
    assert "expected seed = 0, as the run began" in capsys.readouterr().err
    assert run([*words, "--method", "divnoising", "--resume"]) == 2
    assert "expected method = 'hdn', as the run began" in capsys.readouterr().err
