"""Choice of the part of a large plane that a picture shows."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

LARGEST_SIDE = 384
"""Side of a panel of the overview in pixels; in a larger crop single pixels, and so the noise, would not be visible."""

PLACES_PER_AXIS = 4
_TAILS = (1.0, 99.0)


def choose_crop(
    shape: tuple[int, int], read: Callable[[slice, slice], npt.NDArray[Any]], side: int = LARGEST_SIDE
) -> tuple[slice, slice]:
    """Choose the window with the highest contrast among at most 16 windows spread over the plane.

    Args:
        shape: Size of the plane, (Y, X).
        read: Function that reads a window of the plane; the whole plane is never read.
        side: Largest side of the window in pixels.

    Returns:
        The window: slices along Y and X.
    """
    windows = list(product(_places(shape[0], side), _places(shape[1], side)))
    if len(windows) == 1:
        return windows[0]
    return max(windows, key=lambda window: _contrast(read(*window)))


def _places(size: int, side: int) -> list[slice]:
    if size <= side:
        return [slice(0, size)]
    count = min(PLACES_PER_AXIS, -(-size // side))
    return [slice(int(start), int(start) + side) for start in np.linspace(0, size - side, count)]


def _contrast(pixels: npt.NDArray[Any]) -> float:
    known = pixels[~np.isnan(pixels)]  # NaN stands for pixels that were never measured
    low, high = np.percentile(known, _TAILS) if known.size else (0.0, 0.0)
    return float(high - low)
