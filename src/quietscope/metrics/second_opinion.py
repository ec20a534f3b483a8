"""How wrong a result is by a second opinion: another method that looks at the same image and knows its own error.

Where m is a result and d the deviation that it claims, both made of a noisy image x, and s' and w^2 are mean and
variance of the signal s given x as the other method has them,

    E[(m - s)^2 | x] = (m - s')^2 + w^2                                                            (1)
    P(|m - s| <= z d | x) = F((m - s' + z d) / w) - F((m - s' - z d) / w)                          (2)

with F the normal distribution, since m and d, which are made of x, are known given x. So the mean squared error of m
and the coverage of its intervals need no clean image, no second exposure and no variance of the noise; they are as
right as s' and w are. In dark and flat places, where w is often too wide, (2) suffers more than (1).
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from quietscope.errors import SizeError
from quietscope.metrics.coverage import (
    FACTORS_PER_PART,
    LEVELS,
    VERDICT_LEVEL,
    Calibration,
    FloatPlane,
    Plane,
    reach_of,
)
from quietscope.metrics.error_covariance import EstimatedError

BLOCK = 32
"""Side of the blocks of pixels, in Y and X, whose errors are taken to be independent of each other."""

MOST = 1000.0
"""Factor beyond which there is none."""


def squared_error(mean: FloatPlane, signal: FloatPlane, width: FloatPlane) -> FloatPlane:
    """Return the squared error of a result that is to be expected at every pixel, by (1).

    Args:
        mean: The result that is judged, any shape, intensity units.
        signal: What the other method gives, same shape.
        width: The deviation of that, same shape.

    Returns:
        Squared intensity units, same shape.
    """
    return (mean - signal) ** 2 + width**2


class OpinionSums:
    """Sums over planes of one channel: memory grows with their number by a few values per block and plane alone.

    Args:
        num_samples: Number of independent samples that result and deviation were made of; None where the deviation was
            given by the method.
        levels: Nominal coverages, 0 to 1.
    """

    def __init__(self, num_samples: int | None = None, levels: Sequence[float] = LEVELS) -> None:
        self._levels, self._num_samples = tuple(levels), num_samples
        self._error = self._claimed = 0.0
        self._count = 0
        self._inside = np.zeros(len(self._levels))
        self._blocks: list[float] = []
        self._some: list[npt.NDArray[np.float32]] = []

    def add(self, mean: Plane, std: Plane, signal: Plane, width: Plane, known: Plane) -> None:
        """Add planes.

        Args:
            mean: The result that is judged, (..., Y, X), intensity units.
            std: The deviation that it claims, same shape.
            signal: What the other method gives, same shape.
            width: The deviation of that, same shape.
            known: Which pixels were measured, same shape.
        """
        if not known.any():
            return
        mean, std, signal, width = (np.asarray(each, np.float64) for each in (mean, std, signal, width))
        error = np.where(known, squared_error(mean, signal, width), np.nan)
        self._blocks += _means_of_blocks(error)
        apart, std, width = (each[known] for each in (mean - signal, std, width))
        self._error += float(error[known].sum())
        self._claimed += float(np.sum(std**2))
        self._count += apart.size
        self._inside += [
            self._held(reach_of(level, self._num_samples) * std, apart, width).sum() for level in self._levels
        ]
        step = -(-apart.size // FACTORS_PER_PART)
        self._some.append(np.stack([each[::step] for each in (std, apart, width)]).astype(np.float32))

    def error(self) -> EstimatedError:
        """Return the mean squared error by (1).

        Raises:
            SizeError: If no pixel was measured.
        """
        if not self._count:
            raise SizeError("pixels that were measured", "none", "pass another image or another mask")
        return EstimatedError(
            mse=self._error / self._count,
            standard_error=float(np.std(self._blocks)) / math.sqrt(max(len(self._blocks) - 1, 1)),
            noise_share=1.0,
            smeared=0.0,
            own_share=0.0,
            claimed=self._claimed / self._count,
            num_pixels=self._count,
        )

    def calibration(self) -> Calibration:
        """Return the coverage by (2), and the factor for the deviation: infinite where none is large enough.

        Raises:
            SizeError: If no pixel was measured.
        """
        error = self.error()
        return Calibration(
            nominal=self._levels,
            measured=tuple(float(share) for share in self._inside / self._count),
            spread_factor=self._factor(),
            num_pixels=self._count,
            chance=0.5 * error.relative_error,
        )

    def _factor(self) -> float:
        from scipy.optimize import brentq

        std, apart, width = np.concatenate(self._some, axis=1).astype(np.float64)
        spread = reach_of(VERDICT_LEVEL, self._num_samples) * std

        def short(log_factor: float) -> float:
            return float(self._held(math.exp(log_factor) * spread, apart, width).mean()) - VERDICT_LEVEL

        most = math.log(MOST)
        return math.exp(brentq(short, -most, most, xtol=1e-4)) if short(most) > 0.0 > short(-most) else math.inf

    @staticmethod
    def _held(half: FloatPlane, apart: FloatPlane, width: FloatPlane) -> FloatPlane:
        """Return how probable it is that the signal lies within `half` of the result, for every pixel."""
        from scipy.special import ndtr

        width = np.maximum(width, np.finfo(np.float32).tiny)
        held: FloatPlane = ndtr((apart + half) / width) - ndtr((apart - half) / width)
        return held


def _means_of_blocks(planes: FloatPlane) -> list[float]:
    """Return the mean of every block of planes (..., Y, X) that has pixels which are not NaN."""
    rows, columns = planes.shape[-2:]
    blocks = (
        planes[..., y : y + BLOCK, x : x + BLOCK] for y in range(0, rows, BLOCK) for x in range(0, columns, BLOCK)
    )
    return [float(np.nanmean(block)) for block in blocks if np.isfinite(block).any()]
