"""One process at work on chunks: it opens model and image once, and denoises whichever chunks it is given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from quietscope.axes import Layout
from quietscope.data.measured import as_measured
from quietscope.io import Image, Sink
from quietscope.io.image import whole_key
from quietscope.io.shared_result import SharedResult
from quietscope.pipeline.chunks.chunk_folder import ChunkFolder, ChunkJournal
from quietscope.pipeline.chunks.chunk_job import ChunkJob
from quietscope.pipeline.image_files import Target
from quietscope.pipeline.opened_model import Model
from quietscope.tiling.cut import Cut, Within


class Region:
    """A box of an image in memory, written to as if it were the whole image.

    Args:
        box: Its place in the image, one slice per axis.
    """

    def __init__(self, box: Sequence[slice]) -> None:
        self.box = tuple(box)
        self.pixels = np.empty([side.stop - side.start for side in box], np.float32)

    def __setitem__(self, key: Any, block: Any, /) -> None:
        """Write a block that lies in the box, at integers and slices of the whole image."""
        index = []
        for at, side in zip(whole_key(key, len(self.box)), self.box, strict=True):
            whole = at.indices(side.stop) if isinstance(at, slice) else (at,)
            index.append(slice(whole[0] - side.start, whole[1] - side.start) if len(whole) > 1 else at - side.start)
        self.pixels[tuple(index)] = block


@dataclass(frozen=True)
class ChunkWorker:
    """Denoises chunks of an image, one at a time.

    Attributes:
        job: What is denoised.
        folder: Where chunks go.
        model: The model.
        target: What is written.
        cut: How the image is cut.
    """

    job: ChunkJob
    folder: ChunkFolder
    model: Model
    target: Target
    cut: Cut

    @classmethod
    def of(cls, job: ChunkJob) -> "ChunkWorker":
        """Open model and image of a job whose folder is there.

        Raises:
            QuietScopeError: If one of them cannot be used, or the folder is another's.
        """
        target = job.target()
        folder = ChunkFolder.beside(target)
        return cls(job, folder, job.opened_model(), target, folder.cut(job.made_by))

    @cached_property
    def noisy(self) -> Image:
        """The noisy image, with NaN where nothing was measured."""
        return as_measured(self.target.image)

    @cached_property
    def layout(self) -> Layout:
        """How its dimensions map to frames."""
        return self.noisy.layout(len(self.cut.size))

    @cached_property
    def _results(self) -> Mapping[str, SharedResult]:
        return self.folder.opened()

    @cached_property
    def _journal(self) -> ChunkJournal:
        return self.folder.journal()

    def do(self, number: int) -> int:
        """Denoise a chunk, and write it down.

        Args:
            number: Number of the chunk.

        Returns:
            Bytes of results.

        Raises:
            QuietScopeError: If the image does not fit the model, or pixels cannot be read or written.
        """
        count = 0
        for kind, region in self.denoised(number).items():
            self.target.rounded(kind, self._results[kind])[region.box] = region.pixels
            count += region.pixels.size * self._results[kind].dtype.itemsize
        self._journal.note(number)
        return count

    def denoised(self, number: int) -> Mapping[str, Region]:
        """Denoise a chunk, and write nothing.

        Args:
            number: Number of the chunk.

        Returns:
            What goes into each result, by kind.

        Raises:
            QuietScopeError: If the image does not fit the model, or pixels cannot be read.
        """
        chunk = self.cut[number]
        regions = {kind: Region(self._box(kind, chunk)) for kind in self.target.files}
        sinks: dict[str, Sink] = dict(regions)
        self.model.denoise_into(self.noisy, sinks, replace(self.target.request, tile=self.cut.tiles), chunks=[chunk])
        return regions

    def _box(self, kind: str, chunk: Within) -> tuple[slice, ...]:
        """Return the place of a chunk in a result."""
        at = dict(zip(self.layout.frame_axes + self.layout.spatial_axes, (*chunk.counted, *chunk.box), strict=True))
        request = self.folder.requests[kind]
        sizes = zip(request.axes, request.shape, strict=True)
        return tuple(at.get(letter, slice(0, size)) for letter, size in sizes)


_workers: dict[str, ChunkWorker] = {}


def do_chunk(job: ChunkJob, number: int) -> int:
    """Denoise a chunk in whatever process this is; model and image are opened with the first one, and kept.

    Args:
        job: What is denoised.
        number: Number of the chunk.

    Returns:
        Bytes of results.

    Raises:
        QuietScopeError: If the image does not fit the model, or pixels cannot be read or written.
    """
    name = f"{job.made_by} {job.targets.folder}"
    if name not in _workers:
        _workers.clear()
        _workers[name] = ChunkWorker.of(job)
    return _workers[name].do(number)
