"""A prediction from start to end: the model is opened once, and one image after another."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from quietscope.errors import QuietScopeError
from quietscope.io.alive import at_work
from quietscope.io.atomic import DISK_FULL, told_if_full
from quietscope.metrics.verdict import LEVELS_OF_VERDICT, USABLE, Verdict
from quietscope.outside.sources import reading
from quietscope.pipeline.denoise_step import open_model, predict
from quietscope.pipeline.events import Event, ImageDone, Listener, Note, Written, step
from quietscope.pipeline.files import result_folder
from quietscope.pipeline.foreign import check_likeness, tell_of_model
from quietscope.pipeline.image_files import Target
from quietscope.pipeline.journal import Journal, stamp_of
from quietscope.pipeline.opened_model import Model
from quietscope.pipeline.outcome import Outcome
from quietscope.pipeline.plan import PredictPlan
from quietscope.pipeline.reporting import judge
from quietscope.pipeline.standing import Standing
from quietscope.report.image_list import ImageRow, Tally, write_image_list
from quietscope.report.table import Denoised


def predict_images(plan: PredictPlan, events: Listener) -> Outcome:
    """Denoise the images of a plan with a model that there is.

    Args:
        plan: The plan.
        events: Told all that happens.

    Returns:
        What came of it. Where the results go into a folder, an image that cannot be read or does not fit the model is
        told of, and the others go on.

    Raises:
        Stop: If the listener has raised it.
        QuietScopeError: If the model cannot be used, results cannot be written, or the one image cannot be denoised.
    """
    model = open_model(plan)
    tell_of_model(model.history, events)
    if plan.folder is None:
        return Outcome(images=(_denoised(model, plan.targets[0], plan, events),))
    with result_folder(plan.folder), told_if_full(plan.folder), at_work(plan.folder):
        journal = Journal.read(plan.folder)
        standing = plan.standing(journal)  # one last look, now that nobody else works here
        turns = _Turns(model=model, plan=plan, journal=journal, standing=standing, made_by=plan.made_by, events=events)
        try:
            with journal.open(), step(events, "images", str(plan.folder), len(plan.targets)):
                for number in range(len(plan.targets)):
                    turns.take(number)
        finally:
            _write_list(plan, journal)
        journal.tidy(_names(plan))
        for name, path in plan.lists.items():
            events(Written(name=name, path=path))
        return Outcome(tally=_tally(plan, journal, len(standing.done)), files=plan.lists)


@dataclass(frozen=True, kw_only=True)
class _Turns:
    """The images of a plan, which have their turns one after another."""

    model: Model
    plan: PredictPlan
    journal: Journal
    standing: Standing
    made_by: str
    events: Listener

    def take(self, number: int) -> None:
        """Denoise an image, unless that is done; where it cannot be, say so."""
        is_earlier = number in self.standing.done
        error = "" if is_earlier else self._attempt(number)
        if error:
            self.events(Note(text=f"not denoised: {error}"))
        source, total = self.plan.targets.source(number), len(self.plan.targets)
        self.events(ImageDone(what=source, done=number + 1, total=total, error=error, is_earlier=is_earlier))

    def _attempt(self, number: int) -> str:
        """Denoise an image, and return why it cannot be, in one line."""
        targets = self.plan.targets
        source, name = targets.source(number), targets.name(number)
        earlier = self.journal.entries.get(name)
        try:
            stamp, target = stamp_of(source), targets[number]
            target = replace(target, overwrite=target.overwrite or number in self.standing.own)
            with reading({"image": target.image.path}), result_folder(target.folder):
                self.journal.begin(name, self.made_by)
                found = _denoised(self.model, target, self.plan, _naming(source, self.events))
        except (QuietScopeError, OSError) as error:
            if _concerns_all(error):
                self.journal.put_back(name, earlier)
                raise
            words = " ".join(str(error).split())
            words = words if source in words else f"{source}: {words}"
            self.journal.note_failure(name, self.made_by, source, words)
            return words
        except BaseException:
            self.journal.put_back(name, earlier)
            raise
        self.journal.note(name, self.made_by, stamp, found)
        return ""


def _denoised(model: Model, target: Target, plan: PredictPlan, events: Listener) -> Denoised:
    check_likeness(model.history, target.image, events, insist=plan.insist)
    return judge(target, predict(model, target, events))


def _naming(source: str, events: Listener) -> Listener:
    """Return a listener that is told of which image a note is."""

    def tell(event: Event) -> None:
        events(Note(text=f"{source}: {event.text}") if isinstance(event, Note) else event)

    return tell


def _concerns_all(error: BaseException) -> bool:
    """Tell whether no other image could be denoised either: the disk is full."""
    causes = (error, error.__cause__)
    return any(isinstance(each, OSError) and each.errno in DISK_FULL for each in causes)


def _names(plan: PredictPlan) -> frozenset[str]:
    return frozenset(plan.targets.name(number) for number in range(len(plan.targets)))


def _write_list(plan: PredictPlan, journal: Journal) -> None:
    write_image_list(plan.lists["table"], journal.rows(_names(plan)))


def _tally(plan: PredictPlan, journal: Journal, passed_over: int) -> Tally:
    rows = [row for row in _rows(plan, journal) if row is not None]
    worst = max(rows, key=lambda row: -1 if row.error else LEVELS_OF_VERDICT.index(row.level), default=None)
    verdict = USABLE
    if worst is not None and not worst.error:
        verdict = Verdict.of_values(journal.image(worst.result)["verdict"])
    return Tally(rows=rows, verdict=verdict, passed_over=passed_over)


def _rows(plan: PredictPlan, journal: Journal) -> Iterator[ImageRow | None]:
    return (journal.entries[plan.targets.name(number)].row for number in range(len(plan.targets)))
