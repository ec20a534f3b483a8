"""Width of a point spread function, and its profiles."""

import numpy as np
import numpy.typing as npt

from quietscope.psf.psf import Psf

_PER_PIXEL = 100


def full_widths(psf: Psf) -> tuple[float, ...]:
    """Return the full width at half maximum along every axis, in pixels.

    It is measured on the profile through the brightest pixel, with a cubic spline between the pixels.

    Args:
        psf: The PSF.

    Returns:
        One width per axis of (Y, X) or (Z, Y, X); NaN if the profile does not fall to half its maximum within the box.
    """
    return tuple(_full_width(profile) for profile in profiles(psf))


def peak_of(psf: Psf) -> tuple[int, ...]:
    """Return the index of the brightest pixel; in an asymmetric PSF it is not the middle pixel."""
    return tuple(int(n) for n in np.unravel_index(int(psf.values.argmax()), psf.values.shape))


def profiles(psf: Psf) -> list[npt.NDArray[np.float64]]:
    """Return one profile per axis: the values through the brightest pixel, shape (side,)."""
    peak = [slice(n, n + 1) for n in peak_of(psf)]
    lines = []
    for axis in range(psf.values.ndim):
        index = tuple(slice(None) if n == axis else pixel for n, pixel in enumerate(peak))
        lines.append(psf.values[index].ravel().astype(np.float64))
    return lines


def _full_width(profile: npt.NDArray[np.float64]) -> float:
    from scipy.interpolate import CubicSpline

    fine = np.linspace(0.0, len(profile) - 1.0, (len(profile) - 1) * _PER_PIXEL + 1)
    values = CubicSpline(np.arange(len(profile)), profile)(fine)
    peak = int(values.argmax())
    below = np.flatnonzero(values < values[peak] / 2.0)
    left, right = below[below < peak], below[below > peak]
    if not (len(left) and len(right)):
        return float("nan")
    return float(fine[right[0]] - fine[left[-1]] - 1.0 / _PER_PIXEL)
