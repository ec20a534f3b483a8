"""What a verb says while it works: bars on a terminal, sparse lines elsewhere, notes on standard error."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from rich.progress import Progress
from rich.table import Table

from quietscope.cli import USAGE_ERROR
from quietscope.outside.shown import shown, shown_lines
from quietscope.pipeline.events import (
    Began,
    ChunkProgress,
    Ended,
    Event,
    ImageDone,
    Listener,
    Note,
    PredictionProgress,
    TrainingProgress,
)
from quietscope.progress import Tell, make_console, meter, training_meter

if TYPE_CHECKING:
    from quietscope.pipeline.outcome import Outcome
    from quietscope.training.watch import TrainingState

ALMOST = 0.999
"""The largest share that is shown of a run over many images before the last one is written."""

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
        self._out.print(_as_json(values), soft_wrap=True)

    def show_json_list(self, values: Iterable[Any]) -> None:
        """Print a list of values as JSON to standard output, one after another, so that it may be of any length."""
        start = "["
        for each in values:
            self._out.print(f"{start}\n{_as_json(each)}", end="", soft_wrap=True)
            start = ","
        self._out.print("\n]" if start == "," else "[]", soft_wrap=True)

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
            many: list[_ManyImages] = []

            def listen(event: Event) -> None:
                if any(each.takes(event) for each in many):
                    return
                match event:
                    case Note(text=text):
                        self.note(text)
                    case Began(step="train"):
                        tell["training"] = bars.enter_context(self.training())
                    case Began(step="images", count=count):
                        many.append(_ManyImages(bars.enter_context(meter(self._told, "denoising", self._hold)), count))
                    case Began(step="calibrate" | "predict" | "chunks" | "compare", what=what):
                        tell["predicting"] = bars.enter_context(self.predicting(what))
                    case TrainingProgress(state=state):
                        tell["training"](state)
                    case PredictionProgress() | ChunkProgress():
                        tell["predicting"](event.done, event.total, event)
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
    def predicting(self, name: str) -> Iterator[Callable[..., None]]:
        """Show how the prediction of one image stands; yields a function that takes (done, total, where by chunks)."""
        started = time.monotonic()
        with meter(self._told, "denoising", self._hold) as tell:

            def watch(done: int, total: int, event: Event | None = None) -> None:
                share, seconds = done / max(total, 1), time.monotonic() - started
                new, words = done, name
                if isinstance(event, ChunkProgress):
                    new, words = event.new, _words_of_chunks(event, seconds)
                tell(share, words, seconds * (total - done) / new if new > 0 else None)

            yield watch


def _words_of_chunks(chunks: ChunkProgress, seconds: float) -> str:
    """Say how the chunks of an image stand, and how fast they come."""
    words = f"{Path(chunks.what).name}: {chunks.done:,} of {chunks.total:,} chunks"
    return f"{words}, {chunks.num_bytes / 1e6 / max(seconds, 1e-3):.1f} MB/s" if chunks.new else words


class _ManyImages:
    """How a prediction of many images stands, in one bar: images that are done, and the part of the next one."""

    def __init__(self, tell: Tell, total: int) -> None:
        self._tell, self._started, self._total = tell, time.monotonic(), total
        self._done = self._earlier = 0

    def takes(self, event: Event) -> bool:
        """Show an event of a single image, and tell whether it is one: there is no other bar for them."""
        match event:
            case ImageDone(done=done, what=what, is_earlier=is_earlier):
                self._done = done
                self._earlier += is_earlier
                self._show(0.0, what)
            case PredictionProgress(done=done, total=total, what=what):
                self._show(done / max(total, 1), what)
            case Began(step="predict") | Ended(step="predict"):
                pass
            case _:
                return False
        return True

    def _show(self, part: float, name: str) -> None:
        mine, seconds = self._done + part - self._earlier, time.monotonic() - self._started
        left = seconds / mine * (self._total - self._done - part) if mine > 0.0 else None
        words = f"{self._done:,}/{self._total:,} {PurePath(name).name}"
        share = (self._done + part) / self._total
        self._tell(share if self._done == self._total else min(share, ALMOST), words, left)


def _as_json(values: Any) -> str:
    text = json.dumps(values, indent=2, ensure_ascii=False)
    return "".join(each if each.isprintable() or each == "\n" else f"\\u{ord(each):04x}" for each in text)


def status_of(outcome: "Outcome") -> int:
    """Return the exit status of a run that has come to its end.

    Returns:
        0; 2 where one of many images could not be denoised; 3 where a result is of no use.
    """
    if outcome.tally is not None and outcome.tally.failed:
        return USAGE_ERROR
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
