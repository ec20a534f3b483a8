"""The report of a segmentation: nothing from outside is markup, and what is not listed is told."""

from typing import Any

from quietscope.report.sheet.run_record import Picture
from quietscope.report.sheet.segmented_page import SegmentationRecord, segmentation_page

PICTURE = Picture(png="", width=4, height=4, low=0.0, high=255.0)


def record(**changed: object) -> SegmentationRecord:
    usual: dict[str, Any] = {
        "name": "<b>cells</b>.tif",
        "created": "2026-01-02T03:04:05+00:00",
        "about": (("segmenter", "<script>"),),
        "overlay": PICTURE,
        "pixel_size_um": None,
        "confidence": 0.9,
        "counts": (("T 0", "2", "1 to 3", "1", "1"),),
        "objects": (("T 0", "1", "0.55", "10", "9 to 11", "5", "4 to 6"),),
        "more_objects": 0,
        "notes": (),
    }
    return SegmentationRecord(**{**usual, **changed})


def test_text_is_no_markup() -> None:
    page = segmentation_page(record())
    assert "<b>cells" not in page
    assert "&lt;b&gt;cells&lt;/b&gt;.tif" in page
    assert "<td>&lt;script&gt;</td>" in page


def test_what_is_left_out_is_told_and_headings_are_linked() -> None:
    page = segmentation_page(record(more_objects=1234, notes=("too narrow",)))
    assert "1,234 more are in objects.csv." in page
    assert "<li>too narrow</li>" in page
    assert "intervals of 90 %" in page
    for name in ("counts", "overlay", "objects", "how"):
        assert f'href="#{name}"' in page
        assert f'<h2 id="{name}">' in page
    assert "more are in" not in segmentation_page(record())


def test_an_image_without_objects_has_no_table_of_them() -> None:
    assert "<details>" not in segmentation_page(record(objects=()))
