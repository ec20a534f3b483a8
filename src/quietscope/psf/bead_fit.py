"""A Gaussian fitted to the image of a bead: its centre with sub-pixel precision, its width and its brightness."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import numpy.typing as npt

Real = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class BeadFit:
    """The fitted Gaussian.

    Attributes:
        offset: Centre relative to the middle of the box, in pixels, shape (ndim,).
        sigma: Standard deviations in pixels, shape (ndim,).
        brightness: Integral of the Gaussian, in intensity units times pixels.
    """

    offset: Real
    sigma: Real
    brightness: float


def fit_bead(box: Real) -> BeadFit | None:
    """Fit ``b + a exp(-sum_i (r_i - c_i)^2 / 2 sigma_i^2)`` by least squares.

    The centre may differ from that of the true PSF: the difference is the same for all beads of one PSF, and the centre
    of mass of their average is corrected at the end.

    Args:
        box: Image of a bead in the middle of its box, (Y, X) or (Z, Y, X), intensity units.

    Returns:
        The fit; None if the fitted Gaussian is not a peak inside the box.
    """
    from scipy.optimize import least_squares

    ndim = box.ndim
    grids = [np.arange(side) - (side - 1) / 2 for side in box.shape]
    low, high = float(np.median(rim_of(box))), float(box.max())
    if not high > low:
        return None
    scaled = (box - low) / (high - low)
    limits = np.array(box.shape) / 2.0

    def residual(p: Real) -> Real:
        model: Real = p[0] + p[1] * _gaussian(grids, p[2 : 2 + ndim], np.exp(p[2 + ndim :]))
        return (model - scaled).ravel()

    start = np.concatenate([[0.0, 1.0], np.zeros(ndim), np.log(np.maximum(limits / 5.0, 0.7))])
    found = least_squares(residual, start, method="lm", max_nfev=60 * len(start))
    offset, sigma = found.x[2 : 2 + ndim], np.exp(np.minimum(found.x[2 + ndim :], 50.0))
    if not (found.x[1] > 0.0 and (np.abs(offset) < limits / 2.0).all() and (sigma < limits).all()):
        return None
    volume = float(np.prod(np.sqrt(2.0 * np.pi) * sigma))
    return BeadFit(offset=offset, sigma=sigma, brightness=float(found.x[1]) * (high - low) * volume)


def rim_of(box: Real) -> Real:
    """Return the values of the outermost pixels of a box, shape (N,)."""
    rim = np.ones(box.shape, dtype=bool)
    rim[(slice(1, -1),) * box.ndim] = False
    values: Real = box[rim]
    return values


def _gaussian(grids: Sequence[Real], centre: Real, sigma: Real) -> Real:
    profiles = [np.exp(-0.5 * ((grid - c) / s) ** 2) for grid, c, s in zip(grids, centre, sigma, strict=True)]
    return reduce(np.multiply.outer, profiles)
