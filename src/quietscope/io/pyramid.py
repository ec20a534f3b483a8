"""Pyramids: smaller versions of an image, each half as large in its plane as the one before, of means of pixels.

A pixel of a level is the mean of 2 x 2 pixels of the level before, or of 2 x 2 x 2. It lies in the middle of them: with
pixels of size p and a factor f in all, pixel 0 lies at (f - 1) p / 2 from where pixel 0 of the whole image lies.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

LARGEST_OF_LAST = 512
"""Height and width of the smallest level, at most; its larger side is over half of that."""


@dataclass(frozen=True)
class Level:
    """One level of a pyramid.

    Attributes:
        shape: Its shape.
        step: How many pixels of the level before become one, along each axis: 1 or 2.
        factor: How many pixels of the whole image do.
    """

    shape: tuple[int, ...]
    step: tuple[int, ...]
    factor: tuple[int, ...]


def levels_of(
    axes: str,
    shape: Sequence[int],
    pixel_size_um: Mapping[str, float],
    *,
    halves_z: bool = True,
    is_asked: bool = False,
) -> tuple[Level, ...]:
    """Plan the levels of a pyramid.

    Planes are halved until height and width are at most 512. Depth is halved too where planes are known to lie no
    farther apart than pixels do by then, so that voxels become cubes and stay so.

    Args:
        axes: One letter per dimension.
        shape: Shape of the image.
        pixel_size_um: Micrometres per pixel for those of X, Y and Z that are known.
        halves_z: Whether depth may be halved at all.
        is_asked: Whether a person has asked for a pyramid: then a small image has a smaller version, too.

    Returns:
        The image itself, and all smaller levels. A last row or column that has no partner is its own mean, so that
        sizes are rounded up.
    """
    ones = (1,) * len(axes)
    levels = [Level(tuple(shape), ones, ones)]
    while max(levels[-1].shape[axes.index(letter)] for letter in "YX") > (
        1 if is_asked and len(levels) == 1 else LARGEST_OF_LAST
    ):
        last = levels[-1]
        halved_axes = "YX" + ("Z" if halves_z and _is_close(axes, last, pixel_size_um) else "")
        pairs = zip(axes, last.shape, strict=True)
        step = tuple(2 if letter in halved_axes and size > 1 else 1 for letter, size in pairs)
        levels.append(
            Level(
                tuple(-(-size // each) for size, each in zip(last.shape, step, strict=True)),
                step,
                tuple(before * each for before, each in zip(last.factor, step, strict=True)),
            )
        )
    return tuple(levels)


def _is_close(axes: str, level: Level, pixel_size_um: Mapping[str, float]) -> bool:
    """Tell whether the planes of a level lie no farther apart than its pixels."""
    if "Z" not in axes or not set("XYZ") <= set(pixel_size_um):
        return False
    z, y, x = (pixel_size_um[letter] * level.factor[axes.index(letter)] for letter in "ZYX")
    return z <= max(y, x) * (1 + 1e-6)


def halved(block: npt.NDArray[Any], step: Sequence[int]) -> npt.NDArray[Any]:
    """Return means of neighbouring pixels.

    Args:
        block: The pixels.
        step: 1 or 2 for each axis: how many become one.

    Returns:
        The means, in the type of the block; integers are rounded, halves up. Pixels at an odd end have no partner, and
        those that are NaN do not count.
    """
    odd = [(0, size % each) for size, each in zip(block.shape, step, strict=True)]
    even = np.pad(block, odd, mode="edge") if any(more for _, more in odd) else block
    count = int(np.prod(step))
    kind = block.dtype
    if kind.kind == "f":
        missing = np.isnan(even)
        if not missing.any():
            return np.asarray(_sums(even.astype(np.result_type(kind, np.float32)), step) / count, kind)
        known = _sums((~missing).astype(np.float32), step)
        with np.errstate(invalid="ignore"):  # nothing of nothing is NaN again
            return np.asarray(_sums(np.where(missing, 0, even), step) / known, kind)
    if kind.itemsize == 8:  # their sums would not fit; beyond 2^53 means are rounded to what float64 has
        limits = np.iinfo(kind)
        means = np.rint(_sums(even.astype(np.float64), step) / count)
        return np.asarray(np.clip(means, limits.min, np.nextafter(float(limits.max), 0))).astype(kind)
    small = np.int32 if kind.itemsize <= 2 else np.int64
    return np.asarray((_sums(even.astype(small), step) + count // 2) // count).astype(kind)


def _sums(block: npt.NDArray[Any], step: Sequence[int]) -> npt.NDArray[Any]:
    """Add up neighbours along each axis of which two become one."""
    for axis, each in enumerate(step):
        if each == 2:
            before = (slice(None),) * axis
            block = block[(*before, slice(0, None, 2))] + block[(*before, slice(1, None, 2))]
    return block
