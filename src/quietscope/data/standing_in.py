"""Frames of bounded size that stand for larger ones: boxes evenly spread over each, for whatever is measured of images.

A plane of a slide scanner or a volume of a light sheet may be larger than the memory. What is measured of images before
training, noise, statistics, background, needs no more of them than some boxes from all over.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from quietscope.axes import Layout
from quietscope.data.boxes import MOST_PIXELS, boxes_of
from quietscope.data.frames import Frames
from quietscope.data.mask import Given
from quietscope.data.measured import MeasuredArray
from quietscope.data.scaled import ScaledArray
from quietscope.io.part import PartArray


def bounded(frames: Frames) -> Frames:
    """Return the same frames, with boxes in place of those that are larger than 2^24 pixels.

    Args:
        frames: The frames.

    Returns:
        Frames of bounded size: all boxes of a kind lie at the same place of all frames of an image.
    """
    parts = []
    for array, layout in frames.parts:
        if math.prod(layout.spatial_shape) <= MOST_PIXELS:
            parts.append((array, layout))
        else:
            parts += [_within(array, layout, box) for box in boxes_of(layout.spatial_shape)]
    return Frames(tuple(parts))


def _within(array: Any, layout: Layout, box: Sequence[slice]) -> tuple[Any, Layout]:
    """Return a box of all frames of an array, with its layout."""
    sides = dict(zip(layout.spatial_axes, box, strict=True))
    key = tuple(sides.get(letter, slice(0, n)) for letter, n in zip(layout.axes, layout.shape, strict=True))
    return _part(array, key), replace(layout, shape=tuple(part.stop - part.start for part in key))


def _part(array: Any, key: tuple[slice, ...]) -> Any:
    """Return a box of an array that still knows in which units it is read, and what is missing in it."""
    if isinstance(array, ScaledArray):
        return array.around(_part(array.inner, key))
    places = [range(part.start, part.stop) for part in key]
    if not isinstance(array, MeasuredArray):
        return PartArray(array, places)
    given = array.given
    if given is not None and given.mask is not None:
        known = [slice(None) if n == 1 else part for n, part in zip(given.mask.shape, key, strict=True)]
        given = Given(given.mask[tuple(known)], given.may_hold_nan)
    return MeasuredArray(PartArray(array.original, places), array.axes, array.gaps, array.name, given)
