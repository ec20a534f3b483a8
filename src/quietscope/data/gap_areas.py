"""Areas of one value in a plane, and how they end: at once, as padding does, or raggedly, as chance has it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]

SQUARE = 8
"""Side of the smallest square that counts as an area, in pixels."""

LINE = 64
"""Length of the shortest dead line, in pixels; in smaller images, the whole side."""

REGROWN = 4
"""How far from a square or a line pixels of its value belong to it, in pixels: the corners of slanted borders."""

REACH = LINE + REGROWN
"""How far a pixel's surroundings matter to whether it was measured, in pixels along Y and X."""

MOST_NEAR = 0.2
"""Share of the pixels close outside an area that may have its value; more of them belong to a clipped background."""

SHARP = 0.7
"""Least height two pixels outside an area, as a share of that five pixels outside, where its border is sharp."""

RAGGED = 0.01
"""Share of the pixels one or two outside an area that may be like at most 11 of the 25 pixels around, as to whether
they have its value. Padding of real images has at most 0.004; an edge of 2 to 100 photons, 0.85 px wide or more, 0.02
to 0.4. At a right angle of the border, as a frame has four, one pixel is like 9 of 25, and two are like 12."""

CORNERS = 4
"""Pixels of that kind that every area may have: a frame around a small image is padding, too."""

FEWEST_OUTSIDE = 24
"""Pixels outside an area that its border is judged by; with fewer there is nothing to compare."""


def areas_of(plane: Plane, value: float) -> Mask:
    """Return where a plane (Y, X) holds a value in a square of `SQUARE` pixels, on a line of `LINE`, or beside one."""
    equal = plane == value
    found = np.zeros(plane.shape, dtype=bool)
    if np.count_nonzero(equal) < min(SQUARE, *plane.shape):
        return found
    from scipy.ndimage import binary_dilation

    height, width = plane.shape
    for shape in ((SQUARE, SQUARE), (min(LINE, height), 1), (1, min(LINE, width))):
        if shape[0] <= height and shape[1] <= width:
            found |= _opened(equal, shape)
    if not found.any():
        return found
    grown: Mask = binary_dilation(found, np.ones((3, 3), dtype=bool), iterations=REGROWN, mask=equal)
    return grown


def _opened(equal: Mask, shape: tuple[int, int]) -> Mask:
    """Return the union of all boxes of a shape that lie inside a mask (Y, X)."""
    inside = _all_in_box(equal, shape)
    padded = np.pad(inside, [(length - 1, length - 1) for length in shape])
    return ~_all_in_box(~padded, shape)


def _all_in_box(mask: Mask, shape: tuple[int, int]) -> Mask:
    """Return for every place of a box inside a mask whether it is full, (Y - a + 1, X - b + 1)."""
    sums = mask.astype(np.int32)
    for axis, length in enumerate(shape):
        total = np.cumsum(sums, axis=axis, dtype=np.int32)
        total = np.concatenate([np.zeros_like(np.take(total, [0], axis=axis)), total], axis=axis)
        upper = np.take(total, range(length, total.shape[axis]), axis=axis)
        sums = upper - np.take(total, range(total.shape[axis] - length), axis=axis)
    full: Mask = sums == shape[0] * shape[1]
    return full


@dataclass(kw_only=True)
class Border:
    """What lies in areas of one value, and how they end.

    Attributes:
        value: The value.
        area: Pixels in such areas.
        near: Pixels two or three pixels outside, and how many of them have the value too.
        ragged: Pixels one or two pixels outside, and how many of them are unlike most around them.
        heights: Difference from the value one, two and five pixels outside: number and sum.
        is_highest: Whether no pixel is brighter. Then it may be saturated structure, whose edge is judged at the very
            first pixel; padding may have been blended there, by the turning of a mosaic.
    """

    value: float
    area: int = 0
    near: list[int] = field(default_factory=lambda: [0, 0])
    ragged: list[int] = field(default_factory=lambda: [0, 0])
    heights: dict[int, list[float]] = field(default_factory=lambda: {1: [0, 0.0], 2: [0, 0.0], 5: [0, 0.0]})
    is_highest: bool = True

    @classmethod
    def of(cls, planes: Iterable[Plane], value: float) -> "Border":
        """Measure planes."""
        self = cls(value=value)
        for plane in planes:
            self._add(plane)
        return self

    @property
    def is_sharp(self) -> bool:
        """Whether the areas end at once, and so hold no measurement."""
        close, far = self.heights[1 if self.is_highest else 2], self.heights[5]
        if min(close[0], far[0]) < FEWEST_OUTSIDE or self.near[1] > MOST_NEAR * self.near[0]:
            return False
        if self.ragged[1] > max(RAGGED * self.ragged[0], CORNERS):
            return False
        return close[1] / close[0] >= SHARP * far[1] / far[0]

    def _add(self, plane: Plane) -> None:
        from scipy.ndimage import distance_transform_cdt, uniform_filter

        self.is_highest &= bool(plane.max() <= self.value)
        areas = areas_of(plane, self.value)
        if not areas.any() or areas.all():
            return
        self.area += int(np.count_nonzero(areas))
        distance = distance_transform_cdt(~areas, metric="chessboard")
        height = np.abs(plane.astype(np.float64) - self.value)
        near = (distance == 2) | (distance == 3)
        self.near[0] += int(near.sum())
        self.near[1] += int((height[near] == 0.0).sum())
        equal, beside = height == 0.0, (distance == 1) | (distance == 2)
        self.ragged[0] += int(beside.sum())
        share = uniform_filter(equal.astype(np.float32), 5)
        self.ragged[1] += int((np.where(equal, share, 1.0 - share) < 11.5 / 25.0)[beside].sum())
        for at, sums in self.heights.items():
            there = height[distance == at]
            sums[0] += there.size
            sums[1] += float(there.sum())
