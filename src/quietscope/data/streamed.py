"""Random training patches of images that do not fit into memory, read from their files one batch in advance.

Where frames are large, blocks of them are read, each of which many patches are cut from: those of a batch come from as
many blocks, and blocks are replaced by turns. So what is read per patch is about half a patch, whatever a file's own
blocks hold around it is decoded for many patches, and those that follow each other still come from all over the images.
"""

import math
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from threading import Lock

import numpy as np
import torch
from torch import Tensor

from quietscope.data.foreground import Foreground
from quietscope.data.frames import Frame, Frames
from quietscope.data.patches import PatchPlan, best_place, pad_to_patch
from quietscope.tiling.orientations import orient

READERS = 4
"""Threads that read."""

SLOTS, MOST_BYTES = 64, 256 << 20
"""Blocks that are open at a time, and the memory that they may take; never fewer blocks than patches in a batch."""

LEAST_SIDE, SIDES, DEPTHS = 256, 4, 2
"""Size of a block: 4 patches in Y and X, and 256 pixels or more; 2 patches in Z."""

DRAWS_OF_BLOCKS = 96
"""Draws of the place of a block before the best is taken; what is known of a place is kept, so most cost nothing."""

TURNOVER = 2.0
"""How often a pixel of a block lies in a patch of it, on average."""


class StreamedPatches:
    """Patches that are read one by one, one batch in advance.

    Args:
        frames: The frames to read from.
        chosen: Indices of those frames that the plan is made for.
        plan: Frame, position and orientation of each patch.
        device: Device of the returned batches.
        surrounded: Whether a frame comes with those that a model sees along with it.
        stride: Samples from the beginning of a batch to that of the next; those of a batch if None.
    """

    def __init__(
        self,
        frames: Frames,
        chosen: Sequence[int],
        plan: PatchPlan,
        device: torch.device,
        *,
        surrounded: bool = False,
        stride: int | None = None,
    ) -> None:
        self._frames, self._chosen, self._plan, self._device, self._stride = frames, chosen, plan, device, stride
        self._read_box = frames.surrounded if surrounded else frames.region
        self._pool = ThreadPoolExecutor(max_workers=READERS, thread_name_prefix="patches")
        self._ahead: dict[tuple[int, int], list[Future[np.ndarray]]] = {}

    def batch(self, first: int, count: int) -> Tensor:
        """Return samples ``first`` to ``first + count`` as (count, W C, *patch), float32."""
        wanted = self._ahead.pop((first, count), None) or self._submit(first, count)
        following = first + (self._stride or count)
        self._ahead = {(following, count): self._submit(following, count)}
        patches = np.stack([future.result() for future in wanted])
        return torch.from_numpy(patches).to(self._device)

    def _submit(self, first: int, count: int) -> list[Future[np.ndarray]]:
        return [self._pool.submit(self._patch, index) for index in range(first, first + count)]

    def _patch(self, index: int) -> np.ndarray:
        (row,) = self._plan.rows(index, 1)
        patch = self._read(int(row[0]), _box(row[1:-1], self._plan.patch))
        return orient(pad_to_patch(patch, self._plan.patch), int(row[-1]))

    def _read(self, frame: int, box: tuple[slice, ...]) -> Frame:
        """Read a box of a frame, with its surroundings; slices stop at the end of the frame."""
        return self._read_box(self._chosen[frame], box).astype(np.float32)


@dataclass(frozen=True)
class Block:
    """A part of a frame that patches are cut from.

    Attributes:
        frame: Number of the frame in the plan.
        box: Its place in the frame, as large as a patch at least.
        pixels: Shape (W C, *box), intensity units; padded by mirroring where the frame is smaller than a patch.
    """

    frame: int
    box: tuple[slice, ...]
    pixels: Frame

    def at(self, starts: Sequence[int], patch: Sequence[int]) -> Frame:
        """Return the pixels of a patch (W C, *patch) that begins at some place of the frame."""
        inside = [start - part.start for start, part in zip(starts, self.box, strict=True)]
        return self.pixels[:, *_box(inside, patch)]


