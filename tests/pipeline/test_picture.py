"""The picture and the table of a run say the same: figures of the whole image, whatever part of it is shown."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from quietscope import DenoisePlan, Request, read_image, run, write_image
from quietscope.metrics import psnr
from quietscope.pipeline import reporting
from quietscope.pipeline.events import Event, Note
from quietscope.pipeline.results import Results
from quietscope.report.overview import Overview
from quietscope.report.table import psnr_words

MakePlan = Callable[..., DenoisePlan]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Overview]:
    """What pictures show, in the order in which they are drawn; nothing is drawn."""
    found: list[Overview] = []
    monkeypatch.setattr(reporting, "write_overview", lambda _path, overview, **_: found.append(overview))
    return found


def test_figures_are_those_of_the_table(tmp_path: Path, cells: Path, plan_of: MakePlan, shown: list[Overview]) -> None:
    """The picture shows one frame of two; its own figures would differ from those of both."""
    plan = plan_of(tmp_path / "out", clean=[cells / "clean_a.tif"], request=Request(num_samples=4))
    [image] = run(plan).images
    [picture] = shown
    assert image.before is not None
    assert image.after is not None
    assert picture.part == "frame 1 of 2"
    assert picture.titles == {
        "noisy": f"({psnr_words(image.before['psnr'])})",
        "mean": f"({psnr_words(image.after['psnr'])})",
    }
    assert picture.clean is not None
    assert psnr_words(psnr(picture.noisy, picture.clean)) not in picture.titles["noisy"]
    assert picture.calibration is not None
    assert picture.calibration == image.calibration
    assert picture.calibration.num_pixels == np.asarray(read_image(cells / "a.tif")).size
    assert picture.calibrated_on == ""
    assert image.honesty == picture.calibration.describe()


def test_figures_that_no_file_holds_are_said_to_be_of_the_part(
    tmp_path: Path, cells: Path, plan_of: MakePlan, shown: list[Overview]
) -> None:
    plan = plan_of(tmp_path / "out", clean=[cells / "clean_a.tif"], results=Results(kinds=("std",)))
    [image] = run(plan).images
    [picture] = shown
    assert image.calibration is None
    assert picture.calibration is not None
    assert picture.calibrated_on == " in this part"
    assert picture.titles["mean"].endswith(" dB in this part)")


@pytest.mark.parametrize("above", [0.0, 1000.0])
def test_a_reference_of_another_offset_is_told_of(
    tmp_path: Path, plan_of: MakePlan, shown: list[Overview], above: float
) -> None:
    """The model has learnt little in six steps; its result is taken for the clean image here."""
    assert not shown
    first = run(plan_of(tmp_path / "first"))
    result = read_image(first.images[0].files["denoised"])
    write_image(tmp_path / "clean.tif", np.asarray(result.data) - above, result.axes)
    told: list[Event] = []
    run(plan_of(tmp_path / "out", clean=[tmp_path / "clean.tif"]), told.append)
    notes = [each.text for each in told if isinstance(each, Note) and "clean reference" in each.text]
    assert len(notes) == (1 if above else 0)
    assert all(text.startswith("a.tif: ") for text in notes)
    assert all("the result lies 1000 above the clean reference" in text for text in notes)
