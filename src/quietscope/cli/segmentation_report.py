"""The report that ``quietscope segment`` leaves beside its tables."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from quietscope.version import __version__

if TYPE_CHECKING:
    from quietscope.consensus.segmenting import Segmented, SegmentedFrame
    from quietscope.consensus.spread import Interval

MOST_OBJECTS = 200
"""Objects that are listed; the table beside the report has all."""


def count_rows(found: "Segmented", name: str) -> list[tuple[str, ...]]:
    """Return for each frame: what it is, objects, their interval, how many are sure, and how many are doubtful."""
    from quietscope.consensus.counting import sure_and_doubtful

    lines: list[tuple[str, ...]] = []
    for frame in found.frames:
        sure = [each.probability for each in frame.objects]
        between = f"{frame.count.low:.0f} to {frame.count.high:.0f}"
        many = map(str, sure_and_doubtful(sure))
        lines.append((_place(frame) or name, f"{frame.count.value:.0f}", between, *many))
    return lines


def write_report(
    found: "Segmented",
    files: Mapping[str, Path],
    name: str,
    about: Sequence[tuple[str, str]],
    confidence: float,
    *,
    overwrite: bool,
) -> None:
    """Write the report of a segmentation.

    Args:
        found: What was found.
        files: The "report", .html, and the "overlay" that was drawn.
        name: What the image is called.
        about: Method, segmenter and so on: names and words.
        confidence: Probability of the intervals, 0 to 1.
        overwrite: Whether an existing file may be replaced.

    Raises:
        OutputError: If it cannot be written.
    """
    from quietscope.io import write_bytes_atomically
    from quietscope.report.sheet.overlay_picture import overlay_picture
    from quietscope.report.sheet.segmented_page import SegmentationRecord, segmentation_page

    objects = _object_rows(found, name)
    picture, factor = overlay_picture(files["overlay"])
    size = found.image.pixel_size_um.get("X")
    record = SegmentationRecord(
        name=name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        about=(*about, ("QuietScope", __version__)),
        overlay=picture,
        pixel_size_um=None if size is None else size * factor,
        confidence=confidence,
        counts=tuple(count_rows(found, name)),
        objects=tuple(objects[:MOST_OBJECTS]),
        more_objects=max(len(objects) - MOST_OBJECTS, 0),
        notes=(found.note, *(failure.words for frame in found.frames for failure in frame.failures)),
    )
    write_bytes_atomically(files["report"], segmentation_page(record).encode(), overwrite=overwrite)


def _object_rows(found: "Segmented", name: str) -> list[tuple[str, ...]]:
    lines = [(each.probability, _place(frame) or name, each) for frame in found.frames for each in frame.objects]
    return [
        (place, f"{each.label}", f"{p:.2f}", *_number(each.area), *_number(each.intensity))
        for p, place, each in sorted(lines, key=lambda line: line[0])
    ]


def _number(found: "Interval") -> tuple[str, str]:
    return f"{found.value:.4g}", f"{found.low:.4g} to {found.high:.4g}"


def _place(frame: "SegmentedFrame") -> str:
    return ", ".join(f"{letter} {number}" for letter, number in frame.at.items())
