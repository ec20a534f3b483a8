"""Stripes: what noise that is correlated along one axis leaves in an image, told from the sample's own structure.

Noise that is correlated along rows (or columns) and independent across them has stripes. A second difference *across*
them removes what is smooth and keeps the noise's correlation *along* them as it is, for noise of separable covariance.
What is left of the sample looks about alike along both axes: the same figure with the axes exchanged is subtracted.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.errors import PixelError, SettingsError, SizeError

LENGTH = 8
"""Pixels that are averaged along the stripes: noise of a single pixel falls to an eighth, a stripe stays."""

_PLANE = (-2, -1)


def stripe_correlation(image: npt.NDArray[Any], axis: int = -1) -> float:
    """Correlation of neighbours along the stripes, beyond what the sample's own structure has.

    ``r(image, along, across) - r(image, across, along)``, where r is the autocorrelation at lag 1 along one axis of the
    second difference along the other. White noise, and images that look alike along both axes, have 0; noise of lag-1
    autocorrelation rho along the axis has rho. Real samples read -0.1 to 0.05 without noise. Strong blur brings both
    terms to 1 and hides stripes of little contrast: `stripes_left` is the measure of denoised images.

    Args:
        image: (..., Y, X), any units; leading axes are pooled.
        axis: The axis along which stripes run: -1 for rows (along x), -2 for columns (along y).

    Returns:
        The difference, between -2 and 2; 0 for a constant image.

    Raises:
        SizeError: If a plane has fewer than 10 pixels along an axis.
        SettingsError: If the axis is not one of the plane.
    """
    along, across = _axes(image, axis)
    return _neighbours(image, along, across) - _neighbours(image, across, along)


def stripe_power(image: npt.NDArray[Any], axis: int = -1) -> float:
    """Power of the stripes along one axis, beyond what the sample's own structure has.

    ``P(image, along, across) - P(image, across, along)``, where ``P = mean(A D image)^2``: D is the second difference
    across, A the mean of 8 pixels along. The expectation is 0 for white noise of any strength, and for images that look
    alike along both axes.

    Args:
        image: (..., Y, X); leading axes are pooled.
        axis: The axis along which stripes run, -1 or -2.

    Returns:
        The difference, in squared units of the image; negative where the stripes run the other way.

    Raises:
        SizeError: If a plane has fewer than 10 pixels along an axis.
        SettingsError: If the axis is not one of the plane.
    """
    along, across = _axes(image, axis)
    return _band_power(image, along, across) - _band_power(image, across, along)


def stripes_left(image: npt.NDArray[Any], noisy: npt.NDArray[Any], axis: int = -1) -> float:
    """Share of the stripes' power that a denoiser left: ``stripe_power(image) / stripe_power(noisy)``.

    A clean image plus a fraction f of the noise reads f^2. No reference is needed: beside the noise of single exposures
    clean samples read -0.02 to 0 (W2S wide field -0.001, FMD confocal -0.015). With one, pass errors, ``image - clean``
    and ``noisy - clean``; the sample's own structure then cancels.

    Args:
        image: The denoised image, (..., Y, X).
        noisy: The noisy image, of the same shape.
        axis: The axis along which stripes run, -1 or -2.

    Returns:
        The share: 0 for none left, 1 for all.

    Raises:
        SizeError: If the shapes differ, or a plane has fewer than 10 pixels along an axis.
        PixelError: If the noisy image has no stripes along this axis.
        SettingsError: If the axis is not one of the plane.
    """
    if np.shape(image) != np.shape(noisy):
        raise SizeError(f"images of one shape, {np.shape(noisy)}", f"{np.shape(image)}", "crop both alike")
    whole = stripe_power(noisy, axis)
    if not whole > 0.0:
        raise PixelError("a noisy image with stripes along this axis", f"a power of {whole:.3g}", "try the other axis")
    return stripe_power(image, axis) / whole


def _axes(image: npt.NDArray[Any], axis: int) -> tuple[int, int]:
    """Return the axes along and across the stripes."""
    if axis not in _PLANE:
        raise SettingsError("axis -1 (stripes along x) or -2 (along y)", str(axis), "pass axis=-1")
    least = LENGTH + 2
    if np.ndim(image) < len(_PLANE) or min(np.shape(image)[-2:]) < least:
        raise SizeError(f"planes of at least {least} x {least} pixels", f"{np.shape(image)}", "pass a larger part")
    return axis, sum(_PLANE) - axis


def _neighbours(image: npt.NDArray[Any], along: int, across: int) -> float:
    """Autocorrelation at lag 1 along one axis of the second difference along the other."""
    rough = np.moveaxis(np.diff(np.asarray(image, np.float64), 2, axis=across), along, -1)
    power = float(np.mean(np.square(rough)))
    return float(np.mean(rough[..., 1:] * rough[..., :-1])) / power if power > 0.0 else 0.0


def _band_power(image: npt.NDArray[Any], along: int, across: int) -> float:
    """Mean square of the second difference across, averaged over `LENGTH` pixels along."""
    rough = np.moveaxis(np.diff(np.asarray(image, np.float64), 2, axis=across), along, -1)
    sums = np.cumsum(rough, axis=-1)
    means = (sums[..., LENGTH:] - sums[..., :-LENGTH]) / LENGTH
    return float(np.mean(np.square(means)))
