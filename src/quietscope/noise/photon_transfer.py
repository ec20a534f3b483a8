"""The photon-transfer line: noise variance against signal, from bins of pixels.

A camera that multiplies a Poisson number of photons by a gain, adds an offset and Gaussian read noise has
``var(x|s) = gain (s - offset) + read_noise^2``: a straight line. This module makes the points and draws the line, for
the fit from pairs and for the blind estimate alike.
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

MODEL_ERROR = 0.03
"""Relative error granted to the straight line itself: a detector is never linear to better than a few percent, so a bin
of a million pixels must not outvote ten bins of a hundred thousand."""

MAX_CLIPPED = 0.005
"""A bin with a larger share of its pixels at the end of the scale is clipped: at 0.5 % its variance is 2 % too low."""

SMALLEST_VARIANCE = 1e-4
"""Variance, relative to the mean over the bins, below which a bin counts as if it had this much."""

NUM_SMOOTHED = 5
"""Neighbouring bins whose variances set the standard error of each."""

FEWEST_IN_BIN = 8
"""Pairs in a bin below which its variance says nothing even to the line through all."""

HUBER = 2.0
"""Standard errors beyond which a bin's pull on the line stops growing."""

NUM_ITERATIONS = 50

CLEARLY_BETTER = 0.75
"""The clipped line is believed at less than this share of the cost of the open one. Simulated clipped darks reach 0.2
to 0.5, pixels without photons and recorded images lie between 0.9 and 40."""

MIN_CLIPPED_BINS = 6


@dataclass(frozen=True, kw_only=True)
class VarianceBins:
    """Points on the photon-transfer curve, each the mean over many pixels of about one signal; all of shape (K,).

    Args:
        signal: Mean observed intensity of each bin.
        variance: Noise variance of each bin, squared intensity units.
        relative_error: Relative standard error of ``variance``.
        count: Number of pixels in each bin.
        clipped_low: Share of the bin's pixels at the lower end of the scale, 0 to 1.
        clipped_high: Share of the bin's pixels at the upper end of the scale, 0 to 1.
    """

    signal: FloatArray
    variance: FloatArray
    relative_error: FloatArray
    count: FloatArray
    clipped_low: FloatArray
    clipped_high: FloatArray

    def select(self, keep: npt.NDArray[np.bool_]) -> "VarianceBins":
        """Return the bins where ``keep``, shape (K,), is true."""
        return VarianceBins(**{field.name: getattr(self, field.name)[keep] for field in fields(self)})


