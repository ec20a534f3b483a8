"""Random training patches, each a function of (seed, sample index) alone, cut in one batched operation.

Because a patch depends on nothing but its index, a resumed run sees exactly what an uninterrupted one would.
"""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from quietscope.data.frames import Frame, Frames
from quietscope.tiling.orientations import FLIP_X, FLIP_Y, TRANSPOSE, orient


@dataclass(frozen=True, kw_only=True)
class PatchPlan:
    """Where each patch comes from and how it is turned.

    Attributes:
        sizes: Spatial size of every frame that patches are cut from.
        patch: Patch size, one length per spatial axis, none larger than any frame's.
        seed: Seed of the order.
        orientations: Turns in Y and X to choose among, as `orient` numbers them.
    """

    sizes: tuple[tuple[int, ...], ...]
    patch: tuple[int, ...]
    seed: int
    orientations: tuple[int, ...]

    def rows(self, first: int, count: int) -> np.ndarray:
        """Return samples ``first`` to ``first + count``, one row each: frame, start per spatial axis, orientation."""
        pixels = np.cumsum([np.prod(size, dtype=np.int64) for size in self.sizes])
        rows = np.empty((count, len(self.patch) + 2), dtype=np.int64)
        for row, index in zip(rows, range(first, first + count), strict=True):
            # A counter-based generator is at home at any index: no draw depends on the ones before it.
            rng = np.random.Generator(np.random.Philox(key=self.seed, counter=[0, 0, 0, index]))
            frame = int(np.searchsorted(pixels, rng.integers(pixels[-1]), side="right"))
            starts = [rng.integers(n - p + 1) for n, p in zip(self.sizes[frame], self.patch, strict=True)]
            turn = self.orientations[rng.integers(len(self.orientations))]
            row[:] = np.array([frame, *starts, turn])
        return rows


class Patches(Protocol):
    """A source of training patches."""

    def batch(self, first: int, count: int) -> Tensor:
        """Return samples ``first`` to ``first + count`` as (count, C, *patch), float32, intensity units."""


class ResidentPatches:
    """Patches of frames that fit in the device's memory: one gather cuts, flips and transposes a whole batch.

    Args:
        frames: Frames of shape (C, *S), sizes as in the plan.
        plan: Where patches come from.
        device: Where the frames live.
    """

    def __init__(self, frames: Sequence[Frame], plan: PatchPlan, device: torch.device) -> None:
        self._plan = plan
        flat = [torch.from_numpy(np.ascontiguousarray(f, dtype=np.float32)).flatten(1) for f in frames]
        self._pixels = torch.cat(flat, dim=1).to(device)
        counts = np.cumsum([0, *(f.shape[1] for f in flat)])[:-1]
        self._offsets = torch.from_numpy(counts)
        # Frames of any size lie in one flat row, so strides differ from frame to frame.
        strides = [[int(np.prod(size[axis + 1 :])) for axis in range(len(size))] for size in plan.sizes]
        self._strides = torch.tensor(strides)

    def batch(self, first: int, count: int) -> Tensor:
        """Return samples ``first`` to ``first + count`` as (count, C, *patch), float32."""
        rows = torch.from_numpy(self._plan.rows(first, count))
        frame, starts, turn = rows[:, 0], rows[:, 1:-1], rows[:, -1]
        dims = len(self._plan.patch)
        index = self._offsets[frame].reshape(-1, *[1] * dims)
        for axis, length in enumerate(self._plan.patch):
            steps = torch.arange(length).expand(count, length)
            flip = {dims - 2: FLIP_Y, dims - 1: FLIP_X}.get(axis, 0)
            steps = torch.where((turn & flip).bool()[:, None], length - 1 - steps, steps)
            line = (starts[:, axis, None] + steps) * self._strides[frame, axis, None]
            index = index + line.reshape(count, *[length if a == axis else 1 for a in range(dims)])
        transpose = (turn & TRANSPOSE).bool().reshape(-1, *[1] * dims)
        if transpose.any():
            index = torch.where(transpose, index.transpose(-1, -2), index)
        return self._pixels[:, index.to(self._pixels.device)].movedim(0, 1)


class StreamedPatches:
    """Patches read from their files one batch ahead, for images that do not fit in memory.

    Args:
        frames: Where to read boxes from.
        chosen: Indices of the frames that the plan counts.
        plan: Where patches come from.
        device: Where batches are handed out.
    """

    def __init__(self, frames: Frames, chosen: Sequence[int], plan: PatchPlan, device: torch.device) -> None:
        self._frames, self._chosen, self._plan, self._device = frames, chosen, plan, device
        self._pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="patches")
        self._ahead: dict[tuple[int, int], list[Future[np.ndarray]]] = {}

    def batch(self, first: int, count: int) -> Tensor:
        """Return samples ``first`` to ``first + count`` as (count, C, *patch), float32."""
        wanted = self._ahead.pop((first, count), None) or self._submit(first, count)
        self._ahead = {(first + count, count): self._submit(first + count, count)}
        patches = np.stack([future.result() for future in wanted])
        return torch.from_numpy(patches).to(self._device)

    def _submit(self, first: int, count: int) -> list[Future[np.ndarray]]:
        return [self._pool.submit(self._read, row) for row in self._plan.rows(first, count)]

    def _read(self, row: np.ndarray) -> np.ndarray:
        box = tuple(slice(start, start + length) for start, length in zip(row[1:-1], self._plan.patch, strict=True))
        # A frame smaller than the patch is read whole (slices stop at its end) and mirrored like a resident one.
        patch = self._frames.region(self._chosen[int(row[0])], box).astype(np.float32)
        return orient(pad_to_patch(patch, self._plan.patch), int(row[-1]))


def turned(images: Tensor, turn: int) -> Tensor:
    """Turn images (..., Y, X) as `quietscope.tiling.orientations.orient` turns arrays."""
    axes = [axis for axis, flip in ((-2, FLIP_Y), (-1, FLIP_X)) if turn & flip]
    images = images.flip(axes) if axes else images
    return images.transpose(-1, -2) if turn & TRANSPOSE else images


def pad_to_patch(frame: Frame, patch: tuple[int, ...]) -> Frame:
    """Mirror a frame (C, *S) on the far side of each axis that is shorter than the patch; others come back as is."""
    missing = [max(0, p - n) for n, p in zip(frame.shape[1:], patch, strict=True)]
    if not any(missing):
        return frame
    return np.pad(frame, [(0, 0), *((0, m) for m in missing)], mode="symmetric")
