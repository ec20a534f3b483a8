"""A prediction by chunks from start to end: begun or joined, shared out, and ended by whoever is last."""

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

from quietscope.data.measured import gap_notes
from quietscope.errors import OutputError
from quietscope.io.alive import at_work
from quietscope.io.atomic import told_if_full
from quietscope.io.shared_result import made_by_of
from quietscope.metrics.unexplained import NOT_TESTED
from quietscope.metrics.verdict import judge as judge_figures
from quietscope.pipeline.chunks.chunk_cluster import cluster_chunks
from quietscope.pipeline.chunks.chunk_end import judgement_of, publish, raise_pyramids
from quietscope.pipeline.chunks.chunk_folder import ChunkFolder
from quietscope.pipeline.chunks.chunk_job import cut_of
from quietscope.pipeline.chunks.chunk_judge import pivots_of
from quietscope.pipeline.chunks.chunk_plan import ChunkPlan
from quietscope.pipeline.chunks.chunk_worker import ChunkWorker
from quietscope.pipeline.chunks.sharing import Sharing
from quietscope.pipeline.events import ChunkProgress, Listener, Note, Written, step
from quietscope.pipeline.foreign import check_likeness, tell_of_model
from quietscope.pipeline.outcome import Outcome, Predicted
from quietscope.pipeline.reporting import judge


def predict_chunks(plan: ChunkPlan, events: Listener) -> Outcome:
    """Denoise an image by chunks.

    Args:
        plan: What is denoised, and by whom.
        events: Told all that happens.

    Returns:
        What came of it; no image where other parts are still to be done.

    Raises:
        Stop: If the listener has raised it; what is done stays, to go on from.
        QuietScopeError: If model, image or files cannot be used, or the workers not be reached.
    """
    job, sharing = plan.job, plan.sharing
    started, target = time.monotonic(), job.target()
    folder, image = ChunkFolder.beside(target), target.image
    if _is_over(plan, folder):
        return _nothing_left(events)
    if folder.is_there and not plan.is_joined:
        count = len(folder.done())
        folder.remove()  # the plan's check has seen that this is wanted
        events(Note(text=f"{folder.path}, {count:,} chunks of an earlier run, is removed: this one begins anew"))
    model = job.opened_model()
    tell_of_model(model.history, events)
    check_likeness(model.history, image, events, insist=job.insist)
    for text in gap_notes([image]):
        events(Note(text=text))
    with told_if_full(folder.path):
        if _is_over(plan, folder):  # other parts have ended it, while the model was being opened
            return _nothing_left(events)
        if not folder.is_there:
            cut = cut_of(target, model.room(tuple(target.files), target.request))
            folder.begin(job.made_by, cut, pivots_of(target), overwrite=target.overwrite)
        try:
            worker = ChunkWorker(job, folder, model, target, folder.cut(job.made_by))
            with _kept_if_begun(folder, sharing):
                _share_out(worker, sharing, events)
        except Exception:
            if _is_over(plan, folder):  # what was to be read has just got its name
                return _nothing_left(events)
            raise
        return _concluded(plan, worker, started, events)


@contextmanager
def _kept_if_begun(folder: ChunkFolder, sharing: Sharing) -> Iterator[None]:
    """Remove the folder of chunks after an error if nobody was there to do anything."""
    try:
        yield
    except BaseException:
        if sharing.part is None and not folder.done():
            folder.remove()
        raise


def _concluded(plan: ChunkPlan, worker: ChunkWorker, started: float, events: Listener) -> Outcome:
    """Make results of the chunks, if all are there and nobody else has."""
    if _is_over(plan, worker.folder):
        return _nothing_left(events)
    if len(worker.folder.done()) < len(worker.cut):
        _tell_of_others(worker, events)
        return Outcome()
    return _ended(plan, worker, started, events)


def _is_over(plan: ChunkPlan, folder: ChunkFolder) -> bool:
    """Tell whether all is done, in that order: results get their names first, and then the folder goes."""
    files, made_by = plan.files, plan.job.made_by
    return plan.is_joined and not folder.is_there and all(made_by_of(path) == made_by for path in files)


def _nothing_left(events: Listener) -> Outcome:
    events(Note(text="nothing was left to denoise: all chunks are done, and the results in their place"))
    return Outcome()


def _share_out(worker: ChunkWorker, sharing: Sharing, events: Listener) -> None:
    """Denoise what is not done of the chunks that are this run's."""
    name, count = worker.target.image.path or "the image", len(worker.cut)
    done = worker.folder.done()
    mine = sharing.chunks_of(count)
    left = [number for number in mine if number not in done]
    if len(left) < len(mine) and left:
        events(Note(text=f"{len(mine) - len(left):,} of {len(mine):,} chunks are done already"))
    if not left:
        return
    with step(events, "chunks", str(name), len(mine)):
        if sharing.part is not None:
            written: Iterable[int] = worker.do_all(left)
        else:
            written = cluster_chunks(worker.job, sharing, left, lambda text: events(Note(text=text)))
        total, finished = 0, len(mine) - len(left)
        for num_bytes in written:
            total, finished = total + num_bytes, finished + 1
            new = finished - len(mine) + len(left)
            events(ChunkProgress(what=str(name), done=finished, total=len(mine), new=new, num_bytes=total))


def _tell_of_others(worker: ChunkWorker, events: Listener) -> None:
    done, count = len(worker.folder.done()), len(worker.cut)
    text = f"{done:,} of {count:,} chunks are done; the part that is last puts the results in their place"
    events(Note(text=text))


def _ended(plan: ChunkPlan, worker: ChunkWorker, started: float, events: Listener) -> Outcome:
    """Make results of the chunks, unless another process does so already."""
    folder, target = worker.folder, worker.target
    try:
        with ExitStack() as alone:
            try:
                alone.enter_context(at_work(folder.path))
            except OutputError as error:
                if plan.sharing.part is None:
                    raise
                events(Note(text=f"all chunks are done, and another part puts the results in their place: {error.got}"))
                return Outcome()
            alone.enter_context(step(events, "chunks", "results", 1))

            def progress(what: str, done: int, total: int) -> None:
                events(ChunkProgress(what=what, done=done, total=total))

            judged = judgement_of(worker)
            if not any(map(folder.is_published, target.files)):  # else whoever was killed had got to the names
                raise_pyramids(worker, progress)
            publish(folder, target)
    except FileNotFoundError:  # another part has ended it, and removed the folder
        if folder.is_there:
            raise
        return Outcome()
    for kind, path in target.files.items():
        events(Written(name=kind, path=path))
    effort = worker.model.history.effort
    found = Predicted(
        seconds=time.monotonic() - started,
        verdict=judge_figures((), effort) if judged is None else judged.verdict(effort, is_own=False),
        unexplained=NOT_TESTED if judged is None else judged.unexplained,
    )
    return Outcome(images=(judge(target, found),))
