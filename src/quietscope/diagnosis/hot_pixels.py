"""Hot pixels: single pixels so far above all their neighbours that neither noise nor the sample can explain them.

Even a point-like object is blurred by the microscope, so its neighbours are bright too. Shot noise of few photons, in
particular behind an electron multiplier, has a long tail; a hot pixel must therefore also stand out after taking
square roots, which shortens such tails.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter, median_filter

from quietscope.noise.pairs import FloatArray

Mask: TypeAlias = npt.NDArray[np.bool_]

ABOVE_MEDIAN, ABOVE_BRIGHTEST = 9.0, 6.0
"""Least height of a hot pixel, in standard deviations: above the median of the eight neighbours, and above the
brightest of them."""

ROOT_ABOVE_MEDIAN, ROOT_ABOVE_BRIGHTEST = 6.0, 3.5
"""The same for the square roots of the intensities."""

ISOLATED = 0.6
"""Least height of a hot pixel above its brightest neighbour, as a share of its height above the median neighbour. The
neighbours of a blurred point are brighter than that."""

PIXELS_PER_BIN = 1500
FEWEST_FRAMES = 3

_RING = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], dtype=bool)
_MEDIAN_OF_NORMAL = 0.6745
"""Median of the absolute value of a standard normal variable; below, its 98th percentile."""
_TAIL, _TAIL_OF_NORMAL = 0.98, 2.326


def find_hot_pixels(tile: FloatArray) -> Mask:
    """Find the hot pixels of a tile.

    The noise is estimated from the tile itself, by quantiles over pixels of similar brightness; structure and hot
    pixels have little influence on quantiles.

    Args:
        tile: Intensities, shape (Y, X).

    Returns:
        True at hot pixels, shape (Y, X).
    """
    around: FloatArray = median_filter(tile, footprint=_RING, mode="mirror")
    brightest: FloatArray = maximum_filter(tile, footprint=_RING, mode="mirror")
    isolated = (tile > brightest) & (tile - brightest > ISOLATED * (tile - around))
    if not isolated.any():
        return isolated
    bins = _bins(around)
    sigma = _sigma(tile - around, bins)
    hot = isolated & (tile - around > ABOVE_MEDIAN * sigma) & (tile - brightest > ABOVE_BRIGHTEST * sigma)
    if not hot.any():
        return hot
    dark = float(np.quantile(tile, 0.01)) - float(sigma[bins == 0].mean())
    root, root_around, root_brightest = (np.sqrt(np.maximum(part - dark, 0.0)) for part in (tile, around, brightest))
    sigma = _sigma(root - root_around, bins)
    outstanding = root - root_around > ROOT_ABOVE_MEDIAN * sigma
    return hot & outstanding & (root - root_brightest > ROOT_ABOVE_BRIGHTEST * sigma)


def without(tile: FloatArray, hot: Mask) -> FloatArray:
    """Return the tile with every hot pixel replaced by the median of its neighbours, shape (Y, X)."""
    return np.where(hot, median_filter(tile, footprint=_RING, mode="mirror"), tile) if hot.any() else tile


def fixed_share(masks: Sequence[Mask]) -> float | None:
    """Return the share of hot pixels that are hot in most frames.

    Args:
        masks: Hot pixels of several frames at the same place of the sensor, each of shape (Y, X).

    Returns:
        The share, 0 to 1; None if there are fewer than three frames or no hot pixels.
    """
    total = int(sum(np.count_nonzero(mask) for mask in masks))
    if len(masks) < FEWEST_FRAMES or not total:
        return None
    times = np.sum(masks, axis=0)
    return float(times[2 * times > len(masks)].sum()) / total


def _bins(around: FloatArray) -> npt.NDArray[np.intp]:
    """Sort pixels by the brightness of their surroundings into bins of about equal size; return bin indices, (Y, X)."""
    num_bins = max(1, around.size // PIXELS_PER_BIN)
    edges = np.unique(np.quantile(around, np.linspace(0.0, 1.0, num_bins + 1)[1:-1]))
    return np.unique(np.searchsorted(edges, around, side="right"), return_inverse=True)[1].reshape(around.shape)


def _sigma(height: FloatArray, bins: npt.NDArray[np.intp]) -> FloatArray:
    """Standard deviation of the heights in the bin of each pixel, from their median or their tail, whichever is larger.

    Infinite in bins in which hardly any pixel differs from its neighbours: a single photon on an empty background is
    no hot pixel.
    """
    sigma = np.empty(int(bins.max()) + 1)
    for number in range(sigma.size):
        middle, tail = np.quantile(np.abs(height[bins == number]), (0.5, _TAIL))
        sigma[number] = max(middle / _MEDIAN_OF_NORMAL, tail / _TAIL_OF_NORMAL) or np.inf
    return sigma[bins]
