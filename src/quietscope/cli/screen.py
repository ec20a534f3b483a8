"""What a verb says while it works: bars on a terminal, sparse lines elsewhere, notes on standard error."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Column, Table
from rich.text import Text

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

if TYPE_CHECKING:
    from quietscope.pipeline.outcome import Outcome
    from quietscope.training.watch import TrainingState

FAILED = 3
"""Exit status of a run whose result is of no use, though its files are written."""

WIDTH_OF_A_LOG = 120
ROOMY = 100
SPARSE_SHARE = 0.1
SPARSE_SECONDS = 30.0


class _Console(Console):
    """A console on which nothing that comes from a file can move the cursor or hide a part of a name."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Turn a string into what is printed."""
        return super().render_str(shown_lines(text), **options)


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
                    case Began(step="predict" | "compare", what=what):
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
        with self._meter("training") as tell:

            def watch(state: "TrainingState") -> None:
                left = state.seconds * (1.0 - state.progress) / state.progress if state.progress > 0.0 else None
                tell(state.progress, describe_state(state), left)

            yield watch

    @contextmanager
    def predicting(self, name: str) -> Iterator[Callable[[int, int], None]]:
        """Show how the prediction of one image stands; yields a function that takes (done, total)."""
        started = time.monotonic()
        with self._meter("denoising") as tell:

            def watch(done: int, total: int) -> None:
                share = done / max(total, 1)
                seconds = time.monotonic() - started
                tell(share, name, seconds * (1.0 - share) / share if share > 0.0 else None)

            yield watch

    @contextmanager
    def _meter(self, task: str) -> Iterator[Callable[[float, str, float | None], None]]:
        if not self._told.is_terminal:
            yield _Sparse(self._told, task)
            return
        whole = Column(no_wrap=True, min_width=9)
        columns = (
            TextColumn("{task.description}", table_column=whole),
            BarColumn(bar_width=24 if self._told.width >= ROOMY else 6),
            TextColumn("{task.percentage:>3.0f}%", table_column=Column(no_wrap=True, min_width=4)),
            TextColumn("{task.fields[words]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")),
            TextColumn("{task.fields[left]}", table_column=whole),
        )
        with Progress(*columns, console=self._told, refresh_per_second=4) as bar:
            number = bar.add_task(task, total=1.0, words="", left="")
            self._bar = bar

            def tell(share: float, words: str, left: float | None) -> None:
                bar.update(
                    number, completed=share, words=shown(words), left="" if left is None else f"{clock(left)} left"
                )

            try:
                yield tell
            finally:
                self._bar = None


class _Sparse:
    """A line at the start, every tenth of the way (but not twice in a second) or every half minute, and at the end."""

    def __init__(self, console: Console, task: str) -> None:
        self._console, self._task = console, task
        self._share, self._time = -1.0, 0.0

    def __call__(self, share: float, words: str, left: float | None) -> None:
        now = time.monotonic()
        if share < self._share:  # a second training begins, after the first denoiser of a bootstrap
            self._share, self._time = -1.0, 0.0
        share_due = share - self._share >= SPARSE_SHARE and now - self._time >= 1.0
        end_due = share >= 1.0 > self._share
        if not (share_due or end_due or now - self._time >= SPARSE_SECONDS):
            return
        self._share, self._time = share, now
        tail = "" if left is None or share >= 1.0 else f", {clock(left)} left"
        self._console.print(f"{self._task} {share:4.0%}: {words}{tail}", soft_wrap=True)


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


def make_console(*, stderr: bool = False) -> Console:
    """Return a console that prints text as it is: square brackets in a file's name are no markup.

    Args:
        stderr: Whether it writes to standard error.

    Returns:
        The console, as wide as the terminal, or of a fixed width where there is none.
    """
    console = _Console(stderr=stderr, markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        console.width = WIDTH_OF_A_LOG
    return console


def describe_state(state: "TrainingState") -> str:
    """Return a line such as ``step 312, loss 3.12 (nll 3.02, kl 0.10), val 3.20``: it has to fit a narrow terminal."""
    terms = ", ".join(f"{name} {value:.2f}" for name, value in state.terms.items())
    words = f"step {state.step}, loss {state.loss:.2f}" + (f" ({terms})" if terms else "")
    known = state.validation_loss == state.validation_loss  # NaN until the first validation
    return words + (f", val {state.validation_loss:.2f}" if known else "")


def clock(seconds: float) -> str:
    """Return a duration as ``1:02:03``, ``4:05`` or ``0:09``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
