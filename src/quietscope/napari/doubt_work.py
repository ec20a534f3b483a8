"""What there is to doubt, away from the window: samples, distributions of values, and what was removed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from quietscope.io import Image
from quietscope.napari.background import Tell

MAX_LAG = 10
"""Pixels up to which what was removed is correlated with itself."""

BINS = 24


@dataclass(frozen=True, kw_only=True)
class Removed:
    """What was removed from a plane, and whether it is noise.

    Attributes:
        lags: Distances in pixels, from 0.
        along_x: Autocorrelation of what was removed along X, at each of them.
        along_y: The same along Y.
        width: Correlation within which independent noise lies 95 times of 100.
        words: Whether it is noise, in one line.
    """

    lags: np.ndarray
    along_x: np.ndarray
    along_y: np.ndarray
    width: float
    words: str


@dataclass(frozen=True, kw_only=True)
class Values:
    """What a model says of one pixel.

    Attributes:
        noisy: Its noisy value.
        mean: The denoised value.
        std: Its standard deviation; NaN where the method gives none.
        samples: Its value in each sample; none where none were drawn.
    """

    noisy: float
    mean: float
    std: float
    samples: np.ndarray

    @property
    def words(self) -> str:
        """The values in one line, with the interval that holds the truth 90 times of 100 where the model is honest."""
        told = f"noisy {self.noisy:.4g}, denoised {self.mean:.4g}"
        if len(self.samples) > 4:
            low, high = np.quantile(self.samples, (0.05, 0.95))
            return f"{told}, {len(self.samples)} samples, of which 90 % from {low:.4g} to {high:.4g}"
        if np.isfinite(self.std):
            return f"{told}, 90 % from {self.mean - 1.645 * self.std:.4g} to {self.mean + 1.645 * self.std:.4g}"
        return f"{told}; this method does not say how sure it is"


def draw_samples(denoiser: Any, part: Image, num_samples: int, tell: Tell) -> np.ndarray:
    """Draw samples of a part of an image.

    Args:
        denoiser: The model.
        part: The noisy part.
        num_samples: How many.
        tell: Told how many of how many parts are done.

    Returns:
        The samples, (N, *shape), intensity units.

    Raises:
        SettingsError: If the method draws none.
    """
    from quietscope import Request
    from quietscope.data.measured import as_measured

    image = as_measured(part)
    request = Request(num_samples=num_samples)
    out = request.arrays({"samples"}, image.shape)
    denoiser.denoise_into(image, out, request, progress=lambda done, total: tell((done, total)))
    samples: np.ndarray = out["samples"]
    return samples


def judge_removed(noisy: np.ndarray, denoised: np.ndarray, verdict_words: str, region_words: str) -> Removed:
    """Say whether what was removed from a plane is noise.

    Args:
        noisy: The noisy plane, (Y, X).
        denoised: The denoised one.
        verdict_words: What the whole result is worth, in words.
        region_words: Where noise does not explain it, in words.

    Returns:
        Its autocorrelation, and words.

    Raises:
        SizeError: If the plane is too small.
    """
    from quietscope.metrics.autocorrelation import autocorrelation

    residual = np.asarray(noisy, np.float64) - denoised
    known = np.isfinite(residual)
    residual = np.where(known, residual, 0.0)
    lag = min(MAX_LAG, min(residual.shape) - 2)
    found = autocorrelation(residual, max_lag=max(lag, 1))
    middle = len(found) // 2
    along_x, along_y = found[middle, middle:], found[middle:, middle]
    width = 2.0 / np.sqrt(max(int(known.sum()), 1))
    largest = max(float(np.abs(along_x[1:]).max()), float(np.abs(along_y[1:]).max()))
    is_white = largest < max(0.05, 3 * width)
    said = (
        "it looks like independent noise"
        if is_white
        else "it is correlated: structured noise, or structure that was lost"
    )
    return Removed(
        lags=np.arange(len(along_x)),
        along_x=along_x,
        along_y=along_y,
        width=width,
        words=f"Removed: mean {residual.mean():.3g}, deviation {residual.std():.3g}, "
        f"largest correlation {largest:.2f}; {said}. "
        f"Verdict on the whole: {verdict_words}. Regions that noise does not explain: {region_words}.",
    )


def along_line(start: Sequence[float], end: Sequence[float]) -> np.ndarray:
    """Return the pixels of a line from one point to another, (N, D), each once.

    Args:
        start: First point, in pixels.
        end: Last point.

    Returns:
        Pixels, integers.
    """
    first, last = np.asarray(start, float), np.asarray(end, float)
    count = int(np.ceil(np.abs(last - first).max())) + 1
    return np.round(np.linspace(first, last, count)).astype(int)


def values_at(
    at: Sequence[int], noisy: Any, result: Any, samples: np.ndarray | None, start: Sequence[int]
) -> Values | None:
    """Return what is known of a pixel.

    Args:
        at: The pixel, one number per axis of the image.
        noisy: Pixels of the noisy image.
        result: What the model made of it, a `quietscope.Result`.
        samples: Samples of a part of it, (N, *shape); None where none were drawn.
        start: The first pixel of that part.

    Returns:
        The values; None for a pixel outside.
    """
    place = tuple(int(n) for n in at)
    if any(not 0 <= n < size for n, size in zip(place, result.mean.shape, strict=True)):
        return None
    drawn: np.ndarray = np.zeros(0)
    if samples is not None:
        inside = tuple(n - first for n, first in zip(place, start, strict=True))
        if all(0 <= n < size for n, size in zip(inside, samples.shape[1:], strict=True)):
            column: tuple[Any, ...] = (slice(None), *inside)
            drawn = np.asarray(samples[column], np.float64)
    std = float("nan") if result.std is None else float(result.std[place])
    return Values(noisy=float(np.asarray(noisy[place])), mean=float(result.mean[place]), std=std, samples=drawn)
