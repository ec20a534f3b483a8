"""Structural similarity (SSIM)."""

from typing import Any

import numpy.typing as npt

from quietscope.errors import SizeError
from quietscope.metrics.metric import Metric
from quietscope.metrics.psnr import as_pair, range_of

# Width in pixels of a Gaussian of sigma 1.5 that is cut at 3.5 sigma, as published and rounded by scikit-image.
_WINDOW = 11


def ssim(image: npt.NDArray[Any], clean: npt.NDArray[Any], data_range: float | None = None) -> float:
    """Mean structural similarity in a Gaussian window of sigma 1.5 pixels, K1 = 0.01, K2 = 0.03, in float64.

    Wang, Bovik, Sheikh, Simoncelli, IEEE Transactions on Image Processing 13, 2004.

    Args:
        image: The image, (Y, X) or (Z, Y, X), intensity units.
        clean: The clean image, same shape and units.
        data_range: Range of intensities; maximum minus minimum of the clean image if None.

    Returns:
        The similarity, at most 1.

    Raises:
        SizeError: If the shapes differ, or an axis is shorter than the window of 11 pixels.
        PixelError: If the range is not positive.
    """
    from skimage.metrics import structural_similarity

    image, clean = as_pair(image, clean)
    span = range_of(clean, data_range)
    if min(clean.shape) < _WINDOW:
        sizes = " x ".join(map(str, clean.shape))
        raise SizeError(f"at least {_WINDOW} pixels along every axis for SSIM", sizes, "compare planes, or use PSNR")
    return float(
        structural_similarity(
            image, clean, data_range=span, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
    )


SSIM = Metric(title="SSIM", compute=ssim, higher_is_better=True, decimals=4)
