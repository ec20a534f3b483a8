"""One process at work on chunks: it opens model and image once, and denoises whichever chunks it is given."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from quietscope.axes import Layout
from quietscope.data.gap_areas import REACH
from quietscope.data.measured import as_measured
from quietscope.io import Image, Sink, WriteRequest
from quietscope.io.held import HeldArray, HeldBox
from quietscope.io.image import whole_key
from quietscope.io.shared_result import SharedResult
from quietscope.pipeline.chunks.chunk_folder import ChunkFolder, ChunkJournal
from quietscope.pipeline.chunks.chunk_job import ChunkJob
from quietscope.pipeline.chunks.chunk_judge import ChunkJudge
from quietscope.pipeline.image_files import Target
from quietscope.pipeline.opened_model import Model
from quietscope.tiling.cut import Cut, Within

MOST_GOING = 2
"""Chunks that are judged and written while another is denoised: some take longer for that, some less."""


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
    """Denoises chunks of an image: while one is at work, the next is read, and the one before judged and written.

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
    def _held(self) -> HeldArray:
        return HeldArray(self.target.image.data)

    @cached_property
    def noisy(self) -> Image:
        """The noisy image, with NaN where nothing was measured; what is held of it is not read again."""
        return as_measured(replace(self.target.image, data=self._held))

    @cached_property
    def layout(self) -> Layout:
        """How its dimensions map to frames."""
        return self.noisy.layout(len(self.cut.size))

    @cached_property
    def results(self) -> Mapping[str, SharedResult]:
        """The results as they grow, by kind."""
        letters = self.layout.frame_axes + self.layout.spatial_axes
        return self.folder.opened(dict(zip(letters, (*self.cut.frame_chunk, *self.cut.chunk), strict=True)))

    @cached_property
    def judge(self) -> ChunkJudge:
        """What compares chunks with the noisy image."""
        return ChunkJudge.of(self.job, self.target, self.model, self.folder)

    @cached_property
    def _journal(self) -> ChunkJournal:
        return self.folder.journal()

    def do_all(self, numbers: Sequence[int]) -> Iterator[int]:
        """Denoise chunks, and write them down.

        Args:
            numbers: Numbers of the chunks.

        Yields:
            Bytes of results of each, as soon as it is written.

        Raises:
            QuietScopeError: If the image does not fit the model, or pixels cannot be read or written, or another run
                has ended or replaced what it was to be written into.
        """
        run = self.folder.run(self.job.made_by)
        with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
            coming = [reader.submit(self._fetch, number) for number in numbers[:1]]
            going: deque[Future[int]] = deque()
            for number, then in zip(numbers, (*numbers[1:], None), strict=True):
                self._held.hold(coming.pop().result())
                if then is not None:
                    coming.append(reader.submit(self._fetch, then))
                regions = self._denoised(number)
                noisy = (
                    self.judge.noisy(self.noisy, self._box(self.cut[number], self.noisy))
                    if number in self.judge
                    else None
                )
                while len(going) >= MOST_GOING:
                    yield going.popleft().result()
                going.append(writer.submit(self._write, run, number, regions, noisy))
            yield from (each.result() for each in going)

    def tried(self, number: int) -> None:
        """Denoise a chunk and judge it, as `do_all` does, and write nothing.

        Args:
            number: Number of the chunk.

        Raises:
            QuietScopeError: If the image does not fit the model, or pixels cannot be read.
        """
        self._held.hold(self._fetch(number))
        pixels = {kind: region.pixels for kind, region in self._denoised(number).items()}
        box = self._box(self.cut[number], self.noisy)
        self.judge.judged(self.judge.noisy(self.noisy, box), box, pixels)

    def _fetch(self, number: int) -> HeldBox:
        """Read what a chunk is denoised from: its frames, those that the model sees with them, and a halo."""
        chunk, around = self.cut[number], self.noisy.context
        sides = {letter: slice(0, size) for letter, size in zip(self.noisy.axes, self.noisy.shape, strict=True)}
        wide = dict(zip(self.layout.spatial_axes, self.cut.tiles.halo, strict=True))
        wide = {letter: halo + REACH for letter, halo in wide.items()}
        if around.axis is not None:
            wide[around.axis] = around.neighbours
        for letter, span in zip(self.layout.frame_axes + self.layout.spatial_axes, _spans(chunk), strict=True):
            more, size = wide.get(letter, 0), sides[letter].stop
            sides[letter] = slice(max(0, span.start - more), min(size, span.stop + more))
        return self._held.fetch([sides[letter] for letter in self.noisy.axes])

    def _denoised(self, number: int) -> Mapping[str, Region]:
        """Denoise a chunk, and return what goes into each result, by kind."""
        chunk = self.cut[number]
        regions = {kind: Region(self._box(chunk, self.folder.requests[kind])) for kind in self.target.files}
        sinks: dict[str, Sink] = dict(regions)
        self.model.denoise_into(self.noisy, sinks, replace(self.target.request, tile=self.cut.tiles), chunks=[chunk])
        return regions

    def _write(self, run: str, number: int, regions: Mapping[str, Region], noisy: Image | None) -> int:
        """Write a chunk, what was found in it, and then that it is done; nothing into the folder of a later run."""
        self.folder.run(self.job.made_by, run)
        pixels = {kind: self.target.as_stored(kind, region.pixels) for kind, region in regions.items()}
        count = 0
        for kind, region in regions.items():
            self.results[kind][region.box] = pixels[kind]
            count += pixels[kind].nbytes
        if noisy is not None:
            self._journal.note_judgement(
                number, self.judge.judged(noisy, self._box(self.cut[number], self.noisy), pixels)
            )
        self._journal.note(number)
        return count

    def _box(self, chunk: Within, array: Image | WriteRequest) -> tuple[slice, ...]:
        """Return the place of a chunk in the image, or in a result."""
        at = dict(zip(self.layout.frame_axes + self.layout.spatial_axes, _spans(chunk), strict=True))
        return tuple(at.get(letter, slice(0, size)) for letter, size in zip(array.axes, array.shape, strict=True))


def _spans(chunk: Within) -> tuple[slice, ...]:
    return (*chunk.counted, *chunk.box)


_workers: dict[str, ChunkWorker] = {}


def do_chunks(job: ChunkJob, numbers: Sequence[int]) -> list[int]:
    """Denoise chunks in whatever process this is; model and image are opened with the first ones, and kept.

    Args:
        job: What is denoised.
        numbers: Numbers of the chunks.

    Returns:
        Bytes of results of each.

    Raises:
        QuietScopeError: If the image does not fit the model, or pixels cannot be read or written.
    """
    name = f"{job.made_by} {job.targets.folder}"
    if name not in _workers:
        _workers.clear()
        _workers[name] = ChunkWorker.of(job)
    return list(_workers[name].do_all(numbers))
