"""Squared error of an estimate without a reference: the covariance of its error, told by neighbouring pixels.

A noisy pixel is x = s + n, with noise n that is independent between pixels. An estimate m of s, with error e = m - s,
leaves the residual r = x - m = n - e. Of two different pixels p and q

    E[r_p r_q] = E[e_p e_q] - E[n_p m_q] - E[n_q m_p]                                              (1)

No variance of the noise is taken away, which Stein's estimate (1981) has to know to a few parts in a thousand. What
is, is how much an estimate follows the noise of another pixel. Where some pixels are exposed again, x' = m + n' with
new noise n' of the noise model, and m' is the estimate that is made of them,

    E[n_p m_q] = E[n'_p (m'_q - m_q)]                                                              (2)

whatever the shape of the noise, as n' has nothing in common with m. (Stein's derivative is its limit for faint Gaussian
noise; where noise is skewed it was 1.5 times too large.) So the covariance C(d) of the error is known at every distance
d but zero. Errors are smooth over a pixel, as images and networks are, so that close to zero

    C(d) = C(0) exp(-d' Q d / 2)                                                                   (3)

with a matrix Q, as filaments have a direction. C(0), the mean squared error, is what (3) gives where it is fitted to
the nearest neighbours: the variogram without its nugget (Matheron 1963), which is the noise.

Detectors of scanning microscopes smear light along a row, so that next neighbours in X, and they alone, may have noise
in common. They are left out of the fit; what they have beyond (3) is the covariance of the noise, and goes into (2).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from quietscope.errors import SizeError
from quietscope.metrics.coverage import LEVELS, Calibration

Planes: TypeAlias = npt.NDArray[Any]
Lag: TypeAlias = tuple[int, int]

FITTED: tuple[Lag, ...] = ((1, 0), (1, 1), (1, -1), (2, 0), (0, 2))
"""Distances in Y and X that equation (3) is fitted to; nearer ones weigh more."""

SMEARED: Lag = (0, 1)
"""The distance at which noise may be correlated."""

_LAGS: tuple[Lag, ...] = ((0, 0), SMEARED, *FITTED, (0, 3), (1, 2), (1, -2), (2, 1), (2, -1))
MOST_CHANCE = 0.2
"""Relative standard error of a mean squared error above which it is not believed: 0.9 dB, or 10 % of a deviation."""

NOISE_SHARES = (0.7, 1.4)
"""Noise left by the error, over that of its model, outside which the noise is another, or correlated."""

MOST_OWN = 0.05
"""See `EstimatedError.own_share`; networks have up to 0.01, total variation has 0.1 and more."""

_ROUNDS = 5
_SIGNIFICANT = 4.0
"""Standard errors above which noise is taken to be correlated."""


@dataclass(frozen=True, kw_only=True)
class Reexposed:
    """An estimate of some planes, and another one made after some of the pixels were exposed again.

    Attributes:
        residual: Noisy pixels less the first estimate, (..., Y, X), intensity units; NaN where nothing was measured.
        fresh: Noise of the pixels that were exposed again, same shape; of no account where they were kept.
        is_new: Which were exposed again, same shape.
        change: Second less first estimate, same shape.
        variance: Variance of the noise as its model has it, same shape.
        std: Deviation that the estimate claims, same shape; None where only its error matters.
    """

    residual: Planes
    fresh: Planes
    is_new: Planes
    change: Planes
    variance: Planes
    std: Planes | None = None


@dataclass(frozen=True, kw_only=True)
class EstimatedError:
    """A mean squared error that was estimated without a reference.

    Attributes:
        mse: Mean squared error, squared intensity units; 0 where none was found beside the noise.
        standard_error: Its standard error by chance.
        noise_share: Variance of the noise that this leaves, over that of the noise model; 1 where the model is right.
        smeared: Covariance of the noise of next neighbours in X, over its variance; 0 where there is none.
        own_share: How much more an estimate follows the noise of its own pixel than (3) has it, over the variance: 0
            for a network, far above for what passes single pixels through, whose errors are not smooth.
        claimed: Mean of the squared deviation that the estimate claims; NaN where it claims none.
        num_pixels: Number of pixels.
    """

    mse: float
    standard_error: float
    noise_share: float
    smeared: float
    own_share: float
    claimed: float
    num_pixels: int

    @property
    def relative_error(self) -> float:
        """Standard error as a share of the mean squared error; infinite where none was found."""
        return self.standard_error / self.mse if self.mse > 0.0 else math.inf

    @property
    def doubt(self) -> str:
        """Why this estimate is not to be believed, in words; empty where nothing speaks against it."""
        low, high = NOISE_SHARES
        if self.own_share > MOST_OWN:
            return "single pixels pass through, noise and all"
        if not low <= self.noise_share <= high:
            return f"it leaves {self.noise_share:.2f} times the noise of the noise model, or noise is correlated"
        if self.relative_error > MOST_CHANCE:
            return "the error is too faint beside the noise, on so few pixels"
        return ""


class ErrorSums:
    """Sums over planes of one channel: memory does not grow with their number."""

    def __init__(self) -> None:
        self._count = self._claimed = self._variance = 0.0
        self._pairs, self._squares, self._scatter, self._shared, self._redrawn = (
            dict.fromkeys(_LAGS, 0.0) for _ in range(5)
        )
        self._shared_scatter = 0.0

    def add(self, part: Reexposed) -> None:
        """Add planes."""
        known = np.isfinite(part.residual)
        residual, fresh, change = (
            np.where(known, np.asarray(plane, np.float64), 0.0) for plane in (part.residual, part.fresh, part.change)
        )
        new = np.asarray(part.is_new & known, np.float64)
        self._count += float(known.sum())
        self._variance += float(np.sum(part.variance, where=known))
        if part.std is not None:
            self._claimed += float(np.sum(np.asarray(part.std, np.float64) ** 2, where=known))
        for lag in _LAGS:
            products = np.multiply(*_apart(residual, residual, lag))
            self._pairs[lag] += float(np.count_nonzero(np.logical_and(*_apart(known, known, lag))))
            self._squares[lag] += float(products.sum())
            self._scatter[lag] += float((products**2).sum())
            for way in (lag, (-lag[0], -lag[1])):
                shared = np.multiply(*_apart(fresh * new, change, way))
                self._shared[lag] += float(shared.sum())
                self._shared_scatter += float((shared**2).sum()) if lag == FITTED[0] else 0.0
                self._redrawn[lag] += float(np.sum(np.multiply(*_apart(new, known, way))))

    def result(self) -> EstimatedError:
        """Solve the equations.

        Returns:
            The error.

        Raises:
            SizeError: If there are no pixels, or none was exposed again.
        """
        if not self._count or not all(self._pairs.values()) or not all(self._redrawn.values()):
            raise SizeError("pixels that were measured", "none, or too few", "pass another image or another mask")
        residual = {lag: self._squares[lag] / self._pairs[lag] for lag in _LAGS}
        shared = {lag: self._shared[lag] / self._redrawn[lag] for lag in _LAGS}
        chance = {lag: math.sqrt(self._scatter[lag]) / self._pairs[lag] for lag in FITTED}
        variance = self._variance / self._count

        def solve(share: float, smeared: float) -> tuple[_Fit, float, float]:
            covariance = {
                lag: residual[lag]
                + 2.0 * share * shared[lag]
                + 2.0 * smeared * (_near(shared, lag, 1) + _near(shared, lag, -1)) / variance
                for lag in ((0, 0), SMEARED, *FITTED)
            }
            fitted = _Fit.of(covariance, chance)
            beyond = covariance[SMEARED] - fitted.at(SMEARED)
            is_chance = beyond < _SIGNIFICANT * max(chance.values())
            return fitted, (covariance[0, 0] - fitted.at_zero) / variance, 0.0 if is_chance else beyond

        fitted, share, smeared = solve(1.0, 0.0)
        for _ in range(_ROUNDS):  # how much noise there is decides how much of it estimates follow
            fitted, share, smeared = solve(share, smeared)
        near, next_but_one = shared[1, 0], shared[2, 0]
        smooth = (near**4 / next_but_one) ** (1 / 3) if min(near, next_but_one) > 0.0 else max(near, 0.0)
        return EstimatedError(
            mse=fitted.at_zero,
            # Neighbours have the chance of equation (2) in common: no fit reduces it.
            standard_error=math.hypot(
                fitted.standard_error, 2.0 * math.sqrt(self._shared_scatter) / self._redrawn[FITTED[0]]
            ),
            noise_share=share,
            smeared=smeared / variance,
            own_share=(shared[0, 0] - smooth) / variance,
            claimed=self._claimed / self._count if self._claimed else math.nan,
            num_pixels=int(self._count),
        )


@dataclass(frozen=True)
class _Fit:
    """Equation (3): its value at zero, and logarithms of the diagonal of Q and the angle of its other part."""

    parameters: npt.NDArray[np.float64]
    standard_error: float

    @classmethod
    def of(cls, covariance: dict[Lag, float], chance: dict[Lag, float]) -> "_Fit":
        """Fit it by least squares, distances weighed by their inverse."""
        from scipy.optimize import least_squares

        lags = np.array(FITTED, np.float64)
        measured, errors = (np.array([values[lag] for lag in FITTED]) for values in (covariance, chance))
        weights = 1.0 / np.hypot(*lags.T)
        unit = max(float(measured[0]), float(errors[0]))

        def misfit(parameters: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
            return np.asarray((_gaussian(parameters, lags) - measured / unit) * weights, np.float64)

        found = least_squares(misfit, [1.3, -0.7, -0.7, 0.0], bounds=([0.0, -5.0, -5.0, -1.5], [20.0, 1.0, 1.0, 1.5]))
        inverse = np.linalg.pinv(found.jac)[0] * weights
        return cls(found.x * [unit, 1.0, 1.0, 1.0], float(np.sqrt(np.sum((inverse * errors) ** 2))))

    @property
    def at_zero(self) -> float:
        """C(0), the mean squared error."""
        return float(self.parameters[0])

    def at(self, lag: Lag) -> float:
        """Return C at a distance."""
        return float(_gaussian(self.parameters, np.array([lag], np.float64))[0])


def _gaussian(parameters: npt.NDArray[np.float64], lags: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return (3), with Q made so that it is positive definite whatever the parameters are."""
    top, log_y, log_x, slant = parameters
    y, x = lags.T
    mixed = 2.0 * np.tanh(slant) * np.exp(0.5 * (log_y + log_x))
    value: npt.NDArray[np.float64] = top * np.exp(-0.5 * (np.exp(log_y) * y**2 + np.exp(log_x) * x**2 + mixed * y * x))
    return value


