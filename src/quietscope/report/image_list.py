"""The images of a run as a table that other programs read, and what came of them in a few rows."""

import csv
import io
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from quietscope.io.atomic import write_bytes_atomically
from quietscope.metrics.verdict import USABLE, Verdict
from quietscope.report.region_list import safe_cell

COLUMNS = ("input", "output", "verdict", "regions_not_explained", "seconds", "error")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRow:
    """One image of a run over many.

    Attributes:
        source: The noisy file.
        result: The denoised one, seen from the folder of results.
        level: "usable", "too short" or "failed"; empty where it could not be denoised.
        regions: Regions that noise does not explain; None where they were not looked for.
        seconds: Time of prediction, in seconds.
        error: Why it could not be denoised, in one line; empty where it was.
    """

    source: str
    result: str
    level: str = ""
    regions: int | None = None
    seconds: float | None = None
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What came of the images of a run over many.

    Attributes:
        rows: The images, in the order of the plan.
        verdict: What the worst of the results is worth.
        passed_over: How many were denoised by an earlier process of the same run.
    """

    rows: Sequence[ImageRow]
    verdict: Verdict = USABLE
    passed_over: int = 0

    @property
    def failed(self) -> int:
        """How many could not be denoised."""
        return sum(bool(row.error) for row in self.rows)

    @property
    def useless(self) -> int:
        """How many results are written and of no use."""
        return sum(row.level == "failed" for row in self.rows)

    def words(self) -> Iterator[tuple[str, str]]:
        """Yield names and words, for a table of two columns."""
        denoised = len(self.rows) - self.failed
        earlier = f", {self.passed_over:,} of them earlier" if self.passed_over else ""
        yield "denoised", f"{denoised:,} of {len(self.rows):,}{earlier}"
        yield "failed", f"{self.failed:,}"
        yield "of no use", f"{self.useless:,}"
        counts = Counter(row.level for row in self.rows if row.level)
        if len(counts) > 1:
            yield "verdicts", ", ".join(f"{number:,} {level}" for level, number in counts.most_common())
        if denoised:
            yield "worst verdict", self.verdict.words


def write_image_list(path: str | os.PathLike[str], rows: Iterable[ImageRow]) -> None:
    """Write images as CSV, a line each, under a line of headings; a table that is there is replaced.

    Args:
        path: File to write.
        rows: The images.

    Raises:
        OutputError: If it cannot be written.
    """
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(COLUMNS)
    for row in rows:
        regions = "" if row.regions is None else str(row.regions)
        seconds = "" if row.seconds is None else f"{row.seconds:.3f}"
        result = "" if row.error else row.result
        cells = (safe_cell(row.source), safe_cell(result), row.level, regions, seconds, safe_cell(row.error))
        table.writerow(cells)
    write_bytes_atomically(Path(path), text.getvalue().encode("utf-8", "backslashreplace"), overwrite=True)
