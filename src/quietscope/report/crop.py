"""Which part of a huge plane to show: one with something on it."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

LARGEST_SIDE = 384
"""Pixels a panel of the overview has: of a larger crop single pixels would be lost, and noise lives in those."""

PLACES_PER_AXIS = 4
_TAILS = (1.0, 99.0)


def choose_crop(
    shape: tuple[int, int], read: Callable[[slice, slice], npt.NDArray[Any]], side: int = LARGEST_SIDE
) -> tuple[slice, slice]:
    """Choose the window of the largest contrast among at most 16 places spread over the plane.

    Args:
        shape: Size of the plane, (Y, X).
        read: Reads a window of it; only windows are read, never the plane.
        side: Largest side of the window in pixels.

    Returns:
        The window.
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
    low, high = np.percentile(pixels, _TAILS)
    return float(high - low)
