"""Autocorrelation of what a denoiser has removed; if the noise is independent, the residual has no structure."""

from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.errors import SizeError


def autocorrelation(residual: npt.NDArray[Any], max_lag: int = 5) -> npt.NDArray[np.float64]:
    """Autocorrelation of a residual ``e = x - s`` in the plane.

    ``r(u, v) = mean_yx(e[y, x] e[y + u, x + v]) / mean_yx(e[y, x]^2)``, after the mean of every plane is subtracted.
    Means are over the overlapping pixels, so values at large lags are not biased towards zero. Independent noise gives
    1 at lag zero and 0 +- 1 / sqrt(number of pixels) elsewhere; row-correlated noise gives a horizontal line.

    Args:
        residual: Residual, shape (..., Y, X); the result is averaged over leading axes.
        max_lag: Largest lag in pixels.

    Returns:
        Correlation at every lag, shape (2 max_lag + 1, 2 max_lag + 1), lag zero at [max_lag, max_lag]. A constant
        residual counts as uncorrelated.

    Raises:
        SizeError: If a plane is not larger than the largest lag.
    """
    planes = np.asarray(residual, np.float64)
    height, width = planes.shape[-2:]
    if min(height, width) <= max_lag:
        raise SizeError(f"planes of more than {max_lag} x {max_lag} pixels", f"{height} x {width}", "lower the max_lag")
    planes = planes.reshape(-1, height, width)
    planes = planes - planes.mean(axis=(1, 2), keepdims=True)
    lags = range(-max_lag, max_lag + 1)
    out = np.zeros((len(lags), len(lags)))
    for u in range(max_lag + 1):
        for v in lags:
            value = _mean_product(planes, u, v)
            # Since r(-u, -v) = r(u, v), only half of the lags are computed.
            out[max_lag + u, max_lag + v] = out[max_lag - u, max_lag - v] = value
    variance = out[max_lag, max_lag]
    if variance > 0:
        out /= variance
    out[max_lag, max_lag] = 1.0
    return out


def _mean_product(planes: npt.NDArray[np.float64], u: int, v: int) -> float:
    """Mean of e[y, x] e[y + u, x + v] over overlapping pixels, for u >= 0."""
    height, width = planes.shape[1:]
    here = planes[:, : height - u, max(0, -v) : width - max(0, v)]
    there = planes[:, u:, max(0, v) : width - max(0, -v)]
    return float(np.mean(here * there))