class BlockPatches(StreamedPatches):
    """Patches that are cut from blocks; number and place of each follow from seed and index alone.

    Args:
        frames: The frames to read from.
        chosen: Indices of those frames that the plan is made for.
        plan: Frame, position and orientation of patches; what it says of single places is asked for blocks first.
        device: Device of the returned batches.
        batch_size: Patches of a step, of all processes that share it.
        surrounded: Whether a frame comes with those that a model sees along with it.
        foreground: What patches are to hold, but for a quarter of them; None where they may be empty.
    """

    def __init__(
        self,
        frames: Frames,
        chosen: Sequence[int],
        plan: PatchPlan,
        device: torch.device,
        *,
        batch_size: int,
        surrounded: bool = False,
        foreground: Foreground | None = None,
    ) -> None:
        super().__init__(frames, chosen, plan, device, surrounded=surrounded, stride=batch_size)
        self._size, self._foreground = block_size(plan.patch), foreground
        seen = len(frames.window(chosen[0])) if surrounded else 1
        bytes_of_block = 4 * math.prod(self._size) * frames.num_channels * seen
        slots = max(1, min(SLOTS, MOST_BYTES // bytes_of_block))
        self._slots = math.ceil(slots / batch_size) * batch_size
        self._cuts = max(8, round(TURNOVER * math.prod(self._size) / math.prod(plan.patch)))
        self._index: dict[tuple[int, ...], tuple[float, bool]] = {}
        self._blocks: dict[tuple[int, int], Future[Block]] = {}
        self._lock = Lock()

    def batch(self, first: int, count: int) -> Tensor:
        """Return samples ``first`` to ``first + count`` as (count, W C, *patch), float32."""
        with self._lock:
            for slot, number in list(self._blocks):
                if number < self._number(slot, first // self._slots):
                    del self._blocks[slot, number]
        return super().batch(first, count)

    def _number(self, slot: int, turn: int) -> int:
        """Return which block, of those that a slot holds one after another, it holds at its n-th turn."""
        return (turn + slot * self._cuts // self._slots) // self._cuts

    def _patch(self, index: int) -> np.ndarray:
        turn, slot = divmod(index, self._slots)
        block = self._block(slot, self._number(slot, turn))
        rng, plan = self._plan.rng(index), self._plan

        def draw() -> tuple[int, list[int]]:
            return block.frame, plan.starts(rng, block.frame, block.box)

        def measured(_: int, starts: list[int]) -> float:
            return float((~np.isnan(block.at(starts, plan.patch))).mean())

        def filled(_: int, starts: list[int]) -> bool:
            assert self._foreground is not None
            return self._foreground.is_in(self._middle(block.at(starts, plan.patch)))

        _, starts = best_place(
            rng, draw, measured if self._frames.has_gaps else None, filled if self._foreground is not None else None
        )
        return orient(block.at(starts, plan.patch), plan.turn(rng))

    def _middle(self, pixels: Frame) -> Frame:
        """Return the channels of the frame itself, without those of its neighbours."""
        channels = self._frames.num_channels
        first = (len(pixels) // channels) // 2 * channels
        return pixels[first : first + channels]

    def _block(self, slot: int, number: int) -> Block:
        """Return a block; the first thread that wants it reads it, and the others wait."""
        with self._lock:
            future = self._blocks.get((slot, number))
            is_mine = future is None
            if future is None:
                future = self._blocks[slot, number] = Future()
        if is_mine:
            try:
                future.set_result(self._read_block(number * self._slots + slot))
            except BaseException as error:
                future.set_exception(error)
        return future.result()

    def _read_block(self, which: int) -> Block:
        rng, plan = self._plan.rng(which, stream=1), self._plan

        def measured(frame: int, starts: list[int]) -> float:
            return self._known(frame, starts)[0]

        def filled(frame: int, starts: list[int]) -> bool:
            return self._known(frame, starts)[1]

        frame, starts = best_place(
            rng,
            partial(plan.anywhere, rng),
            measured if self._frames.has_gaps else None,
            filled if self._foreground is not None else None,
            DRAWS_OF_BLOCKS,
        )
        box = tuple(
            around(start, whole, length, patch, rng)
            for start, patch, length, whole in zip(starts, plan.patch, self._size, plan.sizes[frame], strict=True)
        )
        pixels = pad_to_patch(self._read(frame, box), plan.patch)
        return Block(frame, box, pixels)

    def _known(self, frame: int, starts: Sequence[int]) -> tuple[float, bool]:
        """Return which share of the cell around the middle of a patch was measured, and whether it holds foreground.

        Cells are as large as patches. As many as lie in a block are looked at together, once.
        """
        patch, size = self._plan.patch, self._plan.sizes[frame]
        cell = tuple((start + p // 2) // p for start, p in zip(starts, patch, strict=True))
        if (frame, *cell) not in self._index:
            counts = [n // p for n, p in zip(self._size, patch, strict=True)]
            first = [at // n * n for at, n in zip(cell, counts, strict=True)]
            corner = [at * p for at, p in zip(first, patch, strict=True)]
            pixels = self._frames.region(self._chosen[frame], _box(corner, self._size))
            for at in np.ndindex(*counts):
                part = pixels[:, *_box([n * p for n, p in zip(at, patch, strict=True)], patch)]
                if part.size:
                    self._index[frame, *(a + b for a, b in zip(first, at, strict=True))] = self._look(part)
        assert all(at * p < n for at, p, n in zip(cell, patch, size, strict=True))
        return self._index[frame, *cell]

    def _look(self, pixels: Frame) -> tuple[float, bool]:
        share = float((~np.isnan(pixels)).mean()) if self._frames.has_gaps else 1.0
        return share, self._foreground is None or self._foreground.is_in(pixels)


def around(start: int, whole: int, length: int, patch: int, rng: np.random.Generator) -> slice:
    """Return the side of a block that a patch lies in, so that patches of it are as likely anywhere as the first was.

    All places where a patch may begin are cut into pieces of equal size from a random place on, those at the ends half
    to one and a half times as long; the block is that of the piece in which the patch begins.

    Args:
        start: Where the patch begins.
        whole: Length of the frame.
        length: Usual length of a block.
        patch: Length of a patch.
        rng: Source of the random place.
    """
    count, piece = whole - patch + 1, length - patch + 1
    cuts = [at for at in range(int(rng.integers(piece)), count, piece) if piece <= 2 * at <= 2 * count - piece]
    low = max((at for at in cuts if at <= start), default=0)
    high = min((at for at in cuts if at > start), default=count)
    return slice(low, high - 1 + patch)


def block_size(patch: Sequence[int]) -> tuple[int, ...]:
    """Return the size of the blocks that patches of a size are cut from."""
    *depth, height, width = patch
    return (*(DEPTHS * n for n in depth), *(max(LEAST_SIDE, SIDES * n) for n in (height, width)))


def are_large(sizes: Sequence[Sequence[int]], patch: Sequence[int]) -> bool:
    """Return whether frames are so large that blocks of them are read rather than patches."""
    block = math.prod(block_size(patch))
    return any(math.prod(size) >= 2 * block for size in sizes)


def _box(starts: Sequence[int], size: Sequence[int]) -> tuple[slice, ...]:
    return tuple(slice(int(start), int(start) + length) for start, length in zip(starts, size, strict=True))
