"""Random training patches; a patch is a function of the seed and its index alone.

Because of that, a resumed run gets exactly the patches that an uninterrupted one would get.
"""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from quietscope.data.frames import Frame, Frames
from quietscope.data.regions import Starts
from quietscope.tiling.orientations import FLIP_X, FLIP_Y, TRANSPOSE, orient

MOST_DRAWS = 24
"""Draws of the place of a patch, where pixels are missing, before the best of them is taken."""

ENOUGH = 0.5
"""Share of the pixels of a patch that should have been measured."""

ANYWHERE = 0.25
"""Share of the patches that are taken wherever they lie, where empty ones are passed over."""


@dataclass(frozen=True, kw_only=True)
class PatchPlan:
    """Which frame, position and orientation each patch has.

    Attributes:
        sizes: Spatial size of every frame that patches are cut from.
        patch: Patch size, one length per spatial axis; no larger than the smallest frame.
        seed: Seed of the random choices.
        orientations: Flips and rotations in Y and X to choose from, as numbered by `orient`.
        measured: Receives the number of a frame and where a patch begins in it, and returns the share of its pixels
            that were measured, 0 to 1; None where all were. Patches with less than half of them are drawn again.
        filled: Receives the same, and returns whether a patch holds anything but background; None where that is all
            one. But for a quarter, patches without are drawn again.
        spaces: Where patches of every frame may begin, in boxes that do not overlap, at least one for each frame; None
            where they may lie anywhere.
        weights: How often patches come from each frame, in pixels; None for the pixels of the frame.
    """

    sizes: tuple[tuple[int, ...], ...]
    patch: tuple[int, ...]
    seed: int
    orientations: tuple[int, ...]
    measured: Callable[[int, Sequence[int]], float] | None = None
    filled: Callable[[int, Sequence[int]], bool] | None = None
    spaces: tuple[tuple[Starts, ...], ...] | None = None
    weights: tuple[int, ...] | None = None

    def rows(self, first: int, count: int) -> np.ndarray:
        """Return samples ``first`` to ``first + count``, one row each: frame, start per spatial axis, orientation."""
        pixels = np.cumsum(self.weights or [np.prod(size, dtype=np.int64) for size in self.sizes])
        rows = np.empty((count, len(self.patch) + 2), dtype=np.int64)
        for row, index in zip(rows, range(first, first + count), strict=True):
            # A counter-based generator can start at any index: no draw depends on the draws before it.
            rng = np.random.Generator(np.random.Philox(key=self.seed, counter=[0, 0, 0, index]))
            frame, starts = self._place(rng, pixels)
            turn = self.orientations[rng.integers(len(self.orientations))]
            row[:] = np.array([frame, *starts, turn])
        return rows

    def _place(self, rng: np.random.Generator, pixels: np.ndarray) -> tuple[int, list[int]]:
        """Draw the frame of a patch and where it begins; of several draws, the first that will do, or the best."""
        best, most = (0, [0] * len(self.patch)), -1.0
        filled = None if self.filled is None or rng.random() < ANYWHERE else self.filled
        for _ in range(1 if self.measured is None and filled is None else MOST_DRAWS):
            frame = int(np.searchsorted(pixels, rng.integers(pixels[-1]), side="right"))
            starts = self._starts(rng, frame)
            share = 1.0 if self.measured is None else self.measured(frame, starts)
            if filled is not None and not filled(frame, starts):
                share *= 0.9 * ENOUGH
            if share > most:
                best, most = (frame, starts), share
            if most >= ENOUGH:
                break
        return best

    def _starts(self, rng: np.random.Generator, frame: int) -> list[int]:
        """Draw where a patch begins in a frame; all places that it may have are equally likely."""
        if self.spaces is None:
            return [int(rng.integers(n - p + 1)) for n, p in zip(self.sizes[frame], self.patch, strict=True)]
        boxes = self.spaces[frame]
        ends = np.cumsum([math.prod(map(len, box)) for box in boxes])
        box = boxes[int(np.searchsorted(ends, rng.integers(ends[-1]), side="right"))]
        return [int(rng.integers(axis.start, axis.stop)) for axis in box]


class Patches(Protocol):
    """A source of training patches."""

    def batch(self, first: int, count: int) -> Tensor:
        """Return samples ``first`` to ``first + count`` as (count, W C, *patch), float32, intensity units.

        W is the number of frames that a model sees at once, one after the other in the channels.
        """


