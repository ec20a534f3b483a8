"""`quietscope export`, and `predict` and `info` with what it wrote."""

import contextlib
import io
import shutil
from pathlib import Path

import numpy as np
import pytest

from quietscope.io import read_image
from tests.cli.command_line import Quietscope


@pytest.fixture(scope="module")
def export(model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The session's model as ONNX, and what the verb printed."""
    from quietscope.cli import run

    path = tmp_path_factory.mktemp("exported") / "model.onnx"
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert run(["export", str(model), "-o", str(path)]) == 0
    return path, printed.getvalue()


@pytest.fixture
def onnx(export: tuple[Path, str]) -> Path:
    return export[0]


def test_the_table_says_what_was_written(quietscope: Quietscope, model: Path, export: tuple[Path, str]) -> None:
    path, out = export
    for words in ("ONNX", "MB", "height, width, samples", "of the image's range"):
        assert words in out
    status, _, err = quietscope("export", model, "-o", path)
    assert status == 2
    assert "--overwrite" in err


def test_an_exported_model_predicts_as_the_model_does(
    quietscope: Quietscope, images: Path, model: Path, onnx: Path, tmp_path: Path
) -> None:
    options = ["--samples", "3", "--seed", "4", "--save", "mean,std"]
    for name, file in (("a", model), ("b", onnx)):
        status, _, err = quietscope(
            "predict", file, images / "cells.tif", "-o", tmp_path / f"{name}.tif", *options, "--device", "cpu"
        )
        assert status == 0, err
    for suffix in ("", "_std"):
        mine, theirs = (read_image(tmp_path / f"{name}{suffix}.tif") for name in ("b", "a"))
        assert mine.pixel_size_um == theirs.pixel_size_um
        np.testing.assert_allclose(np.asarray(mine), np.asarray(theirs), rtol=1e-3, atol=0.05)


def test_a_folder_and_all_estimates_work_too(quietscope: Quietscope, images: Path, onnx: Path, tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    shutil.copy(onnx, folder / "model.onnx")
    words = ["--save", "mean,map,quantiles", "--samples", "4", "--augment", "--tile", "32"]
    status, _, err = quietscope("predict", folder, images / "cells.tif", "-o", tmp_path / "out.tif", *words)
    assert status == 0, err
    assert {path.name for path in tmp_path.glob("out*")} == {"out.tif", "out_map.tif", "out_quantiles.tif"}
    status, out, _ = quietscope("info", folder)
    assert status == 0
    for word in ("exported model", "hdn", "multiples of 4 x 4"):
        assert word in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["export", "{model}", "-o", "{out}/model.tflite"], ".onnx (ONNX)"),
        (["export", "{model}", "-o", "{out}/no/model.onnx"], "mkdir -p"),
        (["export", "{images}/cells.tif", "-o", "{out}/model.onnx"], "model"),
        (["predict", "{onnx}", "{images}/cells.tif", "-o", "{out}/o.tif", "--device", "quantum"], "--device cpu"),
        (["predict", "{onnx}", "{images}/cells.tif", "-o", "{out}/o.tif", "--axes", "CYX"], "1 channel"),
        (["predict", "{onnx}", "{images}/cells.tif", "-o", "{out}/o.tif", "--save", "deconvolved"], "no PSF"),
        (["predict", "{out}", "{images}/cells.tif", "-o", "{out}/o.tif"], "one model in the folder"),
        (["predict", "{out}/gone.xml", "{images}/cells.tif", "-o", "{out}/o.tif"], "does not exist"),
        (["info", "{out}/gone.onnx"], "does not exist"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_mistakes_are_one_line(
    quietscope: Quietscope, images: Path, model: Path, onnx: Path, tmp_path: Path, words: list[str], said: str
) -> None:
    places = {"images": images, "model": model, "onnx": onnx, "out": tmp_path}
    status, _, err = quietscope(*(word.format(**places) for word in words))
    assert status == 2
    assert said in err
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())
