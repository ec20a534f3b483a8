"""Corrections of probabilities and varied diameters of ``quietscope segment``, and what `report` says of its folder."""

import csv
from pathlib import Path

import pytest

from quietscope.consensus.existence import SIMULATED, ExistenceCorrection
from quietscope.consensus.existence_file import save_existence
from tests.cli.command_line import Quietscope, refused

HALVES = "import numpy as np\n\ndef halves(image):\n    return 1 + (np.indices(image.shape)[1] >= 32).astype(int)\n"


@pytest.fixture(autouse=True)
def functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "halving.py").write_text(HALVES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))


def probabilities(folder: Path) -> set[str]:
    with (folder / "objects.csv").open() as file:
        return {row["probability"] for row in csv.DictReader(file)}


def words_of(model: Path, images: Path, *more: object, by: str = "halving:halves") -> tuple[object, ...]:
    return ("segment", model, images / "cells.tif", "-o", "out", "--samples", 2, "--with", by, *more)


def test_a_correction_is_written_in_python_and_read(
    quietscope: Quietscope, images: Path, model: Path, tmp_path: Path
) -> None:
    correction = ExistenceCorrection(0.5, -0.5)
    save_existence(correction, tmp_path / "own.json")
    status, _, err = quietscope(*words_of(model, images, "--existence", "own.json"))
    assert status == 0, err
    assert probabilities(tmp_path / "out") == {f"{correction.apply([1.0])[0]:.4f}"}
    assert "corrected by own.json" in (tmp_path / "out" / "segmentation.html").read_text()


@pytest.mark.parametrize(("more", "p"), [([], 1.0), (["--existence", "simulated"], SIMULATED.apply([1.0])[0])])
def test_other_segmenters_are_corrected_where_that_is_asked_for(
    quietscope: Quietscope, images: Path, model: Path, tmp_path: Path, more: list[str], p: float
) -> None:
    assert quietscope(*words_of(model, images, *more))[0] == 0
    assert probabilities(tmp_path / "out") == {f"{p:.4f}"}


@pytest.mark.parametrize(
    ("by", "more", "said"),
    [
        ("watershed", ["--existence", "no-such.json"], ["a correction of probabilities", "no-such.json: No such file"]),
        ("watershed", ["--existence", "halving.py"], ["halving.py: no JSON"]),
        ("halving:halves", ["--vary-diameter", "0.2"], ["a diameter to vary", "--vary-diameter"]),
        ("watershed", ["--vary-diameter", "2"], ["from 0 to 1; got 2", "--vary-diameter 0.25"]),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    quietscope: Quietscope, images: Path, model: Path, tmp_path: Path, by: str, more: list[str], said: list[str]
) -> None:
    refused(quietscope(*words_of(model, images, *more, by=by)), *said)
    assert not (tmp_path / "out").exists()


def test_diameters_vary_and_are_told(quietscope: Quietscope, images: Path, model: Path, tmp_path: Path) -> None:
    more = ("--diameter", 12, "--vary-diameter", 0.5, "--processes", 2)
    status, _, err = quietscope(*words_of(model, images, *more, by="watershed"))
    assert status == 0, err
    page = (tmp_path / "out" / "segmentation.html").read_text()
    assert "watershed, diameter 12 pixels, 5 diameters in turn" in page
    assert "learnt from simulated fields" in page


def test_report_says_where_the_report_of_a_segmentation_is(
    quietscope: Quietscope, images: Path, model: Path, tmp_path: Path
) -> None:
    assert quietscope(*words_of(model, images))[0] == 0
    refused(quietscope("report", "out"), "quietscope segment", "open out/segmentation.html")
    (tmp_path / "out" / "segmentation.html").unlink()
    refused(quietscope("report", "out"), "run `quietscope segment` again")
