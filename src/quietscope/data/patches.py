"""Random training patches; a patch is a function of the seed and its index alone.

Because of that, a resumed run gets exactly the patches that an uninterrupted one would get.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from quietscope.data.frames import Frame
from quietscope.data.regions import Starts
from quietscope.tiling.orientations import FLIP_X, FLIP_Y, TRANSPOSE

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
    measured: Callable[[int, list[int]], float] | None = None
    filled: Callable[[int, list[int]], bool] | None = None
    spaces: tuple[tuple[Starts, ...], ...] | None = None
    weights: tuple[int, ...] | None = None

    def rows(self, first: int, count: int) -> np.ndarray:
        """Return samples ``first`` to ``first + count``, one row each: frame, start per spatial axis, orientation."""
        rows = np.empty((count, len(self.patch) + 2), dtype=np.int64)
        for row, index in zip(rows, range(first, first + count), strict=True):
            rng = self.rng(index)
            frame, starts = self.place(rng)
            row[:] = np.array([frame, *starts, self.turn(rng)])
        return rows

    def rng(self, index: int, stream: int = 0) -> np.random.Generator:
        """Return the source of random numbers of a sample; those of no other sample are needed for it."""
        # A counter-based generator can start at any index: no draw depends on the draws before it.
        return np.random.Generator(np.random.Philox(key=self.seed, counter=[0, 0, stream, index]))

    def turn(self, rng: np.random.Generator) -> int:
        """Draw the orientation of a patch."""
        return self.orientations[rng.integers(len(self.orientations))]

    def place(self, rng: np.random.Generator) -> tuple[int, list[int]]:
        """Draw the frame of a patch and where it begins."""
        return best_place(rng, partial(self.anywhere, rng), self.measured, self.filled)

    def anywhere(self, rng: np.random.Generator) -> tuple[int, list[int]]:
        """Draw a frame and a place in it, whatever is there."""
        frame = int(np.searchsorted(self._pixels, rng.integers(self._pixels[-1]), side="right"))
        return frame, self.starts(rng, frame)

    def starts(self, rng: np.random.Generator, frame: int, within: Sequence[slice] | None = None) -> list[int]:
        """Draw where a patch begins in a frame; all places that it may have are equally likely.

        Args:
            rng: Source of the draws.
            frame: Number of the frame.
            within: A box of the frame that the patch lies in; None for all of it. There has to be a place in it.
        """
        size = self.sizes[frame]
        box = [slice(0, n) for n in size] if within is None else within
        ends = [range(part.start, part.stop - p + 1) for part, p in zip(box, self.patch, strict=True)]
        if self.spaces is None:
            return [int(rng.integers(axis.start, axis.stop)) for axis in ends]
        boxes = [
            [
                range(max(one.start, other.start), min(one.stop, other.stop))
                for one, other in zip(each, ends, strict=True)
            ]
            for each in self.spaces[frame]
        ]
        counts = np.cumsum([math.prod(map(len, each)) for each in boxes])
        chosen = boxes[int(np.searchsorted(counts, rng.integers(counts[-1]), side="right"))]
        return [int(rng.integers(axis.start, axis.stop)) for axis in chosen]

    @cached_property
    def _pixels(self) -> np.ndarray:
        return np.cumsum(self.weights or [np.prod(size, dtype=np.int64) for size in self.sizes])


def best_place(
    rng: np.random.Generator,
    draw: Callable[[], tuple[int, list[int]]],
    measured: Callable[[int, list[int]], float] | None,
    filled: Callable[[int, list[int]], bool] | None,
    most_draws: int = MOST_DRAWS,
) -> tuple[int, list[int]]:
    """Return, of several draws of a place, the first that will do, or the best.

    Args:
        rng: Source of the choice whether a place may be empty.
        draw: Draws the number of a frame, and a place in it.
        measured: Returns which share of the pixels there was measured, 0 to 1; None where all were.
        filled: Returns whether there is anything but background; None where that is all one.
        most_draws: Draws before the best of them is taken.
    """
    filled = None if filled is None or rng.random() < ANYWHERE else filled
    found = [draw()]
    if measured is None and filled is None:
        return found[0]
    best, most = found[0], -1.0
    for number in range(most_draws):
        frame, place = found[0] if number == 0 else draw()
        share = 1.0 if measured is None else measured(frame, place)
        if filled is not None and not filled(frame, place):
            share *= 0.9 * ENOUGH
        if share > most:
            best, most = (frame, place), share
        if most >= ENOUGH:
            break
    return best


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
        ends = np.cumsum([0, *(math.prod(frame.shape[1:]) for frame in frames)])
        pixels = np.empty((len(frames[0]), ends[-1]), np.float32)
        for frame, start, end in zip(frames, ends, ends[1:], strict=False):  # no second copy of all of them
            pixels[:, start:end] = frame.reshape(len(frame), -1)
        self._pixels = torch.from_numpy(pixels).to(device)
        self._offsets = torch.from_numpy(ends[:-1])
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
