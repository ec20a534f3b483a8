"""A watch from start to end: the model is opened once, and every image that is whole has its turn."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from quietscope.errors import ImageFileError, OutputError, Stop
from quietscope.io import FORMATS
from quietscope.io.alive import at_work
from quietscope.io.atomic import told_if_full
from quietscope.pipeline.company import Company
from quietscope.pipeline.denoise_step import open_model
from quietscope.pipeline.events import ImageDone, Listener, Note, Waiting, Written, step
from quietscope.pipeline.files import result_folder
from quietscope.pipeline.foreign import tell_of_model
from quietscope.pipeline.found_images import Found, images_below, images_in
from quietscope.pipeline.journal import Journal
from quietscope.pipeline.outcome import Outcome
from quietscope.pipeline.predicting import Turns, tally_of
from quietscope.pipeline.standing import look_around
from quietscope.pipeline.stems import stems_of
from quietscope.pipeline.stillness import Stillness
from quietscope.pipeline.targets import Targets
from quietscope.pipeline.watch_plan import WatchPlan
from quietscope.report.image_list import ImageRow, write_image_list
from quietscope.wording import numbered, typed

_LOOKS = 1.0
"""Seconds between two looks at the folder, at least."""
_SHARE = 10
"""So many times as long as a look has taken, the next one waits: a slow drive is left in peace."""
_NAP = 0.2
"""Seconds between two events while nothing is at hand."""


def watch_folder(plan: WatchPlan, events: Listener) -> Outcome:
    """Denoise the images in a folder as they come.

    Args:
        plan: The plan.
        events: Told all that happens.

    Returns:
        What came of it, once the listener has raised `Stop`, or there was nothing new for long enough. An image that
        cannot be read or does not fit the model is told of once, and tried again when it has changed.

    Raises:
        QuietScopeError: If the model cannot be used, or results cannot be written.
    """
    prediction, folder = plan.prediction, plan.folder
    model = open_model(prediction)
    tell_of_model(model.history, events)
    with result_folder(folder), told_if_full(folder), at_work(folder):
        plan.check()
        journal, lists = Journal.read(folder), prediction.lists
        turns = Turns(model=model, journal=journal, made_by=prediction.made_by, insist=prediction.insist, events=events)
        watch = _Watch(plan, turns)
        with journal.open(), watch.table.kept(), step(events, "watch", str(plan.incoming)), suppress(Stop):
            watch.go_on()
        with suppress(Stop):
            watch.tell_of_others()
        journal.tidy(frozenset(watch.rows))
        for name, path in lists.items():
            events(Written(name=name, path=path))
        return Outcome(tally=tally_of(watch.rows.values(), journal, watch.earlier), files=lists)


class _Table:
    """The table of all images, kept up to date: not more often than it is worth, for it is written as a whole."""

    def __init__(self, path: Path, journal: Journal, names: Mapping[str, object]) -> None:
        self._path, self._journal, self._names = path, journal, names
        self._is_due, self._next = True, 0.0

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Have the table up to date at the end of a block, whatever ends it."""
        try:
            yield
        finally:
            self.write()

    def note(self) -> None:
        """Know of another image."""
        self._is_due = True
        if time.monotonic() >= self._next:
            self.write()

    def write(self) -> None:
        """Write the table, unless nothing has changed."""
        if not self._is_due:
            return
        begin = time.monotonic()
        write_image_list(self._path, self._journal.rows(frozenset(self._names)))
        end = time.monotonic()
        self._is_due, self._next = False, end + _SHARE * (end - begin)


