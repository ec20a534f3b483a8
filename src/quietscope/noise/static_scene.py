"""Pairs of signal and observation from many frames of one static scene, and a check that the scene was static."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from quietscope.errors import NoiseError
from quietscope.io.pixel_check import check_finite
from quietscope.noise.clipping import ClipLevels
from quietscope.noise.fitting import clip_levels_of_pairs
from quietscope.noise.pairs import FloatArray
from quietscope.wording import typed

Frame: TypeAlias = npt.NDArray[Any]

MIN_FRAMES = 10
"""Least number of frames. The mean of n frames still has 1/n of their noise variance; with fewer than 10 frames that
blurs dark signals."""

MOST_PAIRS = 1 << 24
"""Largest number of pairs, 16 million; more would not change a fit."""

BRIGHT_SHARE = 0.1
"""The brightest tenth of the pixels is also checked by itself: it bleaches and moves most, but there are far more dark
pixels."""

NUM_BLOCKS = 100
"""Number of blocks of neighbouring pixels whose scatter gives the error of a correlation; pixels of one block may have
correlated noise."""

NOTEWORTHY_SHARE = 0.02
"""Share of the variance that is not noise above which there is a warning; it makes sigma one percent too large."""

CLEARLY = 5.0
"""Standard errors that an excess must exceed to count as real; it matters for small frames only."""

NOTEWORTHY_FADING = 0.02
ROUNDING = 1e-9
"""Frames count as equal if they differ by less than this share of the signal, which is rounding."""

RANGE = (0.0005, 0.9995)


@dataclass(frozen=True, kw_only=True)
class Steadiness:
    """How static a scene was, and so how much of the variance between its frames is not noise.

    Attributes:
        excess: Correlation of the residuals of neighbouring frames, less that of independent noise, over all pixels.
        excess_error: Standard error of ``excess``.
        bright_excess: The same over the brightest tenth of the pixels.
        bright_excess_error: Standard error of ``bright_excess``.
        fading: Loss of brightness from the first frame to the last, as a share of the root mean square signal;
            negative if the frames get brighter, 0 if there is no clear trend.
        flicker: Share of the variance that comes from whole frames being brighter or darker, apart from a trend.
        num_pixels: Number of pixels of a frame.
    """

    excess: float
    excess_error: float
    bright_excess: float
    bright_excess_error: float
    fading: float
    flicker: float
    num_pixels: int

    def notes(self) -> list[str]:
        """Return one line for every fault that would spoil a noise model; none for a good recording.

        A slow change of variance d is the same in neighbouring frames, noise of variance v is not. So the excess is
        about d / (d + v), which is the share by which the fitted variance is too large. It is reported by its size, if
        it also clearly exceeds its standard error. Significance alone would not do: with a million pixels an excess of
        0.001 is significant, but harmless.
        """
        lines = []
        if abs(self.fading) > NOTEWORTHY_FADING:
            word = "fade" if self.fading > 0.0 else "brighten"
            lines.append(
                f"The frames {word} by {abs(self.fading):.1%} from the first to the last, as bleaching dyes and "
                "warming lamps do: part of the fitted noise is that; use fewer frames, or let the light settle first."
            )
        where = {"": (self.excess, self.excess_error)}
        where[" in the brightest tenth of the pixels"] = (self.bright_excess, self.bright_excess_error)
        place, (excess, error) = max(where.items(), key=lambda item: item[1][0])
        if excess > max(NOTEWORTHY_SHARE, CLEARLY * error):
            lines.append(
                f"The scene is not static: neighbouring frames are correlated by {excess:.3f} more than independent "
                f"noise would be{place}, so that about {excess:.0%} of the variance fitted there is drift, motion or "
                "bleaching; calibrate on a steadier recording."
            )
        if self.flicker > NOTEWORTHY_SHARE + CLEARLY / self.num_pixels:
            lines.append(
                f"The light flickers: about {self.flicker:.0%} of the variance is whole frames being brighter or "
                "darker, more where the scene is bright; calibrate with a steadier lamp."
            )
        return lines


@dataclass(frozen=True, kw_only=True)
class FramePairs:
    """Pairs of signal and observation from the frames of one static scene, in intensity units.

    Attributes:
        signal: Mean over the frames, shape (N,), float32.
        observation: Pixel of one frame, its distance from the mean increased as `pairs_from_frames` says; shape (N,),
            float32.
        clip: Clipping levels, found on the original pixels; an argument of `fit_noise`.
        signal_range: 0.05 % and 99.95 % quantiles of the means, so that single hot pixels do not count.
        num_frames: Number of frames that the mean is over.
        steadiness: How static the scene was.
    """

    signal: npt.NDArray[np.float32]
    observation: npt.NDArray[np.float32]
    clip: ClipLevels
    signal_range: tuple[float, float]
    num_frames: int
    steadiness: Steadiness


def pairs_from_frames(frames: Sequence[Frame], *, max_pairs: int = MOST_PAIRS) -> FramePairs:
    """Make pairs for a fit from n frames of one static scene, and measure how static the scene was.

    ``s = mean_i x_i``, pairs ``(s, s + (x_i - s) sqrt(n / (n - 1)))``

    The mean includes every frame, so ``Var[x_i - s] = v (1 - 1/n)``; the root restores the variance v exactly, for any
    n and any noise. If instead each frame were left out of its own mean, residuals would be too LARGE by as much.
    Clipped pixels are left at the clipping level, so that a fit recognises them.

    Two errors remain, and get smaller only with more frames. The skewness is multiplied by
    ``(n - 2) / sqrt(n (n - 1))``: 16 % too small for 10 frames, 1.5 % for 100. And pairs are sorted by a noisy mean.
    For a Poisson number of photons that does no harm, because the variance given the measured mean is this mean. For an
    electron multiplier with a handful of photons, sigma was 7 % too small in dark and 4 % too large in bright pixels
    with 10 frames, 2 % and 1 % with 60. (Sorting by one half of the frames and measuring on the other half corrects
    this, but blurs the densities: it lost 0.1 nats per pixel.)

    Args:
        frames: n frames of one shape, one channel each, intensity units. Each is read twice, never all at once.
        max_pairs: Largest number of pairs; if there are more pixels, an even share of every frame is used.

    Returns:
        The pairs and how static the scene was.

    Raises:
        NoiseError: If there are fewer than 10 frames, or all of them are equal.
        PixelError: If a pixel is NaN or infinite.
    """
    num_frames = len(frames)
    if num_frames < MIN_FRAMES:
        raise NoiseError(
            f"at least {MIN_FRAMES} frames of one static scene",
            f"{num_frames}",
            f"record more, or name the axis that counts frames, e.g. `{typed(axes='TYX')}`",
        )
    mean = _mean(frames)
    stride = -(-num_frames * mean.size // max_pairs)
    sums = _ResidualSums(mean)
    signals, pixels = [], []
    for number in range(num_frames):
        frame = np.asarray(frames[number], np.float64).ravel()
        sums.add(frame)
        chosen = slice(number % stride, None, stride)
        signals.append(mean[chosen].astype(np.float32))
        pixels.append(frame[chosen].astype(np.float32))
    if sums.energy.max() <= (ROUNDING * np.abs(mean).max()) ** 2:
        raise NoiseError(
            "frames that differ by their noise",
            f"{num_frames} frames that are all the same",
            "pass the raw recording of a static scene, not copies of one image",
        )
    signal, observation = np.concatenate(signals), np.concatenate(pixels)
    clip = clip_levels_of_pairs(signal, observation)
    return FramePairs(
        signal=signal,
        observation=_widen(signal, observation, num_frames, clip),
        clip=clip,
        signal_range=(float(np.quantile(mean, RANGE[0])), float(np.quantile(mean, RANGE[1]))),
        num_frames=num_frames,
        steadiness=sums.steadiness(),
    )


def _mean(frames: Sequence[Frame]) -> FloatArray:
    shape = np.shape(frames[0])
    total = np.zeros(shape)
    for number in range(len(frames)):
        frame = np.asarray(frames[number])
        assert frame.shape == shape, (frame.shape, shape)
        check_finite(frame, f"frame {number}")
        total += frame
    mean: FloatArray = total.ravel() / len(frames)
    return mean


def _widen(
    signal: npt.NDArray[np.float32], observation: npt.NDArray[np.float32], num_frames: int, clip: ClipLevels
) -> npt.NDArray[np.float32]:
    """Return s + (x - s) sqrt(n / (n - 1)), kept within the clipping levels; clipped pixels stay as they are."""
    factor = np.float32(math.sqrt(num_frames / (num_frames - 1)))
    widened = signal + (observation - signal) * factor
    kept = clip.is_low(observation) | clip.is_high(observation)
    wide: npt.NDArray[np.float32] = np.where(kept, observation, np.clip(widened, clip.low, clip.high))
    return wide


class _ResidualSums:
    """Sums over the residuals r_i = x_i - s, frame by frame: r_i^2, r_i r_(i-1), and the mean of each r_i."""

    def __init__(self, mean: FloatArray) -> None:
        self.energy, self.products = np.zeros_like(mean), np.zeros_like(mean)
        self.shifts: list[float] = []
        self._mean, self._previous = mean, np.zeros_like(mean)

    def add(self, frame: FloatArray) -> None:
        """Add the next frame, flattened."""
        residual = frame - self._mean
        self.energy += residual**2
        self.products += residual * self._previous
        self.shifts.append(float(residual.mean()))
        self._previous = residual

    def steadiness(self) -> Steadiness:
        """Return how static the scene was."""
        num, size = len(self.shifts), self._mean.size
        bright = self._mean >= np.quantile(self._mean, 1.0 - BRIGHT_SHARE)
        variance = float(self.energy.mean()) / (num - 1)
        trend, flicker = _trend(np.asarray(self.shifts))
        excess, error = self._excess(np.ones(size, dtype=bool))
        bright_excess, bright_error = self._excess(bright)
        return Steadiness(
            excess=excess,
            excess_error=error,
            bright_excess=bright_excess,
            bright_excess_error=bright_error,
            fading=-trend / (math.sqrt(float(np.mean(self._mean**2))) or 1.0),
            flicker=max(0.0, flicker - variance / size) / variance,
            num_pixels=size,
        )

    def _excess(self, where: npt.NDArray[np.bool_]) -> tuple[float, float]:
        """Correlation of neighbouring residuals, less the -1 / (n - 1) of independent noise, and its standard error.

        ``rho = sum r_i r_(i-1) / (n - 1) / (sum r_i^2 / n)``; the error is from the scatter between blocks of pixels.
        """
        num = len(self.shifts)
        products, energy = self.products[where] / (num - 1), self.energy[where] / num
        total = float(energy.sum())
        if total == 0.0:
            return 0.0, 0.0
        rho = float(products.sum()) / total
        starts = np.unique(np.linspace(0, energy.size, NUM_BLOCKS, endpoint=False).astype(np.intp))
        scatter = np.add.reduceat(products - rho * energy, starts)
        return rho + 1.0 / (num - 1), float(np.sqrt(np.sum(scatter**2))) / total


def _trend(shifts: FloatArray) -> tuple[float, float]:
    """Return the change of brightness from the first to the last frame, and the variance about the line fitted to it.

    The change is 0 if it does not clearly exceed its standard error.
    """
    time = np.arange(shifts.size) - 0.5 * (shifts.size - 1)
    slope = float(time @ shifts / (time @ time))
    scatter = float(np.sum((shifts - slope * time) ** 2) / (shifts.size - 2))
    clear = abs(slope) > CLEARLY * math.sqrt(scatter / float(time @ time))
    return (slope * (shifts.size - 1) if clear else 0.0), scatter
