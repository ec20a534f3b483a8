"""The range of intensities that a viewer shows, where nobody has told one: that of the pixels themselves."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

PERCENTILES = (0.1, 99.9)
"""Of the pixels of a channel; a hot pixel does not make the rest dark."""

_MOST_PLANES = 16
_SIDE = 1024

Read = Callable[[tuple[slice | int, ...]], npt.NDArray[Any]]
"""Reads an array at integers and slices of step 1."""


def shown_range(read: Read, axes: str, shape: tuple[int, ...], channel: int) -> tuple[float, float] | None:
    """Return the range of one channel, of at most 16 planes from its first to its last, and the middle of each.

    Args:
        read: Reads the pixels; of a pyramid, those of its smallest level say as much.
        axes: Their axes, Y and X the last.
        shape: Their shape.
        channel: Number of the channel; 0 where there is no axis C.

    Returns:
        The 0.1st and the 99.9th percentile, the lower one below; None where no pixel is a number.
    """
    stack = [1 if letter == "C" else size for letter, size in zip(axes[:-2], shape[:-2], strict=True)]
    number = int(np.prod(stack))
    middle = tuple(slice(max(0, (size - _SIDE) // 2), max(0, (size - _SIDE) // 2) + _SIDE) for size in shape[-2:])
    found = []
    for plane in np.unique(np.linspace(0, number - 1, min(number, _MOST_PLANES)).astype(int)):
        place = [int(at) for at in np.unravel_index(plane, stack)] if stack else []
        at = [channel if letter == "C" else index for letter, index in zip(axes[:-2], place, strict=True)]
        pixels = np.asarray(read((*at, *middle)), np.float64).ravel()
        found.append(pixels[np.isfinite(pixels)])
    known = np.concatenate(found)
    if not known.size:
        return None
    low, high = (float(level) for level in np.percentile(known, PERCENTILES))
    return low, high if high > low else low + max(1.0, abs(low))
