"""What `quietscope segment` has left in the folder of a run has a section in the run's report."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from quietscope.pipeline import segmented_images as room
from quietscope.pipeline.report_files import remake
from quietscope.pipeline.segmented_images import segmented_images
from tests.report.test_sheet import Page, record

COUNTS = "t,count,count_low,count_high,failures,sample_0,sample_1\n0,2,1,3,0,1,3\n1,0,0,0,0,0,0\n"
OBJECTS = "t,object,probability,samples,area\n0,1,0.9500,2,10\n0,2,0.6000,1,10\n"


def segmented(folder: Path, counts: str = COUNTS) -> Path:
    """Write what `segment` writes, as far as the report reads it."""
    folder.mkdir(parents=True)
    (folder / "counts.csv").write_text(counts)
    (folder / "objects.csv").write_text(OBJECTS)
    Image.fromarray(np.zeros((1000, 500, 3), np.uint8)).save(folder / "overlay.png")
    return folder


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """The folder of a run, with its record."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "report.json").write_bytes(record().to_json())
    return folder


def test_counts_and_outlines_are_in_the_report(run_folder: Path) -> None:
    segmented(run_folder / "objects" / "day1")
    segmented(run_folder / "objects" / "labels.ome.zarr" / "0")
    _, missing = remake(run_folder)
    assert not any("Objects" in line for line in missing)
    text = (run_folder / "report.html").read_text(encoding="utf-8")
    Page(text)  # which refuses tags that are not closed in their order
    assert '<h2 id="objects">Objects</h2>' in text
    assert "<td>t 0</td><td>2</td><td>1 to 3</td><td>1</td><td>1</td>" in text
    assert "<td>t 1</td><td>0</td><td>0 to 0</td><td>0</td><td>0</td>" in text
    assert text.count("outlines of the objects of objects/day1 on the mean") == 1
    assert "labels.ome.zarr/0" not in text


def test_a_run_without_objects_has_no_such_section(run_folder: Path) -> None:
    remake(run_folder)
    assert 'id="objects"' not in (run_folder / "report.html").read_text(encoding="utf-8")


def test_an_image_without_frames_is_called_so_and_tables_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    segmented(tmp_path / "a", "count,count_low,count_high,failures,sample_0\n2,1,3,0,1\n")
    segmented(tmp_path / "b", "nothing,of,this\n1,2,3\n")
    (tmp_path / "a" / "objects.csv").write_text("object,probability\n1,0.95\n2,0.8\n")
    (tmp_path / "a" / "overlay.png").write_bytes(b"no picture")
    (found,), (missing,) = segmented_images(tmp_path)
    assert (found.name, found.overlay) == ("a", None)
    assert found.counts == (("the image", "2", "1 to 3", "1", "0"),)
    assert missing.startswith("Objects in b: its tables cannot be read")


def test_pictures_and_images_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST_IMAGES", 3)
    monkeypatch.setattr(room, "MOST_PICTURES", 2)
    for name in "abcd":
        segmented(tmp_path / name)
    found, missing = segmented_images(tmp_path)
    assert [each.overlay is not None for each in found] == [True, True, False]
    assert found[0].overlay is not None
    assert (found[0].overlay.width, found[0].overlay.height) == (400, 800)
    assert missing == ("Objects of further images: those of 3 are shown.",)
