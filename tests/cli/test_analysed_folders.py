"""``quietscope segment``, ``measure`` and ``spots`` of folders, patterns and exported models."""

import csv
from pathlib import Path

import numpy as np
import pytest

from quietscope.io import write_image
from quietscope.pipeline.found_images import find_images
from tests import tiny
from tests.cli.command_line import Quietscope, refused

FUNCTIONS = """
import numpy as np

def halves(image):
    labels = np.ones(image.shape, int)
    labels[..., image.shape[-1] // 2:] = 2
    return labels

def mean(image):
    return {"mean": image.mean()}
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: functions of a user's own, and images of one name in plate/day1 and plate/day2."""
    (tmp_path / "functions_here.py").write_text(FUNCTIONS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for number, day in enumerate(("day1", "day2")):
        (tmp_path / "plate" / day).mkdir(parents=True)
        pixels = np.random.default_rng(number).normal(200.0, 14.0, (32, 32)).astype(np.float32)
        write_image(tmp_path / "plate" / day / "cells.tif", pixels, "YX")
    return tmp_path


def test_segment_keeps_the_tree_of_a_folder_and_never_finds_its_own(
    quietscope: Quietscope, model: Path, here: Path
) -> None:
    words = ("segment", model, "plate", "-o", "plate/out", "--with", "functions_here:halves", "--samples", 2)
    status, out, err = quietscope(*words)
    assert status == 0, err
    assert "day1/cells.tif" in out
    for day in ("day1", "day2"):
        assert (here / "plate" / "out" / day / "cells" / "labels.tif").exists()
    found = [Path(str(each.source)).as_posix() for each in find_images("plate")]
    assert found == ["plate/day1/cells.tif", "plate/day2/cells.tif"]
    refused(quietscope(*words), "which exists", "--overwrite")


def test_what_cannot_be_read_is_told_and_the_others_go_on(quietscope: Quietscope, model: Path, here: Path) -> None:
    (here / "plate" / "day1" / "broken.tif").write_bytes(b"no image")
    status, _, err = quietscope(
        "segment", model, "plate", "-o", "out", "--with", "functions_here:halves", "--samples", 2
    )
    assert status == 2
    assert "broken.tif" in err
    assert "1 of 3 images" in err
    assert (here / "out" / "day2" / "cells" / "objects.csv").exists()
    assert not (here / "out" / "day1" / "broken").exists()


def test_where_nothing_can_be_read_nothing_is_left(quietscope: Quietscope, model: Path, here: Path) -> None:
    for day in ("day1", "day2"):
        (here / "plate" / day / "cells.tif").write_bytes(b"no image")
    status, _, err = quietscope("segment", model, "plate", "-o", "out", "--samples", 2)
    assert status == 2
    assert err.strip().splitlines()[-1].startswith("quietscope: expected")
    assert not (here / "out").exists()


def test_measure_tells_images_of_one_name_apart(quietscope: Quietscope, model: Path, here: Path) -> None:
    words = ("measure", model, "plate/*/cells.tif", "--with", "functions_here:mean", "--samples", 2)
    status, _, err = quietscope(*words, "-o", "table.csv")
    assert status == 0, err
    with (here / "table.csv").open() as file:
        assert [row["image"] for row in csv.DictReader(file)] == ["day1/cells.tif", "day2/cells.tif"]
    refused(quietscope("measure", *words[1:2], "plate/*.png", *words[3:], "-o", "none.csv"), "plate/*.png", "**")


def test_spots_of_a_folder_are_a_table_each(quietscope: Quietscope, model: Path, here: Path) -> None:
    status, _, err = quietscope("spots", model, "plate", "-o", "spots", "--samples", 2)
    assert status == 0, err
    for day in ("day1", "day2"):
        assert (here / "spots" / day / "cells.csv").read_text().startswith("spot,probability")
    refused(quietscope("spots", model, "plate", "-o", "functions_here.py", "--samples", 2), "functions_here.py")


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported model that samples, and one that does not."""
    from quietscope.export import export_model
    from quietscope.methods.divnoising import DivNoising
    from quietscope.methods.noise2void import Noise2Void

    folder = tmp_path_factory.mktemp("exported")
    export_model(tiny.denoiser(DivNoising), folder / "samples.onnx")
    export_model(tiny.denoiser(Noise2Void), folder / "point.onnx")
    return folder


def test_an_exported_model_samples_too(quietscope: Quietscope, exported: Path, here: Path) -> None:
    words = ("segment", exported / "samples.onnx", "plate/day1/cells.tif", "-o", "out", "--samples", 2)
    status, _, err = quietscope(*words, "--with", "functions_here:halves")
    assert status == 0, err
    assert (here / "out" / "labels.tif").exists()


def test_an_exported_model_that_cannot_is_refused_in_one_line(quietscope: Quietscope, exported: Path) -> None:
    for verb in ("segment", "spots"):
        outcome = quietscope(verb, exported / "point.onnx", "plate", "-o", "out")
        refused(outcome, "a method that samples", "an exported model that gives one image", "--method hdn")