class ResidentPatches:
    """Patches of frames that fit into the memory of the device; one operation cuts, flips and transposes a batch.

    Args:
        frames: Frames of shape (C, *S).
        plan: Frame, position and orientation of each patch.
        device: Device that holds the frames.
        windows: For each frame of the plan, the numbers of the W frames that a model sees at once, all of its size;
            the frame of that number alone where None.
    """

    def __init__(
        self,
        frames: Sequence[Frame],
        plan: PatchPlan,
        device: torch.device,
        windows: Sequence[Sequence[int]] | None = None,
    ) -> None:
        self._plan = plan
        self._windows = torch.tensor([[n] for n in range(len(frames))] if windows is None else windows)
        flat = [torch.from_numpy(np.ascontiguousarray(f, dtype=np.float32)).flatten(1) for f in frames]
        self._pixels = torch.cat(flat, dim=1).to(device)
        counts = np.cumsum([0, *(f.shape[1] for f in flat)])[:-1]
        self._offsets = torch.from_numpy(counts)
        # Frames of different sizes lie one after the other in a flat array, so every frame has its own strides.
        strides = [[int(np.prod(size[axis + 1 :])) for axis in range(len(size))] for size in plan.sizes]
        self._strides = torch.tensor(strides)

    def batch(self, first: int, count: int) -> Tensor:
        """Return samples ``first`` to ``first + count`` as (count, W C, *patch), float32."""
        rows = torch.from_numpy(self._plan.rows(first, count))
        frame, starts, turn = rows[:, 0], rows[:, 1:-1], rows[:, -1]
        dims = len(self._plan.patch)
        index = torch.zeros(count, *[1] * dims, dtype=torch.int64)
        for axis, length in enumerate(self._plan.patch):
            steps = torch.arange(length).expand(count, length)
            flip = {dims - 2: FLIP_Y, dims - 1: FLIP_X}.get(axis, 0)
            steps = torch.where((turn & flip).bool()[:, None], length - 1 - steps, steps)
            line = (starts[:, axis, None] + steps) * self._strides[frame, axis, None]
            index = index + line.reshape(count, *[length if a == axis else 1 for a in range(dims)])
        transpose = (turn & TRANSPOSE).bool().reshape(-1, *[1] * dims)
        if transpose.any():
            index = torch.where(transpose, index.transpose(-1, -2), index)
        index = index[:, None] + self._offsets[self._windows[frame]].reshape(count, -1, *[1] * dims)
        return self._pixels[:, index.to(self._pixels.device)].permute(1, 2, 0, *range(3, 3 + dims)).flatten(1, 2)


class StreamedPatches:
    """Patches read from files one batch in advance, for images that do not fit into memory.

    Args:
        frames: The frames to read from.
        chosen: Indices of those frames that the plan is made for.
        plan: Frame, position and orientation of each patch.
        device: Device of the returned batches.
        surrounded: Whether a frame comes with those that a model sees along with it.
    """

    def __init__(
        self,
        frames: Frames,
        chosen: Sequence[int],
        plan: PatchPlan,
        device: torch.device,
        *,
        surrounded: bool = False,
    ) -> None:
        self._frames, self._chosen, self._plan, self._device = frames, chosen, plan, device
        self._read_box = frames.surrounded if surrounded else frames.region
        self._pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="patches")
        self._ahead: dict[tuple[int, int], list[Future[np.ndarray]]] = {}

    def batch(self, first: int, count: int) -> Tensor:
        """Return samples ``first`` to ``first + count`` as (count, W C, *patch), float32."""
        wanted = self._ahead.pop((first, count), None) or self._submit(first, count)
        self._ahead = {(first + count, count): self._submit(first + count, count)}
        patches = np.stack([future.result() for future in wanted])
        return torch.from_numpy(patches).to(self._device)

    def _submit(self, first: int, count: int) -> list[Future[np.ndarray]]:
        return [self._pool.submit(self._read, row) for row in self._plan.rows(first, count)]

    def _read(self, row: np.ndarray) -> np.ndarray:
        box = tuple(slice(start, start + length) for start, length in zip(row[1:-1], self._plan.patch, strict=True))
        # A frame smaller than the patch is read completely (slices stop at its end) and then mirrored.
        patch = self._read_box(self._chosen[int(row[0])], box).astype(np.float32)
        return orient(pad_to_patch(patch, self._plan.patch), int(row[-1]))


def turned(images: Tensor, turn: int) -> Tensor:
    """Turn images (..., Y, X) as `quietscope.tiling.orientations.orient` turns arrays."""
    axes = [axis for axis, flip in ((-2, FLIP_Y), (-1, FLIP_X)) if turn & flip]
    images = images.flip(axes) if axes else images
    return images.transpose(-1, -2) if turn & TRANSPOSE else images


def pad_to_patch(frame: Frame, patch: tuple[int, ...]) -> Frame:
    """Extend a frame (C, *S) to the size of a patch along axes that are shorter, by mirroring it at their far end."""
    missing = [max(0, p - n) for n, p in zip(frame.shape[1:], patch, strict=True)]
    if not any(missing):
        return frame
    return np.pad(frame, [(0, 0), *((0, m) for m in missing)], mode="symmetric")
