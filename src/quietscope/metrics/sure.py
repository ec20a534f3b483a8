"""Squared error and width of intervals without a reference: Stein's unbiased risk estimate (SURE; Stein 1981).

For a noisy pixel x of mean s and variance v, and any smooth estimate m of s made of all noisy pixels,

    E (m - s)^2 = E[ (x - m)^2 - v + 2 v dm/dx ]                                       (1)

with dm/dx the derivative of the estimate at a pixel by that very pixel. It is exact for Gaussian noise, and right to
first order for others. No image says all these derivatives in one pass, but a random direction b of -1 and +1 says them
on average (Ramani, Blu and Unser 2008): with deviations sigma = sqrt(v) and a small share h of them,

    v dm/dx = E[ sigma b (m(x + h sigma b) - m(x)) / h ]                                (2)

Calibration with SURE in place of the truth is due to Everink et al. (2025, arXiv 2502.05127). Equation (1) is a small
difference of large numbers: where the error is a fifteenth of v, a variance that is 1 % wrong changes it by 15 %.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from quietscope.errors import SizeError
from quietscope.metrics.coverage import LEVELS, Calibration

Plane: TypeAlias = npt.NDArray[Any]

ONE_PERCENT = 0.01


@dataclass(frozen=True, kw_only=True)
class SteinPart:
    """What equation (1) needs of some pixels: arrays of one shape.

    Attributes:
        residual: Noisy pixel less the mean that the estimate gives it, x - m; intensity units.
        variance: Variance v of the noise, above 0; squared intensity units.
        pull: ``v dm/dx``, or unbiased estimates of it as of equation (2); squared intensity units.
        std: Deviation that the estimate claims, intensity units; None where only its error matters.
    """

    residual: Plane
    variance: Plane
    pull: Plane
    std: Plane | None = None

    @property
    def risk(self) -> npt.NDArray[np.float64]:
        """Estimate of the squared error at every pixel, equation (1); negative at many, right on average."""
        residual = np.asarray(self.residual, np.float64)
        found: npt.NDArray[np.float64] = residual**2 - self.variance + 2.0 * np.asarray(self.pull, np.float64)
        return found


@dataclass(frozen=True, kw_only=True)
class SteinError:
    """A mean squared error that was estimated without a reference.

    Attributes:
        mse: Mean of equation (1), squared intensity units; chance or a wrong noise model may make it negative.
        standard_error: Standard error of `mse` by chance, as if pixels were independent of each other.
        per_percent: By how much `mse` falls where the noise model's variance is 1 % too high.
    """

    mse: float
    standard_error: float
    per_percent: float


def stein_error(parts: Iterable[SteinPart]) -> SteinError:
    """Estimate the mean squared error of an estimate.

    Args:
        parts: All its pixels, in any number of parts.

    Returns:
        The error.

    Raises:
        SizeError: If there are no pixels.
    """
    count, total, squares, slope = 0, 0.0, 0.0, 0.0
    for part in parts:
        risk = part.risk
        count, total, squares = count + risk.size, total + float(risk.sum()), squares + float((risk**2).sum())
        slope += float(np.sum(part.variance - 2.0 * np.asarray(part.pull, np.float64)))
    if not count:
        raise SizeError("pixels that were measured", "none", "pass another image or another mask")
    mse = total / count
    scatter = max(squares / count - mse**2, 0.0)
    return SteinError(mse=mse, standard_error=math.sqrt(scatter / count), per_percent=ONE_PERCENT * slope / count)


def calibration_by_stein(
    parts: Iterable[SteinPart], *, num_samples: int | None = None, levels: Sequence[float] = LEVELS
) -> Calibration:
    """Estimate how much of the truth the intervals ``mean +- z std`` cover, without knowing it.

    The error is taken as normal with the variance ``c^2 u``, u being ``std^2 (1 + 1 / K)`` of K samples. Least squares
    of equation (1) with weights ``1 / v^2``, as its scatter is about ``2 v^2``, give

        c^2 = sum(risk u / v^2) / sum(u^2 / v^2)

    so that pixels count whose error is no trifle beside their noise. u comes of few samples itself and has the expected
    square ``(K + 1) / (K - 1)`` times what it should be, which the lower sum is divided by. With
    the factor c normal (Student's, of few samples) 90 % intervals hold 90 %.

    Args:
        parts: Pixels with a `std`, in any number of parts.
        num_samples: Number K of independent samples that estimate and deviation were made of; None where the deviation
            was given by the method.
        levels: Nominal coverages, 0 to 1.

    Returns:
        The estimated coverage; its `spread_factor` is 0 if nothing beyond the noise was found, and infinite if there is
        no deviation.

    Raises:
        SizeError: If there are no pixels.
    """
    wider, repeated = 1.0, 1.0
    if num_samples is not None:
        wider, repeated = 1.0 + 1.0 / num_samples, (num_samples + 1.0) / (num_samples - 1.0)
    count, upper, lower, slope = 0, 0.0, 0.0, 0.0
    for part in parts:
        assert part.std is not None
        u, v = wider * np.asarray(part.std, np.float64) ** 2, np.asarray(part.variance, np.float64)
        count += u.size
        upper += float(np.sum(part.risk * u / v**2))
        lower += float(np.sum((u / v) ** 2)) / repeated
        slope += float(np.sum((v - 2.0 * part.pull) * u / v**2))
    if not count:
        raise SizeError("pixels that were measured", "none", "pass another image or another mask")
    square = math.inf if lower == 0.0 else max(upper / lower, 0.0)
    factor = math.sqrt(square)
    return Calibration(
        nominal=tuple(levels),
        measured=tuple(_covered(level, factor, num_samples) for level in levels),
        spread_factor=factor,
        num_pixels=count,
        per_percent=0.5 * ONE_PERCENT * abs(slope) / upper if 0.0 < factor < math.inf else 0.0,
    )


def _covered(level: float, factor: float, num_samples: int | None) -> float:
    """Return the share of normal errors, `factor` times as wide as they are said to be, within a central interval."""
    from scipy.special import stdtr, stdtrit

    if factor == 0.0:
        return 1.0
    freedom = math.inf if num_samples is None else num_samples - 1
    return float(2.0 * stdtr(freedom, stdtrit(freedom, 0.5 * (1.0 + level)) / factor) - 1.0)
