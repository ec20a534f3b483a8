"""Segmenters that come along: a threshold, and a watershed that parts what touches; planes and volumes alike.

A segmenter turns a denoised image into labels, an integer for every object and 0 for the background. Both scale the
image by percentiles of its own first, so that neither units nor a few bright pixels matter.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.integer[Any]]

USUAL_DIAMETER = 40.0
"""Diameter of objects, in pixels, where nobody says it."""
_SMOOTHING, _LEAST, _DEPTH = 0.04, 0.3, 0.08
"""Width of the smoothing, least diameter of an object, depth of a waist, all in diameters."""
_PERCENTILES = (0.5, 99.8)


def scaled(image: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return an image between two of its percentiles, mapped to 0 and 1 and clipped there; a constant one is 0.

    Pixels that were never measured, NaN, are 0 too.
    """
    measured = image[np.isfinite(image)]
    low, high = np.percentile(measured, _PERCENTILES) if measured.size else (0.0, 0.0)
    if not high > low:
        return np.zeros(image.shape, np.float32)
    parts = np.clip((image.astype(np.float32) - low) / (high - low), 0.0, 1.0)
    return np.nan_to_num(parts, nan=0.0).astype(np.float32)


def threshold(image: npt.NDArray[Any], diameter: float = USUAL_DIAMETER) -> Labels:
    """Label what is brighter than Otsu's threshold of the smoothed image, piece by piece.

    Args:
        image: The image, (Y, X) or (Z, Y, X).
        diameter: About how large an object is, in pixels; sets the smoothing, and what is too small to count.

    Returns:
        Labels of the same shape, 1 and up without gaps, 0 for the background.
    """
    from scipy import ndimage

    labels, _ = ndimage.label(_foreground(image, diameter))
    return _numbered(labels)


def watershed(image: npt.NDArray[Any], diameter: float = USUAL_DIAMETER) -> Labels:
    """Label what is brighter than Otsu's threshold, parted at waists by a watershed of the distance to its border.

    Args:
        image: The image, (Y, X) or (Z, Y, X).
        diameter: About how large an object is, in pixels; also sets how deep a waist parts two objects.

    Returns:
        Labels of the same shape, 1 and up without gaps, 0 for the background.
    """
    from scipy import ndimage
    from skimage.morphology import h_maxima
    from skimage.segmentation import watershed as flooded

    found = _foreground(image, diameter)
    distance = ndimage.gaussian_filter(ndimage.distance_transform_edt(found).astype(np.float32), 0.05 * diameter)
    peaks, _ = ndimage.label(h_maxima(distance, _DEPTH * diameter))
    labels = flooded(-distance, peaks, mask=found)
    return _numbered(_large(labels, _least_size(image.ndim, diameter)))


def _foreground(image: npt.NDArray[Any], diameter: float) -> npt.NDArray[np.bool_]:
    """Return what is brighter than Otsu's threshold, without holes and without what is too small."""
    from scipy import ndimage
    from skimage.filters import threshold_otsu

    smooth = ndimage.gaussian_filter(scaled(image), _SMOOTHING * diameter)
    if not smooth.max() > smooth.min():
        return np.zeros(image.shape, bool)
    found = ndimage.binary_fill_holes(smooth > threshold_otsu(smooth))
    labels, _ = ndimage.label(found)
    return _large(labels, _least_size(image.ndim, diameter)) > 0


def _least_size(dims: int, diameter: float) -> float:
    """Return how many pixels an object has at least: those of a disc or ball of the least diameter."""
    radius = _LEAST * diameter / 2.0
    return float(np.pi * radius**2 if dims == 2 else 4.0 / 3.0 * np.pi * radius**3)


def _large(labels: Labels, least: float) -> Labels:
    """Return labels without objects of fewer pixels."""
    sizes = np.bincount(labels.ravel())
    return np.where(sizes[labels] >= least, labels, 0)


def _numbered(labels: Labels) -> Labels:
    """Return labels without gaps."""
    kept = np.flatnonzero(np.bincount(labels.ravel()))
    numbers = np.zeros(int(labels.max()) + 1, np.int32)
    numbers[kept[kept > 0]] = np.arange(1, np.count_nonzero(kept) + 1)
    return numbers[labels]
