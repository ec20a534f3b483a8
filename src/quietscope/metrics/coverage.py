"""Coverage: do the intervals of a posterior contain the true intensity as often as they claim?"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from quietscope.errors import PixelError, SizeError
from quietscope.metrics.psnr import as_pair
from quietscope.wording import typed

Plane: TypeAlias = npt.NDArray[Any]
FloatPlane: TypeAlias = npt.NDArray[np.float64]

LEVELS = (0.5, 0.8, 0.9, 0.95)
VERDICT_LEVEL = 0.9
"""The level that the verdict is about: high enough to be sensitive to wide tails, and possible with 19 samples."""

RIGHT = 1.1
"""A spread that is right to within this factor is called about right: 90 % intervals then cover 86 to 93 %."""

MOSTLY_NOISE = 0.75
"""If the noise of the reference makes up a larger share of the intervals' variance, the factor is called uncertain."""

MIN_SAMPLES = 3
FACTORS_PER_PART = 1 << 16
"""Pixels of each image that the spread factor is computed from; it is then precise to half a percent."""
_SHARES = 257
"""Shares at which Student's t is computed; between them it is taken as straight."""


@dataclass(frozen=True, kw_only=True)
class Exposure:
    """The noise of a reference y that is not clean, but one noisy exposure or the mean of several: y ~ p(y|s).

    Attributes:
        mean: Function that returns E[y|s], elementwise.
        variance: Function that returns Var[y|s], elementwise; for a mean of exposures, the variance of this mean.
        draw: Function that draws one y per element of s, from a seeded generator.
    """

    mean: Callable[[Plane], Plane]
    variance: Callable[[Plane], Plane]
    draw: Callable[[Plane], Plane]


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Nominal and measured coverage of the central intervals of a posterior.

    Attributes:
        nominal: Shares of the pixels that the intervals should contain, ascending, 0 to 1.
        measured: Shares of the pixels that they do contain, 0 to 1.
        spread_factor: Factor by which the posterior's deviation must be multiplied for 90 % intervals to cover 90 %. It
            is above 1 if the posterior is too narrow, 0 if the noise of the reference alone covers more than 90 %, and
            infinite if the posterior has no spread.
        noise_share: Mean share of the noise of the reference in the variance of the intervals; 0 for a clean reference.
        chance: Standard error of the factor, as a share of it, where it was found without a reference; 0 where there
            is one.
        num_pixels: Number of pixels.
        num_samples: Samples that mean and deviation were made of, where their number was allowed for.
    """

    nominal: tuple[float, ...]
    measured: tuple[float, ...]
    spread_factor: float
    noise_share: float = 0.0
    chance: float = 0.0
    num_pixels: int
    num_samples: int | None = None

    def describe(self) -> str:
        """Return, for example, ``the 90 % interval covers 71 %: the spread is too narrow by a factor of about 1.6``."""
        at = min(range(len(self.nominal)), key=lambda k: abs(self.nominal[k] - VERDICT_LEVEL))
        promised, held = percent(self.nominal[at]), percent(self.measured[at])
        doubt = "" if self.num_samples is None else f" (allowing for {self.num_samples} samples)"
        if self.noise_share > MOSTLY_NOISE and self.spread_factor > 0.0:
            share = percent(self.noise_share)
            doubt += f" (uncertain: {share} of the intervals' variance is the reference's own noise)"
        if self.chance > 0.0:
            doubt += f" (estimated; chance makes it wrong by {percent(self.chance)})"
        return f"the {promised} interval covers {held}: {self.verdict()}{doubt}"

    def verdict(self) -> str:
        """Return the spread factor in words, such as ``the spread is too wide by a factor of about 1.3``."""
        factor = self.spread_factor
        if factor == 0.0:
            return "noise alone covers as much, so the spread cannot be judged"
        if factor == float("inf"):
            return "there is no spread where the truth differs from the mean"
        if 1.0 / RIGHT <= factor <= RIGHT:
            return f"the spread is about right (factor {factor:.2f})"
        word, size = ("narrow", factor) if factor > 1.0 else ("wide", 1.0 / factor)
        return f"the spread is too {word} by a factor of about {size:.2g}"


def percent(share: float) -> str:
    """Return a share in whole percent, above 95 % with one decimal: ``90 %``, ``99.4 %``."""
    return f"{100.0 * share:.{int(share > 0.95 + 1e-9)}f} %"


def coverage(truth: Plane, lower: Plane, upper: Plane) -> float:
    """Share of the pixels whose true intensity lies in its interval, ends included.

    Args:
        truth: True intensities, any shape.
        lower: Lower ends of the intervals, for example posterior quantiles, same shape.
        upper: Upper ends of the intervals, same shape.

    Returns:
        The share, 0 to 1.

    Raises:
        SizeError: If the shapes differ.
    """
    lower, truth = as_pair(lower, truth)
    upper, _ = as_pair(upper, truth)
    return float(np.mean((lower <= truth) & (truth <= upper)))


def spread_factor(
    mean: Plane,
    std: Plane,
    truth: Plane,
    level: float = VERDICT_LEVEL,
    noise_variance: Plane | None = None,
    num_samples: int | None = None,
) -> float:
    """Return the factor c for the standard deviation with which the intervals cover a given share of the pixels.

    At a pixel, ``|truth - mean| <= z sqrt(c^2 std^2 + v)`` holds if c is at least
    ``c_p = sqrt((truth - mean)^2 / z^2 - v) / std`` (0 if the root is of a negative number). So c is the ``level``
    quantile of all c_p.

    Args:
        mean: Posterior mean, any shape, intensity units.
        std: Posterior standard deviation, same shape.
        truth: True intensities, or a noisy exposure of them, same shape.
        level: Share of the pixels to be covered, 0 to 1.
        noise_variance: Variance v of a noisy exposure around the true signal; None for a clean reference.
        num_samples: Number K of samples that mean and std were computed from, if they were few: z is then Student's t,
            and the error of the mean, std^2 / K, is added to the interval.

    Returns:
        The factor: 1 for an honest posterior, above 1 for one that is too narrow, 0 if v alone covers more.

    Raises:
        SizeError: If the shapes differ.
        PixelError: If a standard deviation is negative or NaN.
    """
    moments = _Moments.checked(mean, std, truth, noise_variance)
    return float(np.quantile(_needed(moments, level, num_samples), level, method="inverted_cdf"))


def calibration_of_moments(
    parts: Iterable[tuple[Plane, Plane, Plane]],
    *,
    exposure: Exposure | None = None,
    levels: Sequence[float] = LEVELS,
    num_samples: int | None = None,
) -> Calibration:
    """Measure the coverage of normal intervals, ``mean +- z sqrt(std^2 + v)``; of few samples, of Student's intervals.

    Args:
        parts: Triples (mean, std, truth), one per image; three arrays of the same shape, intensity units.
        exposure: Noise of the reference if it is not clean; None for a clean one.
        levels: Nominal coverages, 0 to 1.
        num_samples: Number of samples that mean and std were computed from, if known; intervals and spread factor then
            take into account that they were few.

    Returns:
        The coverage over all pixels of all images.

    Raises:
        SizeError: If there are no images, or shapes differ.
        PixelError: If a standard deviation is negative or NaN.
    """
    tally = _Tally(levels)
    for mean, std, truth in parts:
        centre = mean if exposure is None else exposure.mean(mean)
        moments = _Moments.checked(centre, std, truth, None if exposure is None else exposure.variance(mean))
        tally.add([_inside(moments, level, num_samples) for level in levels], moments, num_samples)
    return replace(tally.result(), num_samples=num_samples)


def calibration_of_samples(
    parts: Iterable[tuple[Iterable[Plane], Plane]],
    *,
    exposure: Exposure | None = None,
    levels: Sequence[float] = LEVELS,
) -> Calibration:
    """Measure the coverage of the central intervals of posterior samples; exact for any posterior and few samples.

    If the truth and the K samples follow the same distribution, the rank r of the truth (the number of samples below
    it) is uniform on 0 .. K, and ``u = (r + U) / (K + 1)`` with U ~ Uniform(0, 1) is uniform on 0 .. 1. The coverage at
    level L is the probability of ``|2 u - 1| <= L``, averaged over U instead of drawing it. (Intervals between
    empirical quantiles would cover too little, at most (K - 1) / (K + 1).) Levels that need more samples, with
    ``K + 1 < 2 / (1 - L)``, are left out. Samples that equal the truth, which happens for discrete values, count half
    as above and half as below it.

    If the reference y is a noisy exposure, it is compared not with the samples s_k but with y_k ~ p(y|s_k), which
    again follow the same distribution as y.

    Args:
        parts: Pairs (samples, truth), one per image; samples are K planes, iterated over once, or an array (K, *S). K
            must be the same for all images.
        exposure: Noise of the reference if it is not clean; None for a clean one.
        levels: Nominal coverages, 0 to 1.

    Returns:
        The coverage over all pixels of all images; the spread factor is that of the samples' mean and deviation.

    Raises:
        SizeError: If there are no images, fewer than 3 samples, or shapes or numbers of samples differ.
        PixelError: If a sample is NaN.
    """
    tally, reached, counts = None, tuple(levels), set()
    for samples, truth in parts:
        ranked = _rank(samples, np.asarray(truth, np.float64), exposure)
        counts.add(ranked.num_samples)
        if ranked.num_samples < MIN_SAMPLES or len(counts) > 1:
            came = " and ".join(f"{count} sample{'s' * (count > 1)}" for count in sorted(counts))
            expected = f"at least {MIN_SAMPLES} samples, and the same number for every image"
            raise SizeError(expected, came, f"save e.g. `{typed(num_samples=50)}`")
        if tally is None:
            reached = tuple(level for level in levels if (ranked.num_samples + 1) * (1.0 - level) > 2.0 - 1e-9)
            tally = _Tally(reached)
        tally.add([ranked.coverage(level) for level in reached], ranked.moments, ranked.num_samples)
    return (_Tally(levels) if tally is None else tally).result()


@dataclass(frozen=True)
class _Moments:
    """Moments of a posterior at every pixel, float64 arrays of one shape.

    Attributes:
        error: True intensity less the posterior mean.
        std: Posterior standard deviation.
        noise: Variance of the noise of the reference.
    """

    error: FloatPlane
    std: FloatPlane
    noise: FloatPlane

    @classmethod
    def checked(cls, mean: Plane, std: Plane, truth: Plane, noise_variance: Plane | None) -> "_Moments":
        mean, truth = as_pair(mean, truth)
        std, _ = as_pair(std, truth)
        if not np.all(std >= 0.0):  # also where it is NaN
            raise PixelError(
                "standard deviations of zero or more", f"{np.min(std):g}", "pass the deviation, e.g. NAME_std.ome.tif"
            )
        noise = np.zeros_like(mean) if noise_variance is None else np.asarray(noise_variance, np.float64)
        return cls(truth - mean, std, np.broadcast_to(noise, mean.shape))

    def every(self, step: int) -> "_Moments":
        """Return every step-th pixel."""
        return _Moments(*(part.ravel()[::step] for part in (self.error, self.std, self.noise)))


@dataclass(frozen=True)
class _Ranked:
    """Rank of the truth among K samples, for every pixel: u is uniform between `first` and `last`."""

    first: FloatPlane
    last: FloatPlane
    num_samples: int
    moments: _Moments

    def coverage(self, level: float) -> float:
        """Mean, over pixels, of the share of [first, last] that lies in the central interval."""
        low, high = 0.5 * (1.0 - level), 0.5 * (1.0 + level)
        inside = np.minimum(self.last, high) - np.maximum(self.first, low)
        return float(np.mean(np.maximum(inside, 0.0) / (self.last - self.first)))


def _rank(samples: Iterable[Plane], truth: FloatPlane, exposure: Exposure | None) -> _Ranked:
    """Rank the truth among the samples, and compute their mean and deviation (Welford 1962), sample by sample."""
    below, equal = np.zeros(truth.shape), np.zeros(truth.shape)
    mean, squares = np.zeros(truth.shape), np.zeros(truth.shape)
    count = 0
    for sample in samples:
        signal, _ = as_pair(sample, truth)
        seen = signal if exposure is None else np.asarray(exposure.draw(signal), np.float64)
        below += seen < truth
        equal += seen == truth
        count += 1
        delta = signal - mean
        mean += delta / count
        squares += delta * (signal - mean)
    std = np.sqrt(squares / max(count - 1, 1))
    centre = mean if exposure is None else exposure.mean(mean)
    noise = None if exposure is None else exposure.variance(mean)
    moments = _Moments.checked(centre, std, truth, noise)
    return _Ranked(below / (count + 1), (below + equal + 1) / (count + 1), count, moments)


class _Tally:
    """Running sums over images: pixels covered at each level, and the spread factors that pixels need."""

    def __init__(self, levels: Sequence[float]) -> None:
        self._levels, self._inside = tuple(levels), np.zeros(len(levels))
        self._num_pixels, self._noise = 0, 0.0
        self._factors: list[npt.NDArray[np.float32]] = []

    def add(self, inside: Sequence[Any], moments: _Moments, num_samples: int | None) -> None:
        """Add one image: its coverage at each level, and its moments."""
        size = moments.error.size
        self._inside += np.asarray(inside, np.float64) * size
        self._num_pixels += size
        variance = moments.std**2 + moments.noise
        shares = np.divide(moments.noise, variance, out=np.zeros(variance.shape), where=variance > 0.0)
        self._noise += float(shares.sum())
        some = moments.every(-(-size // FACTORS_PER_PART))
        self._factors.append(_needed(some, VERDICT_LEVEL, num_samples).astype(np.float32))

    def result(self) -> Calibration:
        """Return the coverage over all images."""
        if not self._num_pixels:
            raise SizeError("at least one image", "none", "pass an image and its reference")
        factors = np.concatenate(self._factors)
        return Calibration(
            nominal=self._levels,
            measured=tuple(float(share) for share in self._inside / self._num_pixels),
            spread_factor=float(np.quantile(factors, VERDICT_LEVEL, method="inverted_cdf")),
            noise_share=self._noise / self._num_pixels,
            num_pixels=self._num_pixels,
        )


def _needed(moments: _Moments, level: float, num_samples: int | None) -> FloatPlane:
    """Return, for every pixel, the smallest factor for the deviation with which its interval contains the truth."""
    spread, reach = _interval(moments, level, num_samples)
    short = np.sqrt(np.maximum((moments.error / reach) ** 2 - moments.noise, 0.0))
    beyond = np.where(short > 0.0, np.inf, 0.0)
    factors: FloatPlane = np.divide(short, spread, out=beyond, where=spread > 0.0)
    return factors


def _inside(moments: _Moments, level: float, num_samples: int | None) -> float:
    """Return the share of the pixels whose interval contains the truth."""
    spread, reach = _interval(moments, level, num_samples)
    return float(np.mean(np.abs(moments.error) <= reach * np.sqrt(spread**2 + moments.noise)))


def _interval(moments: _Moments, level: float, num_samples: int | None) -> tuple[FloatPlane, FloatPlane]:
    """Return deviation s and reach z of the intervals ``mean +- z sqrt(s^2 + v)``, for every pixel.

    The mean of K samples has an error of its own, ``std^2 / K``, which s contains, and their deviation is uncertain,
    which the noise of the reference is not. So z is Student's t with ``(K - 1) / q^2`` degrees of freedom, with q the
    share of the samples' variance in the total variance (Welch 1947, Satterthwaite 1946).
    """
    if num_samples is None:
        return moments.std, np.asarray(_normal(level))
    from scipy.special import stdtrit

    spread = moments.std * np.sqrt(1.0 + 1.0 / num_samples)
    variance = spread**2 + moments.noise
    part = np.divide(spread**2, variance, out=np.ones(variance.shape), where=variance > 0.0)
    shares = np.linspace(0.0, 1.0, _SHARES)
    reaches = stdtrit((num_samples - 1) / np.maximum(shares, 1e-3) ** 2, 0.5 * (1.0 + level))
    return spread, np.interp(part, shares, reaches)


def reach_of(level: float, num_samples: int | None = None) -> float:
    """Return the half width of a central interval in deviations: normal, or of few samples Student's.

    Args:
        level: Share of the truths that it is to hold, 0 to 1.
        num_samples: Number K of samples that mean and deviation were made of: the error of the mean, ``std^2 / K``, is
            part of the interval then; None where they were given.
    """
    if num_samples is None:
        return _normal(level)
    from scipy.special import stdtrit

    return float(stdtrit(num_samples - 1, 0.5 * (1.0 + level))) * float(np.sqrt(1.0 + 1.0 / num_samples))


def _normal(level: float) -> float:
    """Half width of the central interval of a normal density at a level, in standard deviations."""
    return NormalDist().inv_cdf(0.5 * (1.0 + level))
