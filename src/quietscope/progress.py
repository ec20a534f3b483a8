"""How training and prediction stand: a bar on a terminal and in a notebook, sparse lines elsewhere."""

import importlib
import io
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeAlias

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TaskID, TextColumn
from rich.table import Column
from rich.text import Text

from quietscope.outside.shown import shown, shown_lines
from quietscope.training.watch import TrainingState, Watcher

WIDTH_OF_A_LOG = 120
ROOMY = 100
SPARSE_SHARE = 0.1
SPARSE_SECONDS = 30.0
NOTEBOOK_SECONDS = 0.5
NOTEBOOK_WIDTH = 110
_HTML = '<pre style="white-space:pre;overflow-x:auto;line-height:normal;font-family:monospace">{code}</pre>'

Tell: TypeAlias = Callable[[float, str, float | None], None]
"""Called with the share that is done, 0 to 1, words, and the seconds that are left, where they are known."""


class _Console(Console):
    """A console on which nothing that comes from a file can move the cursor or hide a part of a name."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Turn a string into what is printed."""
        return super().render_str(shown_lines(text), **options)


@contextmanager
def meter(console: Console, task: str, hold: Callable[[Progress | None], None] = lambda bar: None) -> Iterator[Tell]:
    """Show how a task stands for as long as the block lasts.

    Args:
        console: Where.
        task: What is done, in a word.
        hold: Called with the bar when there is one, and with None when it is gone.

    Yields:
        What to call with the share that is done, words, and the seconds that are left.
    """
    if console.is_jupyter:
        shown_by = _display()
        below = _Line(task) if shown_by is None else _Cell(task, shown_by)
        try:
            yield below
        finally:
            below.end()
        return
    if not console.is_terminal:
        yield _Sparse(console, task)
        return
    with Progress(*_columns(console), console=console, refresh_per_second=4) as bar:
        number = bar.add_task(task, total=1.0, words="", left="")
        hold(bar)
        try:
            yield partial(_tell, bar, number)
        finally:
            hold(None)


def _columns(console: Console) -> tuple[ProgressColumn, ...]:
    whole = Column(no_wrap=True, min_width=9)
    return (
        TextColumn("{task.description}", table_column=whole),
        BarColumn(bar_width=24 if console.width >= ROOMY else 6),
        TextColumn("{task.percentage:>3.0f}%", table_column=Column(no_wrap=True, min_width=4)),
        TextColumn("{task.fields[words]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")),
        TextColumn("{task.fields[left]}", table_column=whole),
    )


def _tell(bar: Progress, number: TaskID, share: float, words: str, left: float | None) -> None:
    bar.update(number, completed=share, words=shown(words), left="" if left is None else f"{clock(left)} left")


@contextmanager
def training_meter(console: Console, hold: Callable[[Progress | None], None] = lambda bar: None) -> Iterator[Watcher]:
    """Show how training stands; yields the watcher. Arguments as for `meter`."""
    with meter(console, "training", hold) as tell:

        def watch(state: TrainingState) -> None:
            left = state.seconds * (1.0 - state.progress) / state.progress if state.progress > 0.0 else None
            tell(state.progress, describe_state(state), left)

        yield watch


@contextmanager
def training_shown(watch: Watcher | None, progress: bool | None) -> Iterator[Watcher | None]:
    """Show how training stands where nobody else does; on standard error, or below the cell of a notebook.

    Args:
        watch: Whoever watches already.
        progress: Whether to show it; None shows it where nobody watches.

    Yields:
        Who is to be called after every step.
    """
    if not (watch is None if progress is None else progress):
        yield watch
        return
    with training_meter(make_console(stderr=True)) as tell:

        def both(state: TrainingState) -> None:
            tell(state)
            if watch is not None:
                watch(state)

        yield both


def _display() -> Callable[..., Any] | None:
    """Return what shows something below a cell and changes it later; None where this is no notebook after all."""
    try:
        display: Callable[..., Any] = importlib.import_module("IPython.display").display
    except ImportError:
        return None
    return display


class _Cell:
    """A bar below a cell of a notebook, drawn by rich; it needs no widgets, which not every notebook has."""

    def __init__(self, task: str, display: Callable[..., Any]) -> None:
        self._console = Console(
            file=io.StringIO(), record=True, width=NOTEBOOK_WIDTH, force_terminal=True, force_jupyter=False
        )
        self._bar = Progress(*_columns(self._console), console=self._console, auto_refresh=False)
        self._number = self._bar.add_task(task, total=1.0, words="", left="")
        self._display, self._time = display, 0.0
        self._handle: Any = None

    def __call__(self, share: float, words: str, left: float | None) -> None:
        _tell(self._bar, self._number, share, words, left)
        if time.monotonic() - self._time >= NOTEBOOK_SECONDS:
            self._show()

    def end(self) -> None:
        """Show where it has come to."""
        if self._time:
            self._show()

    def _show(self) -> None:
        self._time = time.monotonic()
        self._console.print(self._bar.get_renderable())
        text = self._console.export_text(clear=False)
        bundle = {"text/plain": text, "text/html": self._console.export_html(inline_styles=True, code_format=_HTML)}
        self._console.file = io.StringIO()
        if self._handle is None:
            self._handle = self._display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)


class _Line:
    """One line that is written over, where rich cannot draw into a notebook."""

    def __init__(self, task: str) -> None:
        self._task, self._time, self._width, self._last = task, 0.0, 0, ""

    def __call__(self, share: float, words: str, left: float | None) -> None:
        tail = "" if left is None else f", {clock(left)} left"
        self._last = f"{self._task} {share:4.0%}: {shown(words)}{tail}"
        if time.monotonic() - self._time >= NOTEBOOK_SECONDS:
            self._write()

    def end(self) -> None:
        """Write where it has come to, and end the line."""
        if self._last:
            self._write()
            sys.stdout.write("\n")

    def _write(self) -> None:
        self._time = time.monotonic()
        sys.stdout.write("\r" + self._last.ljust(self._width))
        sys.stdout.flush()
        self._width = len(self._last)


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
