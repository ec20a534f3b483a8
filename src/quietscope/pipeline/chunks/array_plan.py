"""From the plan of a prediction by chunks to a job array: checked, timed, and with memory for its tasks."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from quietscope.errors import SettingsError
from quietscope.pipeline.chunks.chunk_job import ChunkJob, cut_of
from quietscope.pipeline.chunks.chunk_memory import worker_memory
from quietscope.pipeline.chunks.chunk_plan import ChunkPlan
from quietscope.pipeline.chunks.chunk_trial import try_chunk
from quietscope.pipeline.chunks.job_array import JobArray, Wishes
from quietscope.pipeline.events import Listener, Note, ignore
from quietscope.pipeline.foreign import check_likeness, tell_of_model
from quietscope.tiling.cut import Cut
from quietscope.tiling.spec import check_shape
from quietscope.wording import numbered

_MARGIN_OF_TIME, _MARGIN_OF_MEMORY = 2.0, 1.25
_SECONDS_TO_START = 120.0
_SECONDS_OF_THE_LAST = 2e-7
"""Per pixel, for what is left of pyramids at the end, where no smaller version fits into chunks."""
_STEP = 256 << 20


@dataclass(frozen=True)
class _Needs:
    """What a task takes: seconds, bytes."""

    seconds: float
    num_bytes: int


def plan_array(
    plan: ChunkPlan, command: Sequence[str], wishes: Wishes | None = None, events: Listener = ignore
) -> JobArray:
    """Check a prediction by the parts of a job array, and find out what a task takes. Nothing is written.

    Args:
        plan: The prediction, of `plan_chunks`; its `part` says how many parts there are.
        command: What predicts, word by word, as ``quietscope predict /data/model.safetensors ...``; every task gets
            ``--part 3/64`` at the end.
        wishes: What is wanted of the array; the usual if None.
        events: Told what time and memory rest on, and what may be wrong.

    Returns:
        The job array, with its script.

    Raises:
        SettingsError: If there are no two parts.
        QuietScopeError: If model, image or results cannot be used.
    """
    wishes, job, part = wishes or Wishes(), plan.job, plan.sharing.part
    if part is None or part[1] < 2:
        got = "none" if part is None else str(part[1])
        raise SettingsError("2 parts or more, one for each task of an array", got, "run `quietscope predict` by itself")
    plan.check()
    target, model = job.target(), job.opened_model()
    tell_of_model(model.history, events)
    check_likeness(model.history, target.image, events, insist=job.insist)
    room = model.room(tuple(target.files), target.request)
    layout, learnt = target.image.layout(room.spatial_dims), len(model.history.seen)
    check_shape(room.spatial_dims, learnt or layout.num_channels, (layout.num_channels, *layout.spatial_shape))
    cut, parts = cut_of(target, room), part[1]
    if parts > len(cut):
        idle = numbered(parts - len(cut), "task")
        events(Note(text=f"{parts:,} parts, but {numbered(len(cut), 'chunk')}: {idle} will find nothing to do"))
    needs = _Needs(wishes.seconds or 0.0, wishes.num_bytes or 0)
    if wishes.seconds is None or wishes.num_bytes is None:
        needs = _measured(job, cut, wishes, parts, worker_memory(job, target, room, cut), events)
    return JobArray(
        wishes=wishes,
        parts=parts,
        command=tuple(command),
        seconds=wishes.seconds or needs.seconds,
        num_bytes=wishes.num_bytes or needs.num_bytes,
        what=f"{numbered(len(cut), 'chunk')} of {target.image.path} into {next(iter(target.files.values()))}",
    )


def _measured(job: ChunkJob, cut: Cut, wishes: Wishes, parts: int, estimate: int, events: Listener) -> _Needs:
    """Denoise one chunk, and tell what a task takes by it."""
    trial, most = try_chunk(job, cut, wishes.cores), -(-len(cut) // parts)
    last = _SECONDS_OF_THE_LAST * prod(job.target().image.shape)
    seconds = _MARGIN_OF_TIME * (_SECONDS_TO_START + trial.start + trial.chunk * most + last)
    peak = max(_MARGIN_OF_MEMORY * trial.num_bytes, estimate)
    text = (
        f"a chunk took {trial.chunk:.3g} s here with {wishes.cores} core{'s' * (wishes.cores > 1)}; a task does up to "
        f"{most:,}, and the last one needs up to {last:,.0f} s for pyramids; with {_SECONDS_TO_START:.0f} s to start, "
        f"all of it twice, that is {seconds / 60:,.0f} min"
    )
    events(Note(text=text))
    memory = f"a task has {trial.num_bytes / 1e9:.2f} GB here, and is expected to need {peak / 1e9:.2f} GB at most"
    events(Note(text=memory))
    return _Needs(seconds, -(-round(peak) // _STEP) * _STEP)
