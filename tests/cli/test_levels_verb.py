"""``quietscope levels``: one picture, one table, arrays where they are asked for, one line where it cannot be."""

from pathlib import Path

import numpy as np
import pytest

from quietscope import Denoiser
from quietscope.errors import CaveatWarning
from quietscope.io import read_image, write_image
from tests.cli.command_line import Quietscope


def test_a_picture_and_a_table(quietscope: Quietscope, images: Path, model: Path, tmp_path: Path) -> None:
    target = tmp_path / "levels.png"
    status, out, err = quietscope("levels", model, images / "cells.tif", "-o", target, "--frame", 1, "--samples", 2)
    assert status == 0, err
    with pytest.warns(CaveatWarning, match="opacity"):
        height, width = np.asarray(read_image(target)).shape[:2]
    assert height > 1000
    assert width > 1000
    rows = [line for line in out.splitlines() if " x " in line]
    assert [line.split()[1] for line in rows] == ["1", "0"]  # coarsest first
    assert "4 x 16 x 16" in rows[0]
    assert "100.0%" in rows[1]


def test_arrays_are_those_of_the_library(quietscope: Quietscope, images: Path, model: Path, tmp_path: Path) -> None:
    target, arrays = tmp_path / "levels.png", tmp_path / "levels.npz"
    words = ("levels", model, images / "cells.tif", "-o", target, "--samples", 2, "--frame", 1, "--save", arrays)
    status, _, err = quietscope(*words, "--device", "cpu")
    assert status == 0, err
    denoiser = Denoiser.load(model, device="cpu")
    found = denoiser.levels(images / "cells.tif", frame=1, num_samples=2)
    with np.load(arrays, allow_pickle=False) as saved:
        assert set(saved.files) == {"reconstructions", "prior", "spread", "kl_0", "kl_1"}
        np.testing.assert_allclose(saved["reconstructions"], found.reconstructions, rtol=1e-5)
        np.testing.assert_allclose(saved["kl_1"], found.kl[1], rtol=1e-3, atol=1e-5)
    status, _, err = quietscope(*words)
    assert status == 2
    assert "--overwrite" in err


@pytest.mark.parametrize(("axes", "shape"), [("YX", (40, 300)), ("YX", (11, 9)), ("TYX", (2, 5, 3))])
def test_any_size(quietscope: Quietscope, model: Path, tmp_path: Path, axes: str, shape: tuple[int, ...]) -> None:
    noisy = np.random.default_rng(0).normal(200, 30, shape).astype(np.float32)
    write_image(tmp_path / "a.tif", noisy, axes)
    status, _, err = quietscope("levels", model, tmp_path / "a.tif", "-o", tmp_path / "a.png", "--samples", 2)
    assert status == 0, err
    assert (tmp_path / "a.png").stat().st_size > 5_000


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-o", "levels.tif"], ["levels.png"]),
        (["-o", "levels.png", "--save", "levels.npy"], ["levels.npz"]),
        (["-o", "levels.png", "--samples", "1"], ["--samples 20"]),
        (["-o", "levels.png", "--frame", "2"], ["--frame 1"]),
        (["-o", "levels.png", "--channel", "1"], ["--channel 0"]),
    ],
)
def test_mistakes(
    quietscope: Quietscope,
    images: Path,
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    said: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    status, _, err = quietscope("levels", model, images / "cells.tif", *words)
    assert status == 2
    assert len(err.strip().splitlines()) == 1
    assert all(each in err for each in said), err
    assert not list(tmp_path.iterdir())


def test_a_method_without_levels_is_refused(quietscope: Quietscope, images: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    flat = "training: {patch: 16, batch_size: 2, validate_every: 2, validation_patches: 2}\nnetwork: {filters: 4}\n"
    (tmp_path / "flat.yaml").write_text(flat, encoding="utf-8")
    words = ("--method", "noise2void", "--config", tmp_path / "flat.yaml", "--steps", 1, "--device", "cpu")
    status, _, err = quietscope("train", images / "cells.tif", "-o", folder, *words)
    assert status == 0, err
    status, _, err = quietscope("levels", folder / "model.safetensors", images / "cells.tif", "-o", tmp_path / "a.png")
    assert status == 2
    assert "hierarchy" in err
    assert "noise2void" in err
    assert "--method hdn" in err
