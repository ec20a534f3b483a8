"""The photon-transfer line: noise variance against signal, from bins of pixels.

A camera multiplies a Poisson number of photons by a gain, and adds an offset and Gaussian read noise. Its variance is a
straight line, ``v(s) = gain (s - offset) + read_noise^2``. The points of this line are made here from pairs of signal
and observation (the blind estimate makes its own), and the line is fitted to them.
"""

import math
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter1d

from quietscope.errors import NoiseError
from quietscope.noise.clipped_line import cost_of_line, fit_clipped_line
from quietscope.noise.clipping import ClipLevels, find_clip_levels
from quietscope.noise.pairs import FloatArray
from quietscope.wording import typed

MODEL_ERROR = 0.03
"""Relative error assumed for the straight line itself. No detector is linear to better than a few percent, so a bin of
a million pixels must not outweigh ten bins of a hundred thousand."""

MAX_CLIPPED = 0.005
"""A bin counts as clipped if a larger share of its pixels is at a clipping level: at 0.5 % its variance is 2 % too
low."""

SMALLEST_VARIANCE = 1e-4
"""Least variance, relative to the mean over the bins, that is assumed for a bin when its standard error is computed."""

NUM_SMOOTHED = 5
"""Number of neighbouring bins over which variances are averaged to compute the standard error of each."""

FEWEST_IN_BIN = 8
"""Least number of pairs in a bin; the variance of fewer is too uncertain to help the fit."""

FEWEST_OF_RARE = 100
"""Least number of pairs in a bin of rare, bright pixels; their variance is known to 14 %, chance alone."""

SAME_SIGNAL = 0.1
"""Distance in signal, in standard deviations of the noise, over which the bias of a reference is averaged."""

HUBER = 2.0
"""Distance of a bin from the line, in standard errors, beyond which its influence stops growing."""

NUM_ITERATIONS = 50

CLEARLY_BETTER = 0.75
"""The line of clipped data is accepted if its cost is below this share of the cost of the open line. Simulated images
with clipped dark pixels reach 0.2 to 0.5; images with pixels without photons, and recorded images, lie between 0.9 and
40."""

MIN_CLIPPED_BINS = 6


@dataclass(frozen=True, kw_only=True)
class VarianceBins:
    """Points of the photon-transfer curve; each is a bin of many pixels of similar signal. All arrays have shape (K,).

    Attributes:
        signal: Mean recorded intensity of each bin, intensity units.
        variance: Noise variance of each bin, squared intensity units.
        relative_error: Relative standard error of ``variance``.
        count: Number of pixels in each bin.
        clipped_low: Share of the bin's pixels at the lower clipping level, 0 to 1.
        clipped_high: Share of the bin's pixels at the upper clipping level, 0 to 1.
    """

    signal: FloatArray
    variance: FloatArray
    relative_error: FloatArray
    count: FloatArray
    clipped_low: FloatArray
    clipped_high: FloatArray

    def select(self, keep: npt.NDArray[np.bool_]) -> "VarianceBins":
        """Return the bins for which ``keep``, shape (K,), is true."""
        return VarianceBins(**{field.name: getattr(self, field.name)[keep] for field in fields(self)})


