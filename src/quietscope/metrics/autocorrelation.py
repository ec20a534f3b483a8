"""What a denoiser took away: independent noise leaves a residual without structure."""

from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.errors import SizeError


def autocorrelation(residual: npt.NDArray[Any], max_lag: int = 5) -> npt.NDArray[np.float64]:
    """Autocorrelation of a residual ``e = x - s`` in the plane.

    ``r(u, v) = mean_yx(e[y, x] e[y + u, x + v]) / mean_yx(e[y, x]^2)``, over the pairs that overlap (unbiased: far lags
    are not drawn to zero), after the mean of every plane is subtracted. Independent noise gives 1 at zero lag and
    0 +- 1 / sqrt(number of pixels) elsewhere; rows of stripes show as a horizontal line.

    Args:
        residual: (..., Y, X); leading axes are averaged over.
        max_lag: Largest lag in pixels.

    Returns:
        The map, (2 max_lag + 1, 2 max_lag + 1), lag zero at [max_lag, max_lag]. A constant residual counts as
        uncorrelated.

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
            # r(-u, -v) = r(u, v): half of the plane is computed.
            out[max_lag + u, max_lag + v] = out[max_lag - u, max_lag - v] = value
    variance = out[max_lag, max_lag]
    if variance > 0:
        out /= variance
    out[max_lag, max_lag] = 1.0
    return out


def _mean_product(planes: npt.NDArray[np.float64], u: int, v: int) -> float:
    """Mean of e[y, x] e[y + u, x + v] over overlapping pairs, u >= 0."""
    height, width = planes.shape[1:]
    here = planes[:, : height - u, max(0, -v) : width - max(0, v)]
    there = planes[:, u:, max(0, v) : width - max(0, -v)]
    return float(np.mean(here * there))