class _Watch:
    """A watch that is under way.

    Args:
        plan: The plan.
        turns: What its images have in common.

    Attributes:
        table: The table of all images.
        rows: What came of the images that have had their turn, by the names of their results.
        earlier: How many of them an earlier run has denoised.
        waiting: How many are whole and have not had their turn.
    """

    def __init__(self, plan: WatchPlan, turns: Turns) -> None:
        self._plan, self._turns, self._tell = plan, turns, turns.events
        self._still = Stillness(plan.settle)
        self._last = time.monotonic()
        self._failed: set[str] = set()
        self._unread: set[str] = set()
        self._again: set[str] = set()
        self._company = Company()
        self._own_endings = _endings_within(plan)
        self.rows: dict[str, ImageRow] = {}
        self.table = _Table(plan.prediction.lists["table"], turns.journal, self.rows)
        self.earlier = self.waiting = 0

    def go_on(self) -> None:
        """Look at the folder again and again, and denoise what is whole, until nothing new came for long enough."""
        if self._plan.new_only:
            self._still.pass_over(each.source for each in self._found())
        while True:
            self._wait(0.0)
            begin, before = time.monotonic(), self.earlier
            found = {each.source: each for each in self._found()}
            whole = self._still.look(found)
            self._again = set() if self._still.growing else set(self._company.due(found))
            turns = list(dict.fromkeys((*whole, *self._again)))
            took = time.monotonic() - begin
            for number, source in enumerate(turns, 1):
                with self._company.noticed(source, found):
                    self._take(found[source], len(turns) - number)
            if self.earlier > before:
                self._tell(Note(text=f"{self.earlier - before:,} of the images were denoised earlier"))
            self.table.write()
            if not turns and not self._still.growing and self._is_over:
                for source in self._still.empty:  # nobody will write into them any more
                    self._take(found[source], 0)
                return
            self._wait(max(min(_LOOKS, self._plan.settle / 2), _SHARE * took))

    def tell_of_others(self) -> None:
        """Tell of files that were there and have not been denoised, at the end."""
        left = self.waiting + self._still.growing
        if left:
            text = f"{numbered(left, 'image')} more had come by then: the same command goes on with what is left"
            self._tell(Note(text=text))
        elif not self.rows and self._plan.patterns:
            patterns = " or ".join(self._plan.patterns)
            self._tell(
                Note(text=f"no image has come that fits {patterns}; `{typed(patterns=['*.tif'])}` fits all TIFFs")
            )

    @property
    def _is_over(self) -> bool:
        quiet = time.monotonic() - max(self._last, self._still.changed)
        return self._plan.stop_after is not None and quiet >= self._plan.stop_after

    def _wait(self, seconds: float) -> None:
        """Wait until the next look, and let the listener end it."""
        end = time.monotonic() + seconds
        while True:
            self._tell(Waiting(what=str(self._plan.incoming), growing=self._still.growing))
            left = end - time.monotonic()
            if left <= 0.0 or self._is_over:
                return
            time.sleep(min(left, _NAP))

    def _found(self) -> list[Found]:
        """Return the images that are there, without results of our own and parts of what is being written."""
        unread: set[str] = set()

        def tell(error: ImageFileError) -> None:
            if error.expected not in self._unread:
                self._tell(Note(text=f"passed over for now: {error}"))
            unread.add(error.expected)

        plan = self._plan
        series = None if plan.every_series else plan.prediction.targets.opening.series
        found = images_below(plan.incoming, plan.patterns, plan.folder, tell, series)
        self._unread = unread
        return [each for each in found if not self._is_own(each.source) and not _is_part(each)]

    def _is_own(self, path: str) -> bool:
        return bool(self._own_endings) and path.endswith(self._own_endings)

    def _take(self, found: Found, waiting: int) -> None:
        """Denoise a file's images, unless it has changed after all: then it has its turn later."""
        if not self._still.is_still(found.source):
            return
        several = images_in(found) if self._plan.every_series else [found]
        targets = replace(
            self._plan.prediction.targets,
            sources=tuple(each.source for each in several),
            stems=tuple(stems_of(several)),
        )
        for number in range(len(targets)):
            self._take_image(targets, number, waiting)

    def _take_image(self, targets: Targets, number: int, waiting: int) -> None:
        source, name, journal = targets.source(number), targets.name(number), self._turns.journal
        self.waiting = waiting + 1
        try:
            standing = look_around(targets.only(number), journal, self._turns.made_by)
            if standing.done and source not in self._again:
                self.earlier += 1
                self.waiting = waiting
                self._note(journal.entries[name].row)
                return
            _check_rival(targets, number, journal)
        except OutputError as refusal:  # what stands there is not ours: its line in the journal stays
            error = " ".join(f"{source}: {refusal}".split())
            self._note(ImageRow(source=source, result=name, error=error))
        else:
            error = self._turns.take(targets, number, is_own=bool(standing.own or standing.done))
            self._note(journal.entries[name].row)
        if error and source not in self._failed:
            self._tell(Note(text=f"not denoised: {error}"))
        (self._failed.add if error else self._failed.discard)(source)
        self._last, self.waiting = time.monotonic(), waiting
        self.table.note()
        done = len(self.rows)
        self._tell(ImageDone(what=source, done=done, total=done + waiting, error=error))

    def _note(self, row: ImageRow | None) -> None:
        assert row is not None, "it has had its turn"
        self.rows[row.result] = row


def _check_rival(targets: Targets, number: int, journal: Journal) -> None:
    """Refuse to put a result in the place of that of another image that is still there.

    Raises:
        OutputError: If one has the same name but for its extension.
    """
    source, entry = targets.source(number), journal.entries.get(targets.name(number))
    owner = None if entry is None or entry.row is None or entry.state == "failed" else entry.row.source
    with suppress(OSError):  # gone by now
        if owner is not None and not Path(owner).samefile(source):
            raise OutputError("images of different names", f"{owner} with the same results", "rename one")


def _endings_within(plan: WatchPlan) -> tuple[str, ...]:
    """Return how results end, where they may come to lie among the images."""
    incoming, folder = (os.path.realpath(each) for each in (plan.incoming, plan.folder))
    is_within = incoming == folder or incoming.startswith(folder.rstrip(os.sep) + os.sep)
    return tuple(plan.prediction.targets.endings.values()) if is_within else ()


def _is_part(found: Found) -> bool:
    """Tell whether an image lies in a Zarr folder whose own metadata are not written yet."""
    if f".zarr{os.sep}" not in found.source.lower():  # of a hundred thousand, few
        return False
    above = Path(found.source).relative_to(found.root or "").parents
    folders = [Path(found.root or "", each) for each in above if each.name.lower().endswith(".zarr")]
    kinds = [kind for kind in FORMATS.values() if kind.is_folder]
    return any(not any(kind.recognises(each) for kind in kinds) for each in folders)
