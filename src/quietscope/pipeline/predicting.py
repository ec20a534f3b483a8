"""A prediction from start to end: the model is opened once, and one image after another."""

from collections.abc import Iterable, Iterator
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
from quietscope.pipeline.targets import Targets
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
        return Outcome(images=(_denoised(model, plan.targets[0], events, insist=plan.insist),))
    with result_folder(plan.folder), told_if_full(plan.folder), at_work(plan.folder):
        journal = Journal.read(plan.folder)
        standing = plan.standing(journal)  # one last look, now that nobody else works here
        turns = Turns(model=model, journal=journal, made_by=plan.made_by, insist=plan.insist, events=events)
        try:
            with journal.open(), step(events, "images", str(plan.folder), len(plan.targets)):
                for number in range(len(plan.targets)):
                    _take(turns, plan.targets, number, standing)
        finally:
            write_image_list(plan.lists["table"], journal.rows(_names(plan)))
        journal.tidy(_names(plan))
        for name, path in plan.lists.items():
            events(Written(name=name, path=path))
        return Outcome(tally=tally_of(_rows(plan, journal), journal, len(standing.done)), files=plan.lists)


def _take(turns: "Turns", targets: Targets, number: int, standing: Standing) -> None:
    """Denoise an image, unless that is done; where it cannot be, say so."""
    is_earlier = number in standing.done
    error = "" if is_earlier else turns.take(targets, number, is_own=number in standing.own)
    if error:
        turns.events(Note(text=f"not denoised: {error}"))
    source, total = targets.source(number), len(targets)
    turns.events(ImageDone(what=source, done=number + 1, total=total, error=error, is_earlier=is_earlier))


@dataclass(frozen=True, kw_only=True)
class Turns:
    """What images that are denoised one after another have in common.

    Attributes:
        model: The model.
        journal: The journal of the folder of results, open.
        made_by: What tells results of this model, asked for in this way, from others.
        insist: Whether to go on where the result must be wrong.
        events: Told all that happens.
    """

    model: Model
    journal: Journal
    made_by: str
    insist: bool
    events: Listener

    def take(self, targets: Targets, number: int, *, is_own: bool) -> str:
        """Denoise an image, and write down what came of it.

        Args:
            targets: The images and their results.
            number: Which of them.
            is_own: Whether results at its place may be replaced, for an earlier process of the same run began them.

        Returns:
            Why it cannot be denoised, in one line; nothing where it is.

        Raises:
            OSError: If the disk is full.
            OutputError: If the disk is full.
        """
        source, name = targets.source(number), targets.name(number)
        earlier = self.journal.entries.get(name)
        try:
            stamp, target = stamp_of(source), targets[number]
            target = replace(target, overwrite=target.overwrite or is_own)
            with reading({"image": target.image.path}), result_folder(target.folder):
                self.journal.begin(name, self.made_by)
                found = _denoised(self.model, target, _naming(source, self.events), insist=self.insist)
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


def _denoised(model: Model, target: Target, events: Listener, *, insist: bool) -> Denoised:
    check_likeness(model.history, target.image, events, insist=insist)
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


def tally_of(rows: Iterable[ImageRow | None], journal: Journal, passed_over: int) -> Tally:
    """Say what came of many images.

    Args:
        rows: The images.
        journal: What is known of their results.
        passed_over: How many of them were denoised earlier.

    Returns:
        What came of them.
    """
    told = [row for row in rows if row is not None]
    worst = max(told, key=lambda row: -1 if row.error else LEVELS_OF_VERDICT.index(row.level), default=None)
    verdict = USABLE
    if worst is not None and not worst.error:
        verdict = Verdict.of_values(journal.image(worst.result)["verdict"])
    return Tally(rows=told, verdict=verdict, passed_over=passed_over)


def _rows(plan: PredictPlan, journal: Journal) -> Iterator[ImageRow | None]:
    return (journal.entries[plan.targets.name(number)].row for number in range(len(plan.targets)))
