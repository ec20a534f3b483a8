"""The report of a comparison: do two groups of images differ, given how sure each number is."""

from dataclasses import dataclass

from quietscope.report.sheet.markup import listed, paragraph, rows, section, table
from quietscope.report.sheet.page import page_with, said_when

DIFFERENCE_HEADS = ("what", "first group", "second group", "second less first", "its interval", "verdict")
IMAGE_HEADS = ("what", "group", "image", "median of its samples", "interval")


@dataclass(frozen=True, kw_only=True)
class ComparisonRecord:
    """What there is to tell of a comparison.

    Attributes:
        first: What the first group is called.
        second: What the second is called.
        created: When they were compared, UTC, ISO 8601.
        confidence: Probability of the intervals.
        differences: A line for each number, as `DIFFERENCE_HEADS` has them.
        images: A line for each number of each image, as `IMAGE_HEADS` has them.
        notes: What is to be said of the intervals.
    """

    first: str
    second: str
    created: str
    confidence: float
    differences: tuple[tuple[str, ...], ...]
    images: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


def comparison_page(record: ComparisonRecord) -> str:
    """Return the report as HTML that needs no other file.

    Args:
        record: What there is to tell.

    Returns:
        The text of the file.
    """
    sections = [_differences(record), _images(record), _how(record)]
    return page_with(f"QuietScope: {record.first} and {record.second}", said_when(record.created), sections)


def _differences(record: ComparisonRecord) -> str:
    named = rows([("first group", record.first), ("second group", record.second)], "the groups")
    title = f"differences, with intervals of {100 * record.confidence:g} %"
    return section("differences", "Are they different?", named, table(DIFFERENCE_HEADS, record.differences, title))


def _images(record: ComparisonRecord) -> str:
    title = f"what every image gave, with intervals of {100 * record.confidence:g} %"
    return section("images", "Images", table(IMAGE_HEADS, record.images, title))


def _how(record: ComparisonRecord) -> str:
    words = (
        "Images of a group are drawn with replacement, and of each that is drawn one of its samples, 4,000 times: "
        "the interval of the difference holds both how images differ and how sure the number of each is. A difference "
        "is told apart from none where its interval leaves out 0. One image alone says nothing of others like it."
    )
    return section("how", "How they were compared", paragraph(words), listed(each for each in record.notes if each))