def bins_from_pairs(
    s: FloatArray, x: FloatArray, num_bins: int, clip: ClipLevels | None = None, *, rare: bool = False
) -> VarianceBins:
    """Group pairs by their signal, with about equally many pairs in every bin.

    The signal of a bin is its mean OBSERVATION, not its mean s: the variance belongs to E[x|s], and a reference that
    was rounded, bleached or rescaled differs from it by more than the darkest bins tolerate. The difference is averaged
    over bins whose signals are a tenth of a standard deviation apart at most: on a flat ground an estimated signal
    differs by a trace of the pixel's own noise alone, and bins sorted by it are sorted by their noise, their mean
    observations far apart at one true signal. The variance is that of x - s, so the range of signals within a bin does
    not add to it.

    Args:
        s: Clean signal, shape (N,), intensity units.
        x: Observation, shape (N,), intensity units.
        num_bins: Wanted number of bins; there are fewer if many values of ``s`` are equal (integer references) or if
            there are few pairs.
        clip: Clipping levels, or None to find them.
        rare: Whether the brightest bin is halved, and its brighter half again, down to 100 pairs, so that bright
            structure has points of its own on the curve however rare it is. Where nearly all pixels have one signal,
            nothing else tells the slope of the line.

    Returns:
        The bins, in ascending order of s.
    """
    num_bins = max(1, min(num_bins, s.size // FEWEST_IN_BIN))
    places = np.linspace(0.0, 1.0, num_bins + 1)[1:-1]
    halvings = int(max(0.0, np.log2(s.size / num_bins / FEWEST_OF_RARE))) if rare else 0
    edges = np.unique(np.quantile(s, np.append(places, 1.0 - 0.5 ** np.arange(1, halvings + 1) / num_bins)))
    index = np.searchsorted(edges, s, side="right")
    clip = find_clip_levels(x) if clip is None else clip
    filled = np.bincount(index, minlength=edges.size + 1) >= 2
    count = np.bincount(index, minlength=edges.size + 1)[filled].astype(np.float64)

    def bin_mean(values: npt.NDArray[np.generic]) -> FloatArray:
        sums: FloatArray = np.bincount(index, weights=values, minlength=edges.size + 1)[filled].astype(np.float64)
        return sums / count

    residual = x - s
    bias = np.zeros(edges.size + 1)
    bias[filled] = bin_mean(residual)
    square = (residual - bias[index]) ** 2
    variance = bin_mean(square)
    return VarianceBins(
        signal=bin_mean(s) + _averaged(bias[filled], bin_mean(s), np.sqrt(variance), count),
        variance=variance * count / (count - 1.0),
        relative_error=relative_error(variance, bin_mean(square**2), count),
        count=count,
        clipped_low=bin_mean(clip.is_low(x)),
        clipped_high=bin_mean(clip.is_high(x)),
    )


def _averaged(bias: FloatArray, signal: FloatArray, sigma: FloatArray, count: FloatArray) -> FloatArray:
    """Average the bias of each bin over the bins of about its signal, weighted by their pixels; all of shape (K,)."""
    weight = (np.abs(signal[:, None] - signal) <= SAME_SIGNAL * sigma[:, None]) * count
    averaged: FloatArray = weight @ bias / weight.sum(axis=1)
    return averaged


def relative_error(variance: FloatArray, fourth_moment: FloatArray, count: FloatArray) -> FloatArray:
    """Relative standard error of a sample variance, ``sqrt((kurtosis - 1) / n)``, at least that of Gaussian noise.

    Noise of few photons behind a high gain has a kurtosis of several tens, so the variance of such a bin is far less
    certain than its number of pixels suggests.

    Args:
        variance: Sample variances, shape (K,), squared intensity units.
        fourth_moment: Mean fourth powers of the residuals, shape (K,).
        count: Numbers n of pixels, shape (K,).

    Returns:
        The relative errors, shape (K,).
    """
    kurtosis = np.divide(fourth_moment, variance**2, out=np.full_like(variance, 3.0), where=variance > 0.0)
    error: FloatArray = np.sqrt(np.maximum(kurtosis - 1.0, 2.0) / count)
    return error


def fit_line(bins: VarianceBins, low: float = -math.inf) -> tuple[float, float]:
    """Fit ``variance = gain * signal + intercept`` to the bins that are not clipped, robustly, with gain >= 0.

    Pixels pile up at the lowest value for two reasons: they are clipped, which lowers the variance and bends the curve;
    or they caught no photon, and then lie on the line like all others. If there are such bins, two lines are fitted:
    one as if nothing were clipped, and one whose mean and variance after clipping pass through the points
    (``clipped_line``). The second is used if it fits clearly better. Otherwise the piled-up bins take part in the fit
    if their variance is not below the line through the other bins, or if one line fits all bins about as well.

    Args:
        bins: At least one bin of positive variance.
        low: Lower clipping level, in the units of the bins; minus infinity if no pixels pile up there.

    Returns:
        The gain (intensity units) and the intercept (squared intensity units).

    Raises:
        NoiseError: If no bin below the upper clipping level has any variance.
    """
    usable = _below_the_top(bins)
    if not np.any(usable.variance > 0.0):
        raise NoiseError(
            "noise that varies from pixel to pixel below saturation",
            "an image without noise, or so saturated that no brightness is free of it",
            f"pass the raw noisy image, or name the noise: train with `{typed(noise='sigma=10')}` or a noise file",
        )
    return _fit_below_the_top(usable, low)[0]


def loses_dark_noise(bins: VarianceBins, low: float) -> bool:
    """Return whether pixels piled up at the lowest value are clipped, by the tests of ``fit_line``.

    Args:
        bins: Photon-transfer points.
        low: Lower clipping level, in the units of the bins, or minus infinity.

    Returns:
        True if clipping has lowered the variance of dark bins; False if no pixels pile up, or only pixels that caught
        no photon.
    """
    usable = _below_the_top(bins)
    return math.isfinite(low) and bool(np.any(usable.variance > 0.0)) and _fit_below_the_top(usable, low)[1]


def _below_the_top(bins: VarianceBins) -> VarianceBins:
    return bins.select((bins.clipped_high <= MAX_CLIPPED) & np.isfinite(bins.variance))


def _fit_below_the_top(usable: VarianceBins, low: float) -> tuple[tuple[float, float], bool]:
    """Fit the line; return its gain and intercept, and whether clipping has lowered the variance of dark bins."""
    joint, piled_up = _fit_line_robustly(usable), usable.clipped_low > MAX_CLIPPED
    if math.isfinite(low) and piled_up.any() and usable.signal.size >= MIN_CLIPPED_BINS:
        error = standard_error(usable)
        clipped = fit_clipped_line(usable.signal, usable.variance, error, low, joint)
        open_cost = cost_of_line((usable.variance - joint[0] * usable.signal - joint[1]) / error)
        if clipped.cost < min(CLEARLY_BETTER * open_cost, open_cost - 2.0):
            return (clipped.gain, clipped.intercept), True
    if not piled_up.any() or np.count_nonzero(~piled_up) < 3:
        return joint, False
    free, dark = _fit_line_robustly(usable.select(~piled_up)), usable.select(piled_up)
    nothing_lost = np.average(dark.variance - free[0] * dark.signal - free[1], weights=dark.count) >= 0.0
    allowed = 0.5 + 1.5 * _mean_deviation(usable.select(~piled_up), free)
    is_whole = bool(nothing_lost) or _mean_deviation(usable, joint) <= allowed
    return (joint, False) if is_whole else (free, True)


def _mean_deviation(bins: VarianceBins, line: tuple[float, float]) -> float:
    """Mean distance of the bins from the line, in standard errors."""
    distance = np.abs(bins.variance - line[0] * bins.signal - line[1])
    return float(np.mean(distance / standard_error(bins)))


def _fit_line_robustly(bins: VarianceBins) -> tuple[float, float]:
    """Huber regression (Huber 1964) of variance on signal: a convex problem, so it has one solution."""
    m, v, scale = bins.signal, bins.variance, standard_error(bins)
    huber = np.ones_like(v)
    gain, intercept = 0.0, 0.0
    for _ in range(NUM_ITERATIONS):
        gain, intercept = _weighted_line(m, v, huber / scale**2)
        huber = np.minimum(1.0, HUBER * scale / np.maximum(np.abs(v - gain * m - intercept), 1e-300))
    return gain, intercept


def standard_error(bins: VarianceBins) -> FloatArray:
    """Standard error of each bin's variance, ``v sqrt(e^2 + MODEL_ERROR^2)``, e its relative error.

    v is the geometric mean of the variances of neighbouring bins. The bin's own variance would give more weight to bins
    that are low by chance. The variance of the line would make a second, wrong solution possible: a line so far above
    the dark bins that they hardly count.
    """
    order = np.argsort(bins.signal, kind="stable")
    level = np.log(np.maximum(bins.variance[order], SMALLEST_VARIANCE * float(bins.variance.mean())))
    around = np.empty_like(level)
    around[order] = uniform_filter1d(level, NUM_SMOOTHED, mode="nearest")
    error: FloatArray = np.exp(around) * np.sqrt(bins.relative_error**2 + MODEL_ERROR**2)
    return error


def _weighted_line(m: FloatArray, v: FloatArray, weight: FloatArray) -> tuple[float, float]:
    """Weighted least squares of v = gain m + intercept; instead of a negative gain, 0 and the weighted mean of v."""
    total = float(weight.sum())
    mean_m, mean_v = float(weight @ m) / total, float(weight @ v) / total
    spread = float(weight @ (m - mean_m) ** 2)
    gain = float(weight @ ((m - mean_m) * (v - mean_v))) / spread if spread > 0.0 else 0.0
    if not gain > 0.0:
        return 0.0, mean_v
    return gain, mean_v - gain * mean_m


def camera_terms(gain: float, intercept: float) -> tuple[float, float]:
    """Split the intercept of the line into an offset and a read noise.

    ``intercept = read_noise^2 - gain * offset`` is one equation for two unknowns, and v(s) is the same for every
    solution. The solution returned has one of the two zero.

    Args:
        gain: Slope of the line, intensity units.
        intercept: Variance at s = 0, squared intensity units.

    Returns:
        (offset, read_noise), in intensity units.
    """
    if intercept >= 0.0 or gain == 0.0:
        return 0.0, float(np.sqrt(max(0.0, intercept)))
    return -intercept / gain, 0.0
