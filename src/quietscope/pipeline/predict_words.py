"""What a prediction will do, said without doing it: how images are cut, what a process takes, what is written."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from quietscope.data.planes import describe_image
from quietscope.io import is_shared
from quietscope.pipeline.chunks.chunk_folder import ChunkFolder
from quietscope.pipeline.chunks.chunk_job import ChunkJob, cut_of
from quietscope.pipeline.chunks.chunk_memory import worker_memory
from quietscope.pipeline.chunks.chunk_plan import ChunkPlan
from quietscope.pipeline.chunks.chunk_worker import ChunkWorker
from quietscope.pipeline.events import Listener, ignore
from quietscope.pipeline.foreign import check_likeness, tell_of_model
from quietscope.pipeline.image_files import Target
from quietscope.pipeline.opened_model import open_model_file
from quietscope.pipeline.plan import PredictPlan
from quietscope.report.table import duration, samples
from quietscope.tiling.cut import Cut, Room
from quietscope.tiling.spec import automatic_tile


@dataclass(frozen=True, kw_only=True)
class PredictionDescription:
    """What a prediction will do.

    Attributes:
        model: File of the model.
        num_images: Images that are denoised.
        source: The first of them, of which all below is said.
        what: Its axes, shape and data type in words.
        num_chunks: Chunks that it is cut into, each of which one process denoises at once.
        chunk: Their size in pixels, per spatial axis.
        tile: Size of a tile in pixels per spatial axis.
        halo: Pixels around it that are computed and dropped.
        num_samples: Posterior samples; 0 where none are drawn.
        by: Who denoises, in words.
        processes: Number of processes that do, as far as it is known here; of others' workers 1.
        seconds: Time that one process takes for all its chunks, by one chunk that was denoised in memory.
        num_bytes: Main memory that each process takes at most, the program included.
        files: What will be written, by kind.
    """

    model: str
    num_images: int
    source: str
    what: str
    num_chunks: int
    chunk: tuple[int, ...]
    tile: tuple[int, ...]
    halo: tuple[int, ...]
    num_samples: int
    by: str
    processes: int
    seconds: float
    num_bytes: int
    files: Mapping[str, str]

    def rows(self) -> Iterator[tuple[str, str]]:
        """Yield names and words, as for a table of two columns."""
        more = f", the first of {self.num_images:,} images" if self.num_images > 1 else ""
        yield "model", self.model
        yield "input", f"{self.source} ({self.what}){more}"
        halo = f", halo {_size(self.halo)}" if any(self.halo) else ""
        yield "chunks", f"{self.num_chunks:,} of {_size(self.chunk)} pixels, in tiles of {_size(self.tile)}{halo}"
        each = " each" if self.processes > 1 else ""
        yield "by", f"{self.by}, {self.num_bytes / 1e9:.1f} GB{each} at most"
        each = " for this image" if self.num_images > 1 else ""
        yield "prediction", f"{samples(self.num_samples)}, about {duration(self.seconds)}{each}, the start not counted"
        yield from self.files.items()

    def values(self) -> dict[str, Any]:
        """Return all of it as values that JSON has."""
        return asdict(self)


def describe_prediction(plan: PredictPlan | ChunkPlan, events: Listener = ignore) -> PredictionDescription:
    """Say what a prediction will do: open the model and the first image, and denoise a chunk of it in memory.

    Args:
        plan: The plan.
        events: Told what a person should know of model and image.

    Returns:
        What it will do.

    Raises:
        QuietScopeError: If model, image or files cannot be used.
    """
    plan.check()
    job = plan.job if isinstance(plan, ChunkPlan) else _job(plan)
    target = job.target() if isinstance(plan, ChunkPlan) else plan.targets[0]
    model = open_model_file(job.model, job.device, job.targets.endings)
    tell_of_model(model.history, events)
    check_likeness(model.history, target.image, events, insist=job.insist)
    room = model.room(tuple(target.files), target.request)
    cut = cut_of(target, room) if all(map(is_shared, target.files.values())) else _tiled(target, room)
    by, processes, mine = _who(plan, len(cut))
    started = time.perf_counter()
    ChunkWorker(job, ChunkFolder.beside(target), model, target, cut).tried(len(cut) // 2)
    seconds = (time.perf_counter() - started) * mine
    return PredictionDescription(
        model=str(job.model),
        num_images=1 if isinstance(plan, ChunkPlan) else len(plan.targets),
        source=str(target.image.path or "array"),
        what=describe_image(target.image),
        num_chunks=len(cut),
        chunk=tuple(map(min, cut.chunk, cut.size)),
        tile=tuple(map(min, cut.tiles.size, cut.size)),
        halo=cut.tiles.halo,
        num_samples=target.request.num_samples if room.pixels_at_once else 0,
        by=by,
        processes=processes,
        seconds=seconds,
        num_bytes=worker_memory(job, target, room, cut),
        files={kind: str(path) for kind, path in target.files.items()},
    )


def _job(plan: PredictPlan) -> ChunkJob:
    """Return the prediction of the first image as a worker would be told of it."""
    targets = plan.targets.only(0)
    return ChunkJob(
        model=Path(plan.model),
        device=plan.device,
        source=targets.source(0),
        opening=targets.opening,
        targets=targets,
        insist=plan.insist,
    )


def _tiled(target: Target, room: Room) -> Cut:
    """Return the tiles of an image whose results one process writes, as if each were a chunk."""
    layout = target.image.layout(room.spatial_dims)
    sizes = dict(zip(layout.axes, layout.shape, strict=True))
    tiles = target.request.tiles_for(room) or automatic_tile(room, layout.spatial_shape, room.most_pixels)
    return Cut(
        frame_counts=tuple(sizes[letter] for letter in layout.frame_axes),
        frame_chunk=(1,) * len(layout.frame_axes),
        size=layout.spatial_shape,
        chunk=tiles.size,
        tiles=tiles,
    )


def _who(plan: PredictPlan | ChunkPlan, count: int) -> tuple[str, int, int]:
    """Return who denoises, in words, how many processes that are, and how many chunks each of them does."""
    if isinstance(plan, PredictPlan):
        return "one process", 1, count
    sharing = plan.sharing
    if sharing.workers is not None:
        processes = min(sharing.workers, count)  # no more are started
        return f"{processes} process{'es' * (processes > 1)}", processes, -(-count // processes)
    if sharing.part is not None:
        return f"part {sharing.part[0]} of {sharing.part[1]}", 1, len(sharing.chunks_of(count))
    return f"the workers of {sharing.scheduler}, all chunks by one of them", 1, count


def _size(lengths: tuple[int, ...]) -> str:
    return " x ".join(map(str, lengths))
