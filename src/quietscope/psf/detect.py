"""Detection of isolated beads."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Real = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]

THRESHOLD = 6.0
"""Robust standard deviations that a spot must exceed the background by; noise alone does so once in 10^9 pixels."""

BELOW_ONE_SIGMA = 0.1587
"""Share of a normal distribution below -sigma; this side is used because beads change the other one."""

FAINTEST = 0.01
"""Least height relative to the brightest spot; it matters for images whose background has no noise."""

BOXES_APART = 0.75
"""Least distance of two beads, in sides of the box, at which no light of the neighbour falls into the box."""

FAINT_SHARE = 0.1
"""Height relative to a bead below which a neighbouring spot is one of its diffraction rings, or too faint to matter."""

MARGIN = 2
"""Pixels around the box that are needed to align a bead."""

_BOXES_PER_WIDTH = 14.0
_LEAST_SMOOTHING = 0.7
_FLAT_TOP = 3


@dataclass(frozen=True, kw_only=True)
class Spots:
    """The spots of an image of beads, and how many of them cannot be used.

    Attributes:
        found: Number of spots that stand out from the background.
        border: Number of spots too near the border for their box.
        crowded: Number of spots with a neighbour in or near their box.
        saturated: Number of spots with saturated pixels.
        places: Index of the brightest pixel of each of the other spots, shape (N, ndim).
    """

    found: int
    border: int
    crowded: int
    saturated: int
    places: Places


def find_spots(image: Real, size: Sequence[int], ceiling: float = math.inf) -> Spots:
    """Find the spots without a neighbour in their box.

    A spot is a local maximum of the image, smoothed by a Gaussian with a sigma of a fourteenth of the box, that exceeds
    ``m + 6 (m - q)``, with m the median of the smoothed image and q its 15.87 % quantile (one sigma below the median).

    Args:
        image: Image of beads, shape (Y, X) or (Z, Y, X), intensity units.
        size: Sides of the box of a bead in pixels, odd, one per axis.
        ceiling: Value at which the detector saturates; infinite if unknown.

    Returns:
        The spots.
    """
    from scipy.ndimage import gaussian_filter, maximum_filter

    widths = [max(_LEAST_SMOOTHING, side / _BOXES_PER_WIDTH) for side in size]
    smooth = gaussian_filter(image, widths, mode="reflect")
    smooth -= np.median(smooth)
    spread = -float(np.quantile(smooth, BELOW_ONE_SIGMA))
    reach = [math.ceil(1.5 * width) for width in widths]
    threshold = max(THRESHOLD * spread, FAINTEST * float(smooth.max()))
    peaks = (smooth == maximum_filter(smooth, size=[2 * r + 1 for r in reach])) & (smooth > threshold)
    places = _one_per_plateau(peaks)
    places = places[smooth[tuple(places.T)] > threshold * _border_gain(places, image.shape, reach)]
    sides = np.array(size)
    is_crowded, is_lobe = _neighbours(places, smooth[tuple(places.T)], BOXES_APART * sides)
    places, is_crowded = places[~is_lobe], is_crowded[~is_lobe]
    half = sides // 2 + MARGIN
    at_border = ((places < half) | (places >= np.array(image.shape) - half)).any(axis=1)
    is_clipped = np.array([_is_clipped(image, place, reach, ceiling) for place in places], dtype=bool)
    return Spots(
        found=len(places),
        border=int(at_border.sum()),
        crowded=int((is_crowded & ~at_border).sum()),
        saturated=int((is_clipped & ~is_crowded & ~at_border).sum()),
        places=places[~(at_border | is_crowded | is_clipped)],
    )


def box_at(image: Real, place: Places, half: Sequence[int]) -> Real:
    """Return the box that extends `half` pixels to each side of a pixel, cut at the border of the image."""
    return image[
        tuple(slice(max(0, int(at) - reach), int(at) + reach + 1) for at, reach in zip(place, half, strict=True))
    ]


def _one_per_plateau(peaks: npt.NDArray[np.bool_]) -> Places:
    """Return the index of one pixel of every connected set of maxima, shape (N, ndim)."""
    from scipy.ndimage import generate_binary_structure, label

    labels, _ = label(peaks, generate_binary_structure(peaks.ndim, peaks.ndim))
    places = np.argwhere(peaks)
    _, first = np.unique(labels[tuple(places.T)], return_index=True)
    chosen: Places = places[first]
    return chosen


def _border_gain(places: Places, shape: tuple[int, ...], reach: Sequence[int]) -> Real:
    """Return by how much smoothed noise is larger at given places than inside the image, shape (N,).

    At a border the image is mirrored for smoothing, so fewer independent pixels are averaged: sqrt 2 for every border.
    """
    near = (places < np.array(reach)) | (places >= np.array(shape) - np.array(reach))
    gain: Real = np.sqrt(2.0) ** near.sum(axis=1)
    return gain


def _neighbours(
    places: Places, heights: Real, apart: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return which spots have a neighbour that matters, and which are only a diffraction ring of a brighter spot."""
    from scipy.spatial import KDTree

    crowded, lobe = np.zeros(len(places), dtype=bool), np.zeros(len(places), dtype=bool)
    if len(places) < 2:
        return crowded, lobe
    pairs = KDTree(places / apart).query_pairs(1.0, p=math.inf, output_type="ndarray")
    for one, other in ((pairs[:, 0], pairs[:, 1]), (pairs[:, 1], pairs[:, 0])):
        np.logical_or.at(crowded, one, heights[other] >= FAINT_SHARE * heights[one])
        np.logical_or.at(lobe, one, heights[one] < FAINT_SHARE * heights[other])
    return crowded, lobe


def _is_clipped(image: Real, place: Places, reach: Sequence[int], ceiling: float) -> bool:
    """Return whether a spot has a saturated pixel, or several pixels at the largest value of the image."""
    core = box_at(image, place, reach)
    return bool(core.max() >= ceiling or np.count_nonzero(core == image.max()) >= _FLAT_TOP)
