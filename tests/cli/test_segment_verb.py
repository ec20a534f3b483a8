"""``quietscope segment``, ``measure`` and ``spots``: what they write and print, and one line where they cannot."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest

from quietscope.io import read_image
from tests.cli.command_line import Quietscope, refused

HALVES = """
import numpy as np

def halves(image):
    labels = np.ones(image.shape, int)
    labels[:, image.shape[1] // 2:] = 2
    return labels

def floats(image):
    return image

def mean(image):
    return {"mean": image.mean(), "top": image.max()}
"""


@pytest.fixture(autouse=True)
def functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions of a user's own in the current folder."""
    (tmp_path / "own_functions.py").write_text(HALVES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.fixture(scope="session")
def point_model(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from quietscope.methods.noise2void import Noise2Void
    from tests import tiny

    path = tmp_path_factory.mktemp("point") / "n2v.safetensors"
    tiny.denoiser(Noise2Void).save(path)
    return path


def test_segment_writes_labels_and_tables(quietscope: Quietscope, images: Path, model: Path, tmp_path: Path) -> None:
    words = ("segment", model, images / "cells.tif", "-o", tmp_path / "out", "--samples", 3)
    status, out, err = quietscope(*words, "--with", "own_functions:halves")
    assert status == 0, err
    assert "2 to 2" in out
    assert "recalibrate" in err
    labels = np.asarray(read_image(tmp_path / "out" / "labels.tif").data)
    assert labels.shape == (2, 64, 64)
    assert np.unique(labels).tolist() == [1, 2]
    with (tmp_path / "out" / "objects.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["T"], row["object"], row["probability"]) for row in rows] == [
        (frame, number, "1.0000") for frame in "01" for number in "12"
    ]
    refused(quietscope(*words, "--with", "own_functions:halves"), "which exists", "--overwrite")


def test_several_images_have_a_folder_each(quietscope: Quietscope, images: Path, model: Path, tmp_path: Path) -> None:
    words = ("segment", model, images / "cells.tif", images / "clean.tif", "-o", tmp_path / "out", "--samples", 2)
    status, _, err = quietscope(*words, "--with", "own_functions:halves")
    assert status == 0, err
    assert (tmp_path / "out" / "cells" / "counts.csv").exists()
    assert (tmp_path / "out" / "clean" / "overlay.png").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--with", "nonsense"], ["a segmenter among threshold, watershed"]),
        (["--with", "own_functions:floats"], ["labels in integers; got float32"]),
        (["--with", "false {input} {output}"], ["at least half of 2 samples", "sample 1"]),
        (["--diameter", "-3"], ["a diameter above 0", "--diameter"]),
        (["--with", "cellpose"], ["a model of yours", "--weights"]),
        (["--channel", "3"], ["a channel from 0 to 0"]),
        (["--dims", "3"], ["the axes ZYX"]),
        (["--confidence", "2"], ["a confidence between 0 and 1"]),
        (["--processes", "0"], ["at least one process"]),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    quietscope: Quietscope, images: Path, model: Path, tmp_path: Path, words: list[str], said: list[str]
) -> None:
    outcome = quietscope("segment", model, images / "cells.tif", "-o", tmp_path / "out", "--samples", 2, *words)
    status, _, err = outcome
    assert status == 2
    last = err.strip().splitlines()[-1]
    assert last.startswith("quietscope: expected")
    assert [word for word in said if word not in last] == [], last
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("verb", ["segment", "measure", "spots"])
def test_a_point_method_is_refused_before_anything_is_read(
    quietscope: Quietscope, point_model: Path, tmp_path: Path, verb: str
) -> None:
    extra = ["--with", "own_functions:mean"] if verb == "measure" else []
    name = "out" if verb == "segment" else "out.csv"
    outcome = quietscope(verb, point_model, tmp_path / "none.tif", "-o", tmp_path / name, *extra)
    refused(outcome, "a method that samples", "noise2void", "--method hdn", "--method instant")


def test_measure_and_compare(quietscope: Quietscope, images: Path, model: Path, tmp_path: Path) -> None:
    words = ("measure", model, images / "cells.tif", "--with", "own_functions:mean", "--samples", 4)
    status, out, err = quietscope(*words, "-o", tmp_path / "a.csv")
    assert status == 0, err
    assert "cells.tif" in out
    with (tmp_path / "a.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["column"] for row in rows] == ["mean", "top"]
    assert float(rows[0]["low"]) <= float(rows[0]["mean"]) <= float(rows[0]["high"])
    status, out, err = quietscope(*words, "-o", tmp_path / "b.csv", "--compare", tmp_path / "a.csv")
    assert status == 0, err
    assert "not told apart" in " ".join(out.split())
    page = (tmp_path / "b_comparison.html").read_text()
    assert "<td>top</td>" in page
    assert page.count("not told apart, by the measurement alone") == 2
    refused(quietscope(*words, "-o", tmp_path / "c.csv", "--compare", images / "tiny.yaml"), "a table of")


def test_counts_of_two_groups_are_compared(quietscope: Quietscope, images: Path, model: Path, tmp_path: Path) -> None:
    shutil.copy(images / "cells.tif", tmp_path / "more.tif")
    words = ("segment", model, images / "cells.tif", tmp_path / "more.tif", "--samples", 4, "--diameter", 8)
    status, _, err = quietscope(*words, "-o", tmp_path / "one")
    assert status == 0, err
    assert not (tmp_path / "one" / "comparison.html").exists()
    status, out, err = quietscope(*words, "-o", tmp_path / "other", "--compare", tmp_path / "one")
    assert status == 0, err
    assert "count:" in " ".join(out.split())
    page = (tmp_path / "other" / "comparison.html").read_text()
    assert "not told apart" in page
    assert page.count("<td>count</td>") == 1 + 2 * 2, "the difference, and two images of each group"
    again = quietscope(*words, "-o", tmp_path / "new", "--compare", tmp_path / "other" / "comparison.html")
    refused(again, "a table of `quietscope measure`")
    refused(quietscope(*words, "-o", tmp_path / "new", "--compare", images), "a folder of `quietscope segment`")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("verb", ["measure", "spots"])
def test_a_table_has_the_name_of_one(
    quietscope: Quietscope, images: Path, model: Path, tmp_path: Path, verb: str
) -> None:
    extra = ["--with", "own_functions:mean"] if verb == "measure" else []
    outcome = quietscope(verb, model, images / "cells.tif", "-o", tmp_path / "out", *extra)
    refused(outcome, "ends in .csv", "out.csv")
    assert not (tmp_path / "out").exists()


def test_tables_without_a_column_in_common_are_refused_before_one_is_written(
    quietscope: Quietscope, images: Path, model: Path, tmp_path: Path
) -> None:
    (tmp_path / "other.csv").write_text("image,row,column,sample_0,sample_1\nx,0,area,1,3\n")
    words = ("measure", model, images / "cells.tif", "--with", "own_functions:mean", "--samples", 2)
    status, _, err = quietscope(*words, "-o", tmp_path / "mine.csv", "--compare", tmp_path / "other.csv")
    assert status == 2
    assert "a column in common; got area and mean, top" in err
    assert not (tmp_path / "mine.csv").exists()


def test_images_of_one_name_are_told_apart_by_their_folders(
    quietscope: Quietscope, images: Path, model: Path, tmp_path: Path
) -> None:
    for folder in ("day1", "day2"):
        (tmp_path / folder).mkdir()
        shutil.copy(images / "cells.tif", tmp_path / folder / "a.b.tif")
    named = [Path("day1", "a.b.tif"), Path("day2", "a.b.tif")]
    words = ("--samples", 2, "-o", tmp_path / "out")
    status, _, err = quietscope("segment", model, *named, *words, "--with", "own_functions:halves")
    assert status == 0, err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["day1_a.b", "day2_a.b"]
    status, _, err = quietscope("measure", model, *named, *words[:2], "-o", "t.csv", "--with", "own_functions:mean")
    assert status == 0, err
    with Path("t.csv").open() as file:
        assert {row["image"] for row in csv.DictReader(file)} == {"day1_a.b.tif", "day2_a.b.tif"}
    outcome = quietscope("segment", model, named[0], named[0], "-o", tmp_path / "twice", "--samples", 2)
    refused(outcome, "different names", "twice")


def test_a_folder_that_cannot_be_made_is_refused_before_samples_are_drawn(
    quietscope: Quietscope, images: Path, model: Path, tmp_path: Path
) -> None:
    named = [images / "cells.tif", images / "clean.tif"]
    refused(quietscope("segment", model, *named, "-o", tmp_path / "no" / "such"), "an existing folder", "mkdir -p")


def test_an_image_without_objects_does_not_keep_others_from_theirs(
    quietscope: Quietscope, images: Path, model: Path, tmp_path: Path
) -> None:
    (tmp_path / "rare_functions.py").write_text(
        "calls = iter(range(100))\n"
        "def first_has_none(image):\n"
        "    return (image > 0).astype(int) * (next(calls) >= 6)\n"
    )
    named = [images / "cells.tif", images / "clean.tif"]
    words = ("-o", tmp_path / "out", "--samples", 2, "--with", "rare_functions:first_has_none")
    status, _, err = quietscope("segment", model, *named, *words)
    assert status == 0, err
    assert "no object in any of 2 samples" in err
    tables = {name: (tmp_path / "out" / name / "objects.csv").read_text() for name in ("cells", "clean")}
    assert [len(text.splitlines()) for text in tables.values()] == [1, 3]


def test_spots_are_listed(quietscope: Quietscope, images: Path, model: Path, tmp_path: Path) -> None:
    words = ("spots", model, images / "cells.tif", "--samples", 3, "-o", tmp_path / "spots.csv", "--radius", 3)
    status, _, err = quietscope(*words)
    assert status == 0, err
    lines = (tmp_path / "spots.csv").read_text().splitlines()
    assert lines[0].startswith("T,spot,probability,brightness")
    assert len(lines) > 1
    refused(quietscope(*words[:-1], 0, "--overwrite"), "a radius", "--radius")


def test_a_report_shows_counts_objects_and_notes(
    quietscope: Quietscope, images: Path, model: Path, tmp_path: Path
) -> None:
    words = ("segment", model, images / "cells.tif", "-o", tmp_path / "out", "--samples", 2)
    status, _, err = quietscope(*words, "--with", "own_functions:halves")
    assert status == 0, err
    page = (tmp_path / "out" / "segmentation.html").read_text()
    assert "<td>T 0</td><td>2</td><td>2 to 2</td><td>2</td><td>0</td>" in page
    assert page.count("<td>1.00</td>") == 4
    assert "recalibrate" in page
    assert "own_functions:halves" in page
    assert 'src="data:image/png;base64,' in page
    assert 'aria-label="scale bar: ' in page
    assert "http" not in page.replace("http-equiv", "")
