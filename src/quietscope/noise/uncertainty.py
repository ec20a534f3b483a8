"""How well a photon-transfer line is known, and a steadier line where it is hardly known at all.

The bins of a line have standard errors. Weighted least squares turns them into that of the variance at a signal s,
``se(s)^2 = 1 / W + (s - m)^2 / S``, with W the sum of the weights, m the weighted mean of the signals, and S the
weighted sum of squares around it. On a few small images the dark end may be known to no better than a factor of
three; most of what is wrong then is that it comes out next to zero, which a training takes for certainty.
"""

from dataclasses import dataclass

import numpy as np

from quietscope.noise.pairs import FloatArray
from quietscope.noise.photon_transfer import MAX_CLIPPED, VarianceBins, standard_error

UNCERTAIN = 0.25
"""Relative standard error of sigma above which a person is told; one image of 40 x 40 pixels has about that."""

DARK_SHARE = 0.4
DARK_DEVIATION = 0.24
"""Variance at the dark end of an image as a share of that at its middle, as cameras have it, and how much it varies:
between next to nothing (photons only) and one (read noise only). It counts where the images themselves say less."""

QUANTILE_SIGMAS = 2.326
"""Standard deviations from the centre of a normal density to its 1 % quantile."""

LEAST_SHARE = 0.2
"""Share of the variance in the middle that an error in the dark is compared with at least."""


@dataclass(frozen=True, kw_only=True)
class KnownLine:
    """A photon-transfer line, and how well it is known in the dark.

    Attributes:
        gain: Slope, intensity units.
        intercept: Variance at signal 0, squared intensity units.
        error: Relative standard error of sigma at the dark end of the image.
        is_uncertain: Whether the images alone say too little.
    """

    gain: float
    intercept: float
    error: float
    is_uncertain: bool


def steadied(bins: VarianceBins, gain: float, intercept: float, darkest: float, scale: float = 1.0) -> KnownLine:
    """Judge a line at the dark end of an image, and steady it by what cameras do where it is uncertain.

    Args:
        bins: The points that the line was fitted to.
        gain: Its slope.
        intercept: Its variance at signal 0.
        darkest: The 1 % quantile of the noisy pixels, in the units of the bins.
        scale: What the variances are to be multiplied by, because noise is correlated.

    Returns:
        The very same line where its error is at most `UNCERTAIN`; otherwise, where nothing is clipped, the weighted
        mean of its dark end and of what is usual, through the same point in the middle.
    """
    points = _Points.of(bins)
    middle, centre = points.middle, gain * points.middle + intercept
    # The darkest pixels are darker than any signal, by what the noise adds.
    dark = min(darkest + QUANTILE_SIGMAS * max(centre * scale, 0.0) ** 0.5, points.lowest)
    here, error = gain * dark + intercept, points.error_at(dark)
    # Photons alone leave a dark end without variance, which may be known very well.
    relative = 0.5 * error / max(here, LEAST_SHARE * centre, 1e-300)
    is_uncertain = relative > UNCERTAIN
    is_clipped = bool(np.any(bins.clipped_low > MAX_CLIPPED))
    if not is_uncertain or is_clipped or not middle > dark or not centre > 0.0:
        return KnownLine(gain=gain, intercept=intercept, error=relative, is_uncertain=is_uncertain)
    usual, deviation = DARK_SHARE * centre, DARK_DEVIATION * centre
    own, other = 1.0 / error**2, 1.0 / deviation**2
    there = (own * max(here, 0.0) + other * usual) / (own + other)
    slope = max(0.0, (centre - there) / (middle - dark))
    error = float(0.5 / np.sqrt(own + other) / there)
    return KnownLine(gain=slope, intercept=centre - slope * middle, error=error, is_uncertain=True)


@dataclass(frozen=True, kw_only=True)
class _Points:
    """Weights of the points of a line.

    Attributes:
        lowest: Signal of the darkest.
        middle: Weighted mean of their signals.
        total: Sum of the weights.
        spread: Weighted sum of squares around the middle.
    """

    lowest: float
    middle: float
    total: float
    spread: float

    @classmethod
    def of(cls, bins: VarianceBins) -> "_Points":
        """Weigh bins below the upper clipping level by their standard errors."""
        usable = bins.select((bins.clipped_high <= MAX_CLIPPED) & np.isfinite(bins.variance))
        weight: FloatArray = 1.0 / standard_error(usable) ** 2
        total = float(weight.sum())
        middle = float(weight @ usable.signal) / total
        spread = float(weight @ (usable.signal - middle) ** 2)
        return cls(lowest=float(usable.signal.min()), middle=middle, total=total, spread=spread)

    def error_at(self, signal: float) -> float:
        """Return the standard error of the variance at a signal."""
        slope = (signal - self.middle) ** 2 / self.spread if self.spread > 0.0 else 0.0
        return float(np.sqrt(1.0 / self.total + slope))
