"""Structural similarity (SSIM)."""

from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.errors import PixelError, SizeError
from quietscope.metrics.metric import Metric
from quietscope.metrics.psnr import as_pair, range_of

# Width in pixels of a Gaussian of sigma 1.5 that is cut at 3.5 sigma, as published and rounded by scikit-image.
_WINDOW = 11


def ssim(image: npt.NDArray[Any], clean: npt.NDArray[Any], data_range: float | None = None) -> float:
    """Mean structural similarity in a Gaussian window of sigma 1.5 pixels, K1 = 0.01, K2 = 0.03, in float64.

    Wang, Bovik, Sheikh, Simoncelli, IEEE Transactions on Image Processing 13, 2004.

    Args:
        image: The image, (Y, X) or (Z, Y, X), intensity units. NaN stands for pixels that were never measured: windows
            that hold one are left out.
        clean: The clean image, same shape and units; so does NaN here.
        data_range: Range of intensities; maximum minus minimum of the clean image if None.

    Returns:
        The similarity, at most 1.

    Raises:
        SizeError: If the shapes differ, or an axis is shorter than the window of 11 pixels.
        PixelError: If the range is not positive, or no window is without NaN.
    """
    from skimage.metrics import structural_similarity

    image, clean = as_pair(image, clean)
    missing = np.isnan(image) | np.isnan(clean)
    if missing.all():
        raise PixelError("pixels that were measured in both images", "none", "leave out this image")
    span = range_of(clean[~missing] if missing.any() else clean, data_range)
    if min(clean.shape) < _WINDOW:
        sizes = " x ".join(map(str, clean.shape))
        raise SizeError(f"at least {_WINDOW} pixels along every axis for SSIM", sizes, "compare planes, or use PSNR")
    options = {"data_range": span, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    if not missing.any():
        return float(structural_similarity(image, clean, **options))
    image, clean = (np.where(missing, clean[~missing].mean(), each) for each in (image, clean))
    _, similar = structural_similarity(image, clean, full=True, **options)
    return float(similar[_whole_windows(missing)].mean())


def _whole_windows(missing: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return the centres of windows without a missing pixel, same shape, none at the border, as is usual.

    Where gaps are everywhere, these are all measured pixels: the mean stands for what is missing around them.
    """
    from scipy.ndimage import maximum_filter

    whole: npt.NDArray[np.bool_] = ~maximum_filter(missing, _WINDOW)
    inside = np.zeros(missing.shape, dtype=bool)
    inside[(slice(_WINDOW // 2, -(_WINDOW // 2)),) * missing.ndim] = True
    return whole & inside if (whole & inside).any() else ~missing


SSIM = Metric(title="SSIM", compute=ssim, higher_is_better=True, decimals=4)
