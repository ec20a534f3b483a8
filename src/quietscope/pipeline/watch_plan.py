"""The plan of a watch: a folder whose images are denoised as they come."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from quietscope.pipeline.journal import NO_IMAGE, Journal
from quietscope.report.image_list import ImageRow

if TYPE_CHECKING:
    from quietscope.pipeline.plan import PredictPlan


@dataclass(frozen=True, kw_only=True)
class WatchPlan:
    """Denoise the images in a folder as they come, until somebody ends it.

    Attributes:
        incoming: The folder that is watched, with those below it.
        prediction: What is done with each image: a plan of none, whose results go into a folder.
        patterns: What names or paths of images are like; all where there is none.
        settle: For how long a file has to stay as it is before it is taken for whole, s.
        stop_after: Ends after so long without a new file, s; None for never.
        new_only: Whether what is there at the start is passed over unless it changes.
        every_series: Whether every image of files that hold several is meant.
    """

    incoming: Path
    prediction: "PredictPlan"
    patterns: tuple[str, ...] = ()
    settle: float = 5.0
    stop_after: float | None = None
    new_only: bool = False
    every_series: bool = False

    @property
    def folder(self) -> Path:
        """Where the results go."""
        assert self.prediction.folder is not None, "planned so"
        return self.prediction.folder

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that is there at the end, besides results."""
        return self.prediction.files

    def records(self, rows: Iterable[ImageRow]) -> Iterator[dict[str, Any]]:
        """Yield what a watch told of images, as `PredictPlan.records` does.

        Args:
            rows: The images, as the outcome has them.

        Yields:
            What was told of each.
        """
        journal = Journal.read(self.folder)
        for row in rows:
            yield {**NO_IMAGE, "source": row.source, "error": row.error} if row.error else journal.image(row.result)

    def check(self) -> None:
        """Try everything that could keep results from being written, and leave nothing behind.

        Raises:
            OutputError: If something would.
        """
        self.prediction.check()

    def resumed(self) -> Self:
        """Return the same plan: a watch always goes on from what is done."""
        return self
