"""Boxes evenly spread over a frame, which stand for it where it is larger than the memory should be."""

import math
from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np

MOST_PIXELS = 1 << 24
"""Pixels of a frame that is taken as it is: a plane of 4096 x 4096."""

SIDE, DEPTH = 1024, 16
"""Size of a box in Y and X, and in Z; a box of a volume is a quarter as wide."""

PLACES = 4
"""Boxes along an axis, at most."""


def boxes_of(size: Sequence[int]) -> Iterator[tuple[slice, ...]]:
    """Yield boxes evenly spread over a frame, from edge to edge; all of it where it is not larger than 2^24 pixels.

    Args:
        size: Size of the frame, per spatial axis.
    """
    if math.prod(size) <= MOST_PIXELS:
        yield tuple(slice(0, n) for n in size)
        return
    sides = (SIDE, SIDE) if len(size) == 2 else (DEPTH, SIDE // 4, SIDE // 4)
    spans = []
    for length, side in zip(size, sides, strict=True):
        count = min(PLACES, math.ceil(length / side))
        starts = np.linspace(0, max(0, length - side), count).round().astype(int)
        spans.append([slice(int(start), min(int(start) + side, length)) for start in starts])
    yield from product(*spans)


def inside(box: Sequence[slice], part: Sequence[slice]) -> tuple[slice, ...]:
    """Return a part of a box in the coordinates that the box is given in."""
    return tuple(slice(b.start + p.start, b.start + p.stop) for b, p in zip(box, part, strict=True))
