"""Regions of frames that are held out from training, where there are too few frames to hold out whole ones.

Training patches stay clear of a region and of a gap around it; validation patches lie inside. A network sees no more
than the patch it is given, so that whatever its receptive field, no pixel of a region reaches it while it learns. The
gap keeps away pixels beside a region, whose noise or blurred light may be that of pixels in it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np

Box: TypeAlias = tuple[slice, ...]
"""A part of a frame, one slice per spatial axis, in pixels."""

Starts: TypeAlias = tuple[range, ...]
"""Where a patch may begin: every combination of one number from the range of each spatial axis."""

SHARE = 0.1
"""Share of the area of a frame in Y and X that its regions take."""

GAP = 8
"""Least number of pixels between a region and training patches, beyond which most correlated noise is independent."""

QUARTERS, WHOLE = 2, 1
"""A frame has a region in each of its 2 x 2 quarters, or one in all."""


@dataclass(frozen=True, kw_only=True)
class Clearance:
    """What regions of a frame have to leave room for, in pixels of Y and X.

    Attributes:
        patch: Size of a training patch.
        least: Smallest size of a region.
        gap: Pixels between a region and training patches.
    """

    patch: tuple[int, int]
    least: tuple[int, int]
    gap: tuple[int, int]


def place_regions(size: Sequence[int], clearance: Clearance, rng: np.random.Generator) -> tuple[Box, ...]:
    """Choose the regions of a frame: four, one in each quarter, if they are as large as a patch then; otherwise one.

    They are squares (or reach from edge to edge of a narrow frame), take a tenth of its area, and go through all planes
    of a volume. What is left beside a region and its gap is at least a patch wide or nothing, so that every pixel
    outside can lie in a training patch.

    Args:
        size: Size of the frame (*S); Y and X are the last two.
        clearance: What to leave room for.
        rng: Source of the random places.

    Returns:
        The regions; none if the frame is too small.
    """
    plane = (size[-2], size[-1])
    for cells, least in ((QUARTERS, clearance.patch), (WHOLE, clearance.least)):
        found = _regions(plane, clearance, least, cells, rng)
        if found:
            return tuple((*(slice(0, n) for n in size[:-2]), *region) for region in found)
    return ()


def _regions(
    plane: tuple[int, int], clearance: Clearance, least: Sequence[int], cells: int, rng: np.random.Generator
) -> list[Box]:
    """Choose one region in each of cells x cells parts of a plane; none if there is no room in one of them."""
    sides = _sides(plane, clearance, cells)
    if any(n < p for n, p in zip(sides, least, strict=True)) or any(
        n < p for n, p in zip(plane, clearance.patch, strict=True)
    ):
        return []
    found = []
    for row in range(cells):
        for column in range(cells):
            box = []
            for axis, number in enumerate((row, column)):
                starts = _starts(plane[axis], sides[axis], clearance, axis, (number, cells))
                if not len(starts):
                    return []
                start = int(rng.choice(starts))
                box.append(slice(start, start + sides[axis]))
            found.append(tuple(box))
    return found


def _sides(plane: tuple[int, int], clearance: Clearance, cells: int) -> tuple[int, int]:
    """Return the size of a region: a square, unless an axis is so short that the region has to take all of it."""
    area = SHARE * math.prod(plane) / cells**2
    side = round(math.sqrt(area))
    for axis in (0, 1) if cells == WHOLE else ():
        if not len(_starts(plane[axis], side, clearance, axis, (0, WHOLE))):
            across = max(1, round(area / plane[axis]))
            return (plane[0], across) if axis == 0 else (across, plane[1])
    return side, side


def _starts(length: int, side: int, clearance: Clearance, axis: int, cell: tuple[int, int]) -> np.ndarray:
    """Return where a region may begin in a cell (number, of how many) along an axis.

    On either side of the region lies nothing, which only the edge of the frame allows, or gap and a patch at least.
    """
    number, cells = cell
    low, high = length * number // cells, length * (number + 1) // cells
    room = clearance.gap[axis] + clearance.patch[axis]
    first = np.arange(low, high - side + 1)
    last = first + side
    before = (first == 0) | (first - low >= room)
    after = (last == length) | (high - last >= room)
    found: np.ndarray = first[before & after]
    return found


def starts_inside(regions: Sequence[Box], patch: Sequence[int]) -> tuple[Starts, ...]:
    """Return where patches may begin that lie within a region.

    Args:
        regions: The regions, no smaller than a patch; a volume may have fewer planes than a patch, which then begins
            at the first.
        patch: Size of a patch (*S).

    Returns:
        One box of starts for each region.
    """
    return tuple(
        tuple(
            range(part.start, max(part.start, part.stop - length) + 1)
            for part, length in zip(region, patch, strict=True)
        )
        for region in regions
    )


def starts_outside(
    size: Sequence[int], patch: Sequence[int], regions: Sequence[Box], gap: Sequence[int]
) -> tuple[Starts, ...]:
    """Return where patches may begin that share no pixel with any region and the gap around it.

    Args:
        size: Size of the frame (*S), no smaller than a patch.
        patch: Size of a patch (*S).
        regions: The regions.
        gap: Pixels of the gap in Y and X.

    Returns:
        Boxes of starts that do not overlap; all starts where there are no regions.
    """
    most = [n - p + 1 for n, p in zip(size, patch, strict=True)]
    # Along an axis, a region forbids an unbroken range of starts: those of patches that reach into it.
    margins = [*(0 for _ in size[:-2]), *gap]
    forbidden = [
        [
            (max(0, part.start - margin - length + 1), min(end, part.stop + margin))
            for part, margin, length, end in zip(region, margins, patch, most, strict=True)
        ]
        for region in regions
    ]
    cuts = [sorted({0, end, *(edge for each in forbidden for edge in each[axis])}) for axis, end in enumerate(most)]
    pieces = [list(pairwise(axis)) for axis in cuts]
    found = []
    for index in np.ndindex(*map(len, pieces)):
        box = [pieces[axis][n] for axis, n in enumerate(index)]
        if not any(
            all(low <= first < high for (low, high), (first, _) in zip(each, box, strict=True)) for each in forbidden
        ):
            found.append(tuple(range(first, last) for first, last in box))
    return tuple(found)


def pixels_outside(size: Sequence[int], regions: Sequence[Box], gap: Sequence[int]) -> int:
    """Return how many pixels of a frame (*S) lie outside its regions and the gaps around them, in Y and X."""
    margins = [*(0 for _ in size[:-2]), *gap]
    held_out: int = sum(
        math.prod(
            min(n, part.stop + margin) - max(0, part.start - margin)
            for part, margin, n in zip(region, margins, size, strict=True)
        )
        for region in regions
    )
    return math.prod(size) - held_out