def _near(values: dict[Lag, float], lag: Lag, step: int) -> float:
    """Return the value one pixel further in X, where a distance and its opposite are the same."""
    beside = (lag[0], lag[1] + step)
    return values[beside if beside in values else (-beside[0], -beside[1])]


def _apart(one: Planes, other: Planes, lag: Lag) -> tuple[Planes, Planes]:
    """Cut planes (..., Y, X) so that pixel p + lag of the other stands at the place of pixel p of the one."""
    down, right = lag
    return one[..., _cut(down), _cut(right)], other[..., _cut(-down), _cut(-right)]


def _cut(step: int) -> slice:
    return slice(max(0, -step), -step if step > 0 else None)


def calibration_of_error(
    error: EstimatedError, *, num_samples: int | None = None, levels: Sequence[float] = LEVELS
) -> Calibration:
    """Estimate how much of the truth the intervals ``mean +- z std`` cover, without knowing it.

    The factor makes the mean square of the deviation that of the error: with ``c^2 (1 + 1 / K) mean(std^2)`` of K
    samples equal to the mean squared error, 90 % intervals of normal errors (Student's, of few samples) hold 90 %.

    Args:
        error: What was estimated of an estimate that claims a deviation.
        num_samples: Number K of independent samples that estimate and deviation were made of; None where the deviation
            was given by the method.
        levels: Nominal coverages, 0 to 1.

    Returns:
        The estimated coverage; its `spread_factor` is 0 if no error was found beside the noise, and infinite if there
        is no deviation.
    """
    claimed = error.claimed * (1.0 if num_samples is None else 1.0 + 1.0 / num_samples)
    factor = math.sqrt(error.mse / claimed) if claimed > 0.0 else math.inf
    return Calibration(
        nominal=tuple(levels),
        measured=tuple(_covered(level, factor, num_samples) for level in levels),
        spread_factor=factor,
        num_pixels=error.num_pixels,
        chance=0.5 * error.relative_error if 0.0 < factor < math.inf else 0.0,
    )


def _covered(level: float, factor: float, num_samples: int | None) -> float:
    """Return the share of normal errors, `factor` times as wide as they are said to be, within a central interval."""
    from scipy.special import stdtr, stdtrit

    if factor == 0.0:
        return 1.0
    freedom = math.inf if num_samples is None else num_samples - 1
    return float(2.0 * stdtr(freedom, stdtrit(freedom, 0.5 * (1.0 + level)) / factor) - 1.0)
