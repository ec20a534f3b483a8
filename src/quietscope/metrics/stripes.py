"""Stripes: the pattern of noise that is correlated along one axis, measured apart from the structure of the sample.

Noise that is correlated along rows (or columns) and independent across them forms stripes. A second difference *across*
the stripes removes everything smooth and leaves the correlation of the noise *along* them unchanged, if its covariance
is separable. The remaining structure of the sample is about the same along both axes; it is removed by subtracting the
same measure with the axes exchanged.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.errors import PixelError, SettingsError, SizeError

LENGTH = 8
"""Number of pixels averaged along the stripes; this reduces the power of independent noise to an eighth, and keeps that
of stripes."""

_PLANE = (-2, -1)


def stripe_correlation(image: npt.NDArray[Any], axis: int = -1) -> float:
    """Correlation of neighbouring pixels along the stripes, less that of the structure of the sample.

    ``r(image, along, across) - r(image, across, along)``, where r(image, a, b) is the lag-1 autocorrelation along axis
    a of the second difference along axis b. It is 0 for white noise and for images with the same structure along both
    axes, and rho for noise with the lag-1 autocorrelation rho along the axis. Real samples without noise have -0.1 to
    0.05. In strongly blurred images both terms approach 1 and weak stripes do not show; for denoised images use
    `stripes_left`.

    Args:
        image: Image of shape (..., Y, X), any units; the result is an average over leading axes.
        axis: Axis along which the stripes run: -1 for rows (along x), -2 for columns (along y).

    Returns:
        The difference, between -2 and 2; 0 for a constant image.

    Raises:
        SizeError: If a plane has fewer than 10 pixels along an axis.
        SettingsError: If the axis is not -1 or -2.
    """
    along, across = _axes(image, axis)
    return _neighbours(image, along, across) - _neighbours(image, across, along)


def stripe_power(image: npt.NDArray[Any], axis: int = -1) -> float:
    """Power of the stripes along one axis, less that of the structure of the sample.

    ``P(image, along, across) - P(image, across, along)``, where ``P = mean (A D image)^2`` with the second difference D
    across and the mean A of 8 pixels along. The expectation is 0 for white noise of any strength, and for images with
    the same structure along both axes.

    Args:
        image: Image of shape (..., Y, X); the result is an average over leading axes.
        axis: Axis along which the stripes run, -1 or -2.

    Returns:
        The difference, in squared units of the image; negative if the stripes run along the other axis.

    Raises:
        SizeError: If a plane has fewer than 10 pixels along an axis.
        SettingsError: If the axis is not -1 or -2.
    """
    along, across = _axes(image, axis)
    return _band_power(image, along, across) - _band_power(image, across, along)


def stripes_left(image: npt.NDArray[Any], noisy: npt.NDArray[Any], axis: int = -1) -> float:
    """Share of the power of the stripes that a denoiser has left: ``stripe_power(image) / stripe_power(noisy)``.

    A clean image plus a fraction f of the noise gives f^2. No clean reference is needed: clean images, compared with
    single noisy exposures, give -0.02 to 0 (W2S wide field -0.001, FMD confocal -0.015). If there is a reference, pass
    the errors ``image - clean`` and ``noisy - clean``; then the structure of the sample cancels completely.

    Args:
        image: The denoised image, shape (..., Y, X).
        noisy: The noisy image, same shape.
        axis: Axis along which the stripes run, -1 or -2.

    Returns:
        The share: 0 if no stripes are left, 1 if all are.

    Raises:
        SizeError: If the shapes differ, or a plane has fewer than 10 pixels along an axis.
        PixelError: If the noisy image has no stripes along this axis.
        SettingsError: If the axis is not -1 or -2.
    """
    if np.shape(image) != np.shape(noisy):
        raise SizeError(f"images of one shape, {np.shape(noisy)}", f"{np.shape(image)}", "crop both to the same size")
    whole = stripe_power(noisy, axis)
    if not whole > 0.0:
        raise PixelError("a noisy image with stripes along this axis", f"a power of {whole:.3g}", "try the other axis")
    return stripe_power(image, axis) / whole


def _axes(image: npt.NDArray[Any], axis: int) -> tuple[int, int]:
    """Return the axis along the stripes, and the one across them."""
    if axis not in _PLANE:
        raise SettingsError("axis -1 (stripes along x) or -2 (along y)", str(axis), "pass axis=-1")
    least = LENGTH + 2
    if np.ndim(image) < len(_PLANE) or min(np.shape(image)[-2:]) < least:
        raise SizeError(f"planes of at least {least} x {least} pixels", f"{np.shape(image)}", "pass a larger part")
    return axis, sum(_PLANE) - axis


def _neighbours(image: npt.NDArray[Any], along: int, across: int) -> float:
    """Lag-1 autocorrelation, along one axis, of the second difference along the other axis."""
    rough = np.moveaxis(np.diff(np.asarray(image, np.float64), 2, axis=across), along, -1)
    power = float(np.mean(np.square(rough)))
    return float(np.mean(rough[..., 1:] * rough[..., :-1])) / power if power > 0.0 else 0.0


def _band_power(image: npt.NDArray[Any], along: int, across: int) -> float:
    """Mean square of the second difference across the stripes, after averaging `LENGTH` pixels along them."""
    rough = np.moveaxis(np.diff(np.asarray(image, np.float64), 2, axis=across), along, -1)
    sums = np.cumsum(rough, axis=-1)
    means = (sums[..., LENGTH:] - sums[..., :-LENGTH]) / LENGTH
    return float(np.mean(np.square(means)))