def bins_from_pairs(s: FloatArray, x: FloatArray, num_bins: int, clip: ClipLevels | None = None) -> VarianceBins:
    """Group pairs by their signal, with about as many pairs in every bin.

    The signal of a bin is its mean OBSERVATION, not its mean s: the noise belongs to E[x|s], and a reference that was
    rounded, bleached or rescaled misses that by more than the darkest bins can bear. The variance is that of x - s, so
    that the width of a bin adds nothing.

    Args:
        s: Clean signal, shape (N,).
        x: Observation, shape (N,).
        num_bins: Number of bins asked for; ties in ``s`` (integer references) and few pairs make fewer.
        clip: Ends of the scale, or None to find them.

    Returns:
        The bins, in ascending order of s.
    """
    num_bins = max(1, min(num_bins, s.size // FEWEST_IN_BIN))
    edges = np.unique(np.quantile(s, np.linspace(0.0, 1.0, num_bins + 1)[1:-1]))
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
        signal=bin_mean(x),
        variance=variance * count / (count - 1.0),
        relative_error=relative_error(variance, bin_mean(square**2), count),
        count=count,
        clipped_low=bin_mean(clip.is_low(x)),
        clipped_high=bin_mean(clip.is_high(x)),
    )


def relative_error(variance: FloatArray, fourth_moment: FloatArray, count: FloatArray) -> FloatArray:
    """Relative standard error of a sample variance, ``sqrt((kurtosis - 1) / n)``, never below that of a Gaussian.

    Few photons through a high gain have a kurtosis of tens: their bins deserve a fraction of the trust that their
    number of pixels suggests.
    """
    kurtosis = np.divide(fourth_moment, variance**2, out=np.full_like(variance, 3.0), where=variance > 0.0)
    error: FloatArray = np.sqrt(np.maximum(kurtosis - 1.0, 2.0) / count)
    return error


def fit_line(bins: VarianceBins, low: float = -math.inf) -> tuple[float, float]:
    """Fit ``variance = gain * signal + intercept`` to the bins that are not clipped, robustly, with gain >= 0.

    A pile-up at the lower end of the scale has two causes: clipping, which takes variance away and bends the curve, and
    pixels that caught no photon at all, which lie on the line like any other. So where bins are piled up, the line
    whose clipped moments they have is fitted beside the line through them (``clipped_line``), and believed where it
    explains them clearly better. Otherwise piled-up bins take part where they hold no less variance than the line
    through the others says, or where one line fits all bins about as well.

    Args:
        bins: At least one bin of positive variance.
        low: Lower end of the scale, in the units of the bins, where pixels pile up there.

    Returns:
        The gain and the intercept (squared intensity units).

    Raises:
        NoiseError: If no unclipped bin has any variance.
    """
    usable = _below_the_top(bins)
    if not np.any(usable.variance > 0.0):
        raise NoiseError(
            "noise that varies from pixel to pixel below the end of the scale",
            "an image without variance, or clipped throughout",
            "pass the raw noisy image",
        )
    return _fit_below_the_top(usable, low)[0]


def loses_dark_noise(bins: VarianceBins, low: float) -> bool:
    """Tell whether pixels piled up at the lower end of the scale are clipped, by the tests of ``fit_line``.

    Args:
        bins: Photon-transfer points.
        low: Lower end of the scale, in the units of the bins, or minus infinity.

    Returns:
        True where dark bins have lost variance to clipping; False where nothing piles up, or only pixels that caught
        no photon do.
    """
    usable = _below_the_top(bins)
    return math.isfinite(low) and bool(np.any(usable.variance > 0.0)) and _fit_below_the_top(usable, low)[1]


def _below_the_top(bins: VarianceBins) -> VarianceBins:
    return bins.select((bins.clipped_high <= MAX_CLIPPED) & np.isfinite(bins.variance))


def _fit_below_the_top(usable: VarianceBins, low: float) -> tuple[tuple[float, float], bool]:
    """Fit the line; return it, and whether the lower end of the scale has taken noise away."""
    joint, piled_up = _fit_line_robustly(usable), usable.clipped_low > MAX_CLIPPED
    if math.isfinite(low) and piled_up.any() and usable.signal.size >= MIN_CLIPPED_BINS:
        error = _standard_error(usable)
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
    return float(np.mean(distance / _standard_error(bins)))


def _fit_line_robustly(bins: VarianceBins) -> tuple[float, float]:
    """Huber regression (Huber 1964) of variance on signal: a convex problem, so there is one answer."""
    m, v, scale = bins.signal, bins.variance, _standard_error(bins)
    huber = np.ones_like(v)
    gain, intercept = 0.0, 0.0
    for _ in range(NUM_ITERATIONS):
        gain, intercept = _weighted_line(m, v, huber / scale**2)
        huber = np.minimum(1.0, HUBER * scale / np.maximum(np.abs(v - gain * m - intercept), 1e-300))
    return gain, intercept


def _standard_error(bins: VarianceBins) -> FloatArray:
    """Standard error of each bin's variance, v sqrt(e^2 + MODEL_ERROR^2) with e its relative error.

    v is the geometric mean of the variances of neighbouring bins. Not the bin's own, which would favour bins that came
    out low; and not the line's, which makes a second, wrong answer possible: a line so high above the dark bins that
    they hardly count.
    """
    order = np.argsort(bins.signal, kind="stable")
    level = np.log(np.maximum(bins.variance[order], SMALLEST_VARIANCE * float(bins.variance.mean())))
    around = np.empty_like(level)
    around[order] = uniform_filter1d(level, NUM_SMOOTHED, mode="nearest")
    error: FloatArray = np.exp(around) * np.sqrt(bins.relative_error**2 + MODEL_ERROR**2)
    return error


def _weighted_line(m: FloatArray, v: FloatArray, weight: FloatArray) -> tuple[float, float]:
    """Weighted least squares of v = gain m + intercept; a negative slope becomes the flat line of the weighted mean."""
    total = float(weight.sum())
    mean_m, mean_v = float(weight @ m) / total, float(weight @ v) / total
    spread = float(weight @ (m - mean_m) ** 2)
    gain = float(weight @ ((m - mean_m) * (v - mean_v))) / spread if spread > 0.0 else 0.0
    if not gain > 0.0:
        return 0.0, mean_v
    return gain, mean_v - gain * mean_m


def camera_terms(gain: float, intercept: float) -> tuple[float, float]:
    """Split the intercept of the line into an offset and a read noise.

    ``intercept = read_noise^2 - gain * offset`` is one equation for two unknowns: the noise alone cannot tell them
    apart, and sigma(s) is the same for every split. The split taken has one of the two zero.

    Returns:
        (offset, read_noise), in intensity units.
    """
    if intercept >= 0.0 or gain == 0.0:
        return 0.0, float(np.sqrt(max(0.0, intercept)))
    return -intercept / gain, 0.0
