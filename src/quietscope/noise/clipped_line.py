"""The photon-transfer line of an image whose dark pixels are clipped, as it was before clipping.

Clipping at ``low`` lowers the variance and raises the mean, so the points of dark bins bend steeply down from the
line. If most of an image is dark, hardly any other bins remain to fit a line to, but the shape of the bend determines
the line. Pixels at ``low`` that merely caught no photon are not clipped: they lie on the straight line, and a bent
curve fits them badly.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import least_squares
from scipy.special import ndtr

from quietscope.noise.pairs import FloatArray

TURN = 2.0
"""Distance of a point from the curve, in standard errors, beyond which its influence on the fit stops growing."""

SMALLEST_SHARE = 1e-3
"""Least variance of signals below ``low``, relative to the variance at ``low``."""

_REACH = 6.0
_GRID = 2000


class ClippedLine(NamedTuple):
    """The line ``variance = gain signal + intercept`` before clipping, and the cost of the fit to the points."""

    gain: float
    intercept: float
    cost: float


def clipped_moments(s: FloatArray, variance: FloatArray, low: float) -> tuple[FloatArray, FloatArray]:
    """Mean and variance of ``max(X, low)`` for a normal variable X.

    ``E = low + sigma (z Phi(z) + phi(z))``, ``E[(max(X, low) - low)^2] = v ((z^2 + 1) Phi(z) + z phi(z))``, with
    ``z = (s - low) / sigma``

    Args:
        s: Mean of X, shape (N,).
        variance: Variance v of X, shape (N,), positive.
        low: Value at which X is clipped.

    Returns:
        Mean and variance, each of shape (N,).
    """
    sigma = np.sqrt(variance)
    z = (s - low) / sigma
    share, density = ndtr(z), np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)
    excess = sigma * (z * share + density)
    square = variance * ((z * z + 1.0) * share + z * density)
    return low + excess, square - excess**2


def fit_clipped_line(
    mean: FloatArray, variance: FloatArray, error: FloatArray, low: float, start: tuple[float, float]
) -> ClippedLine:
    """Fit the line whose mean and variance after clipping pass through the points, by soft L1, with gain > 0.

    Args:
        mean: Mean observation of every bin, shape (K,), intensity units.
        variance: Noise variance of every bin, shape (K,), squared intensity units.
        error: Standard error of the variance, shape (K,).
        low: Lower clipping level, intensity units.
        start: Gain and intercept of a line fitted as if nothing were clipped.

    Returns:
        The line of least cost.
    """
    reach = max(float(mean.max()) - low, 1e-6 * float(np.sqrt(variance.mean())))

    def misfit(parameters: FloatArray) -> FloatArray:
        gain, dark = np.exp(parameters)
        s = np.linspace(low - _REACH * np.sqrt(dark), low + reach, _GRID)
        line = np.maximum(gain * (s - low) + dark, SMALLEST_SHARE * dark)
        means, variances = clipped_moments(s, line, low)
        curve: FloatArray = np.interp(mean, np.maximum.accumulate(means), variances)
        return (curve - variance) / error

    typical = float(variance.mean())
    gain = max(start[0], 1e-3 * typical / reach)
    level = max(start[0] * low + start[1], 1e-2 * typical)
    # Two starts, the variance of the open line at `low` and a larger one: the first can end in a local minimum.
    starts = [np.log([gain, dark]) for dark in (level, float(np.quantile(variance, 0.2)) + level)]
    fits = [least_squares(misfit, at, loss="soft_l1", f_scale=TURN, max_nfev=200) for at in starts]
    best = min(fits, key=lambda fit: float(fit.cost))
    gain, dark = (float(value) for value in np.exp(best.x))
    return ClippedLine(gain=gain, intercept=dark - gain * low, cost=float(best.cost))


def cost_of_line(distance: FloatArray) -> float:
    """Soft L1 cost of points at ``distance`` (in standard errors) from a line; comparable to ``ClippedLine.cost``."""
    return float(TURN**2 * np.sum(np.sqrt(1.0 + (distance / TURN) ** 2) - 1.0))
