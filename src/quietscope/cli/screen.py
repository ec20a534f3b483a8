"""What a verb says while it works: bars on a terminal, sparse lines elsewhere, notes on standard error."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from rich.progress import Progress
from rich.table import Table

from quietscope.outside.shown import shown, shown_lines
from quietscope.pipeline.events import (
    Began,
    Ended,
    Event,
    Listener,
    Note,
    PredictionProgress,
    TrainingProgress,
)
from quietscope.progress import make_console, meter, training_meter

if TYPE_CHECKING:
    from quietscope.pipeline.outcome import Outcome
    from quietscope.training.watch import TrainingState

FAILED = 3
"""Exit status of a run whose result is of no use, though its files are written."""


class Screen:
    """Standard output and standard error of one command.

    Args:
        data_only: Whether standard output is for data alone, so that another program can read it: how a run stands is
            then said on standard error.
    """

    def __init__(self, *, data_only: bool = False) -> None:
        self._out = make_console()
        self._err = make_console(stderr=True)
        self._told = self._err if data_only else self._out
        self._bar: Progress | None = None

    def show(self, what: Any = "") -> None:
        """Print a line or a table to standard output."""
        self._out.print(what)

    def show_json(self, values: Any) -> None:
        """Print values as JSON to standard output, in no other width than their own."""
        text = json.dumps(values, indent=2, ensure_ascii=False)
        kept = "".join(each if each.isprintable() or each == "\n" else f"\\u{ord(each):04x}" for each in text)
        self._out.print(kept, soft_wrap=True)

    def note(self, text: str) -> None:
        """Print a remark to standard error, above a bar that may be running."""
        if self._bar is not None:
            self._bar.console.print("note:", shown(text), soft_wrap=True)
        else:
            self._err.print("note:", shown(text), soft_wrap=True)

    @contextmanager
    def listening(self) -> Iterator[Listener]:
        """Show what a run tells: notes, and how training and prediction stand; yields the listener."""
        with ExitStack() as bars:
            tell: dict[str, Callable[..., None]] = {}

            def listen(event: Event) -> None:
                match event:
                    case Note(text=text):
                        self.note(text)
                    case Began(step="train"):
                        tell["training"] = bars.enter_context(self.training())
                    case Began(step="calibrate" | "predict" | "compare", what=what):
                        tell["predicting"] = bars.enter_context(self.predicting(what))
                    case TrainingProgress(state=state):
                        tell["training"](state)
                    case PredictionProgress(done=done, total=total):
                        tell["predicting"](done, total)
                    case Ended():
                        bars.close()

            yield listen

    @contextmanager
    def training(self) -> Iterator[Callable[["TrainingState"], None]]:
        """Show how training stands; yields the watcher."""
        with training_meter(self._told, self._hold) as watch:
            yield watch

    def _hold(self, bar: Progress | None) -> None:
        """Know the bar that is on the screen: notes are printed above it."""
        self._bar = bar

    @contextmanager
    def predicting(self, name: str) -> Iterator[Callable[[int, int], None]]:
        """Show how the prediction of one image stands; yields a function that takes (done, total)."""
        started = time.monotonic()
        with meter(self._told, "denoising", self._hold) as tell:

            def watch(done: int, total: int) -> None:
                share = done / max(total, 1)
                seconds = time.monotonic() - started
                tell(share, name, seconds * (1.0 - share) / share if share > 0.0 else None)

            yield watch


def status_of(outcome: "Outcome") -> int:
    """Return the exit status of a run that has come to its end: 0, or 3 where its result is of no use."""
    return FAILED if outcome.verdict.has_failed else 0


def rows_table(rows: Iterable[tuple[str, str]], title: str | None = None) -> Table:
    """Return a table of names and words.

    Args:
        rows: Names and words; those without words are left out.
        title: Its title, if any.

    Returns:
        The table.
    """
    table = Table(show_header=False, title=title, title_justify="left", title_style="bold")
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, words in rows:
        if words:
            table.add_row(shown(name), shown_lines(words))
    return table
