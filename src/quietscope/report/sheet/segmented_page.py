"""The report of a segmentation by consensus: a picture, counts with their intervals, and objects."""

from dataclasses import dataclass

from quietscope.report.sheet.markup import figure, folded, listed, paragraph, rows, section, table
from quietscope.report.sheet.page import page_with, said_when
from quietscope.report.sheet.run_record import Picture
from quietscope.report.sheet.segmented_part import COUNT_HEADS

OBJECT_HEADS = ("frame", "object", "probability", "area", "interval of the area", "intensity", "its interval")


@dataclass(frozen=True, kw_only=True)
class SegmentationRecord:
    """What there is to tell of a segmentation.

    Attributes:
        name: What the image is called.
        created: When it was segmented, UTC, ISO 8601.
        about: Method, segmenter and so on: names and words.
        overlay: The outlines on the mean of the samples.
        pixel_size_um: Micrometres from one column of the picture to the next; None where that is not known.
        confidence: Probability of the intervals, 0 to 1.
        counts: A line for each frame, as `COUNT_HEADS` has them.
        objects: A line for each object, the least sure first, as `OBJECT_HEADS` has them.
        more_objects: How many more there are than are listed.
        notes: What is to be said of the intervals, and what has failed.
    """

    name: str
    created: str
    about: tuple[tuple[str, str], ...]
    overlay: Picture
    pixel_size_um: float | None
    confidence: float
    counts: tuple[tuple[str, ...], ...]
    objects: tuple[tuple[str, ...], ...]
    more_objects: int
    notes: tuple[str, ...]


def segmentation_page(record: SegmentationRecord) -> str:
    """Return the report as HTML that needs no other file.

    Args:
        record: What there is to tell.

    Returns:
        The text of the file.
    """
    sections = [_counts(record), _picture(record), _objects(record), section("how", "How", rows(record.about, "how"))]
    about = f"Segmented by consensus; {said_when(record.created)}"
    return page_with(f"QuietScope: {record.name}, objects", about, [each for each in sections if each])


def _counts(record: SegmentationRecord) -> str:
    title = f"objects of each frame, with intervals of {100 * record.confidence:g} %"
    notes = f"<h3>Notes</h3>{listed(record.notes)}" if record.notes else ""
    return section("counts", "Counts", table(COUNT_HEADS, record.counts, title), notes)


def _picture(record: SegmentationRecord) -> str:
    words = (
        "Outlines on the mean of the samples: green where every sample has the object, red where none has. Of a "
        "series the first frame, of a volume the plane with the most on it."
    )
    alt = f"outlines of the objects of {record.name} on the mean of the samples"
    drawn = figure(record.overlay, record.name, alt, record.pixel_size_um, levels=False)
    return section("overlay", "Objects on the image", paragraph(words), f'<div class="figures whole">{drawn}</div>')


def _objects(record: SegmentationRecord) -> str:
    """Return the objects, the least sure first: those a person has to look at."""
    words = (
        "The probability of an object is the share of the samples that have it, or what a correction makes of that, as "
        "said below. The least sure come first."
    )
    more = f"{record.more_objects:,} more are in objects.csv." if record.more_objects else ""
    shown = table(OBJECT_HEADS, record.objects, "objects, areas in pixels")
    return section(
        "objects", "Objects", paragraph(words), folded(f"{len(record.objects):,} objects", shown), paragraph(more)
    )
