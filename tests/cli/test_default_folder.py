"""`quietscope denoise cells.tif` writes beside the image, into a folder of its name."""

import shutil
from pathlib import Path

import pytest

from quietscope.errors import OutputError
from quietscope.pipeline.files import folder_beside
from tests.cli.command_line import Quietscope, refused

QUICK = ("--steps", "2", "--method", "noise2void", "--no-calibrate", "--device", "cpu")


@pytest.fixture
def place(images: Path, tmp_path: Path) -> Path:
    """Return a folder with cells.tif and tiny settings."""
    shutil.copy(images / "cells.tif", tmp_path / "cells.tif")
    settings = "network: {depth: 1, filters: 4}\ntraining: {patch: 16, batch_size: 2, validation_patches: 2}\n"
    (tmp_path / "tiny.yaml").write_text(settings, encoding="utf-8")
    return tmp_path


def test_results_lie_beside_the_image_and_are_kept_as_elsewhere(quietscope: Quietscope, place: Path) -> None:
    words = ["denoise", place / "cells.tif", "--config", place / "tiny.yaml", *QUICK]
    assert quietscope(*words)[0] in (0, 3)
    written = place / "cells_quietscope"
    assert {"cells_denoised.ome.tif", "model.safetensors", "overview.png"} <= {each.name for each in written.iterdir()}
    before = (written / "model.safetensors").stat().st_mtime_ns
    refused(quietscope(*words), "cells_quietscope", "--overwrite")
    status, _, said = quietscope(*words, "--resume")
    assert (status, "cells_quietscope" in said) == (0, True)
    assert (written / "model.safetensors").stat().st_mtime_ns == before
    assert quietscope(*words, "--overwrite")[0] in (0, 3)
    assert (written / "model.safetensors").stat().st_mtime_ns > before


def test_a_folder_has_its_results_beside_it(quietscope: Quietscope, place: Path) -> None:
    folder = place / "day1.5"
    folder.mkdir()
    (place / "cells.tif").rename(folder / "cells.tif")
    words = ["denoise", folder, "--config", place / "tiny.yaml", *QUICK]
    assert quietscope(*words, "--dry-run")[0] == 0
    assert not (place / "day1.5_quietscope").exists()
    assert quietscope(*words)[0] in (0, 3)
    assert (place / "day1.5_quietscope" / "cells_denoised.ome.tif").is_file()
    assert [each.name for each in folder.iterdir()] == ["cells.tif"]


def test_several_images_and_patterns_need_a_folder(quietscope: Quietscope, place: Path) -> None:
    shutil.copy(place / "cells.tif", place / "more.tif")
    refused(quietscope("denoise", place / "cells.tif", place / "more.tif", *QUICK), "2 of them", "--output out/")
    refused(quietscope("denoise", place / "*.tif", *QUICK), "*.tif", "--output out/")
    assert sorted(each.name for each in place.iterdir()) == ["cells.tif", "more.tif", "tiny.yaml"]


def test_an_image_that_is_not_there_leaves_nothing(quietscope: Quietscope, place: Path) -> None:
    refused(quietscope("denoise", place / "none.tif", *QUICK), "none.tif")
    assert not (place / "none_quietscope").exists()


def test_the_folder_has_the_name_of_what_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.ome.zarr").mkdir()
    (tmp_path / "[1].tif").touch()
    expected = {"a.ome.zarr": "a", "a.ome.zarr/": "a", "b.ome.tif": "b", "b.2.czi": "b.2", "[1].tif": "[1]"}
    found = {name: folder_beside([f"{tmp_path}/{name}"]) for name in expected}
    assert found == {name: tmp_path / f"{stem}_quietscope" for name, stem in expected.items()}
    (tmp_path / "run").mkdir()
    monkeypatch.chdir(tmp_path / "run")
    assert folder_beside(["."]) == tmp_path / "run_quietscope"
    for each in ("/", str(tmp_path / "day*" / "cells.tif"), str(tmp_path / "[ab].tif")):
        with pytest.raises(OutputError, match="no name to go by"):
            folder_beside([each])
