"""What the verbs that analyse samples say of two groups: lines on the screen, and a page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from quietscope.cli.screen import Screen

if TYPE_CHECKING:
    from quietscope.consensus.groups import Difference, Group
    from quietscope.model.trained import TrainedModel

MOST_IMAGES = 1000
"""Lines of images on the page."""


@dataclass(frozen=True, kw_only=True)
class ComparedCounts:
    """Counts of `quietscope segment` beside those of another group, where that is asked for.

    Attributes:
        name: What the other group is called; empty where there is none.
        other: Its counts.
        output: Folder of this one.
        overwrite: Whether a page that exists may be replaced.
    """

    name: str
    other: "Group"
    output: Path
    overwrite: bool

    @classmethod
    def of(cls, compare: Path | None, output: Path, *, overwrite: bool) -> "ComparedCounts":
        """Read the other group, and refuse a page that stands in the way.

        Raises:
            SettingsError: If there are no counts.
            OutputError: If there is such a page and `overwrite` is false.
        """
        from quietscope.consensus.groups import counts_in
        from quietscope.consensus.segment_files import check_inside
        from quietscope.io.segment_names import COMPARISON

        if compare is None:
            return cls(name="", other={}, output=output, overwrite=overwrite)
        check_inside(output, COMPARISON, overwrite=overwrite)
        return cls(name=str(compare), other=counts_in(compare), output=output, overwrite=overwrite)

    def tell(self, folders: Sequence[Path], confidence: float, model: "TrainedModel", screen: Screen) -> None:
        """Compare what was found, by the tables in the folders of the images; nothing where there is no other group."""
        from quietscope.consensus.groups import counts_of
        from quietscope.consensus.spread import spread_note
        from quietscope.io.segment_names import COMPARISON, COUNTS

        tables = [folder / COUNTS for folder in folders if (folder / COUNTS).exists()]
        if self.name and tables:
            groups = (self.name, self.other), (str(self.output), counts_of(tables))
            page = self.output / COMPARISON
            tell_comparison(*groups, page, confidence, spread_note(model), screen, overwrite=self.overwrite)


def tell_comparison(
    first: "tuple[str, Group]",
    second: "tuple[str, Group]",
    page: Path,
    confidence: float,
    note: str,
    screen: Screen,
    *,
    overwrite: bool,
) -> None:
    """Compare two groups, say on the screen how they differ, and write the page.

    Args:
        first: Name and numbers of the first group.
        second: Those of the second.
        page: The file, .html.
        confidence: Probability of the intervals, 0 to 1.
        note: What is to be said of the intervals of single images.
        screen: The screen.
        overwrite: Whether an existing file may be replaced.

    Raises:
        SettingsError: If they have no column in common.
        OutputError: If the page cannot be written.
    """
    from quietscope.consensus.groups import differences
    from quietscope.io import write_bytes_atomically
    from quietscope.report.sheet.compared_page import ComparisonRecord, comparison_page

    found = differences(first[1], second[1], confidence)
    for each in found:
        screen.show(f"{first[0]} and {second[0]}: {each.words}")
    record = ComparisonRecord(
        first=first[0],
        second=second[0],
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        confidence=confidence,
        differences=tuple(map(_row_of, found)),
        images=tuple(_image_rows([each.column for each in found], [first, second], confidence)[:MOST_IMAGES]),
        notes=(note,),
    )
    write_bytes_atomically(page, comparison_page(record).encode(), overwrite=overwrite)
    screen.show(f"comparison: {page}")


def _row_of(found: "Difference") -> tuple[str, ...]:
    between = f"{found.between.low:+.4g} to {found.between.high:+.4g}"
    values = (f"{found.first:.4g}", f"{found.second:.4g}", f"{found.between.value:+.4g}")
    return (found.column, *values, between, found.verdict)


def _image_rows(
    columns: Sequence[str], groups: "Sequence[tuple[str, Group]]", confidence: float
) -> list[tuple[str, ...]]:
    from quietscope.consensus.spread import interval_of

    lines: list[tuple[str, ...]] = []
    for column in columns:
        for name, group in groups:
            for number, samples in enumerate(group[column], 1):
                between = interval_of(samples, 1.0, confidence)  # they are as wide already as the model was found to be
                ends = f"{between.low:.4g} to {between.high:.4g}"
                lines.append((column, name, f"{number}", f"{between.value:.4g}", ends))
    return lines
