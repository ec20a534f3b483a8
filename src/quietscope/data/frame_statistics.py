"""Mean, deviation and quantiles of frames, per channel, in NumPy and one frame at a time."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

NUM_QUANTILES = 257
QUANTILE_PIXELS = 1 << 14
LOCAL_SIDE = 8
DARK_SHARE = 0.01


@dataclass(frozen=True, kw_only=True, eq=False)
class FrameStatistics:
    """What the pixels of some frames are like, in intensity units, float64.

    Attributes:
        mean: Mean of each channel, shape (C,).
        std: Standard deviation of each channel, shape (C,), positive, next to nothing where all pixels are equal.
        quantiles: 257 evenly spaced quantiles of each channel, from the lowest to the highest pixel, shape (C, 257).
        darkest: Darkest signal of each channel, a low quantile of local means, shape (C,).
        grain: Smallest difference between two intensities of each channel, shape (C,).
    """

    mean: npt.NDArray[np.float64]
    std: npt.NDArray[np.float64]
    quantiles: npt.NDArray[np.float64]
    darkest: npt.NDArray[np.float64]
    grain: npt.NDArray[np.float64]


def measure(frames: Iterable[npt.NDArray[np.generic]]) -> FrameStatistics:
    """Measure frames one at a time, by Chan's parallel update (1979) in float64.

    Args:
        frames: At least one frame of shape (C, *S); all with the same number of channels. NaN stands for pixels that
            were never measured, which are left out.

    Returns:
        The statistics of the pixels of all frames. Quantiles are those of at most 16,384 evenly spaced pixels of each
        frame; the lowest and the highest are those of all pixels.
    """
    count: int | npt.NDArray[np.float64] = 0
    mean, squares = np.zeros(1), np.zeros(1)
    sampled, ends, local = [], [], []
    for frame in frames:
        pixels = np.asarray(frame, dtype=np.float64).reshape(frame.shape[0], -1)
        sampled.append(pixels[:, :: 1 + pixels.shape[1] // QUANTILE_PIXELS])
        local.append(local_means(np.asarray(frame, dtype=np.float64)))
        size, part_mean, part_squares, part_ends = _moments(pixels)
        ends.append(part_ends)
        delta, total = part_mean - mean, count + size
        squares = squares + part_squares + np.square(delta) * (count * size / total)
        mean = mean + delta * (size / total)
        count = total
    assert np.all(count > 0)
    std = np.sqrt(np.maximum(squares / count, np.finfo(np.float32).tiny))
    quantiles = _quantiles(np.concatenate(sampled, axis=1), np.linspace(0, 1, NUM_QUANTILES))
    quantiles[:, 0] = np.min([low for low, _ in ends], axis=0)
    quantiles[:, -1] = np.max([high for _, high in ends], axis=0)
    darkest = _quantiles(np.concatenate(local, axis=1), np.array([DARK_SHARE]))[:, 0]
    grain = np.array([_smallest_step(pixels) for pixels in np.concatenate(sampled, axis=1)])
    return FrameStatistics(mean=mean, std=std, quantiles=quantiles, darkest=darkest, grain=grain)


def _moments(
    pixels: npt.NDArray[np.float64],
) -> tuple[
    int | npt.NDArray[np.float64],
    npt.NDArray[np.float64],
    npt.NDArray[np.float64],
    tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]],
]:
    """Return number, mean, sum of squared deviations, and lowest and highest of the pixels (C, N) of each channel."""
    if not np.isnan(pixels).any():
        mean = pixels.mean(axis=1)
        squares = np.square(pixels - mean[:, None]).sum(axis=1)
        return pixels.shape[1], mean, squares, (pixels.min(axis=1), pixels.max(axis=1))
    known = ~np.isnan(pixels)
    # A channel without any measured pixel weighs next to nothing, so that there is no division by zero.
    size = np.maximum(known.sum(axis=1), np.finfo(np.float64).tiny)
    mean = np.where(known, pixels, 0.0).sum(axis=1) / size
    squares = np.square(np.where(known, pixels - mean[:, None], 0.0)).sum(axis=1)
    low, high = (np.where(known, pixels, end) for end in (np.inf, -np.inf))
    return size, mean, squares, (low.min(axis=1), high.max(axis=1))


def _quantiles(values: npt.NDArray[np.float64], probabilities: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return quantiles of every row, (C, Q), NaN left out."""
    whole = np.isnan(values).any()
    found: npt.NDArray[np.float64] = (np.nanquantile if whole else np.quantile)(values, probabilities, axis=1).T
    return found


def _smallest_step(pixels: npt.NDArray[np.float64]) -> float:
    """Return the smallest difference between two different values, usually 1 for integers; 0 if all are equal."""
    pixels = pixels[~np.isnan(pixels)]
    return float(np.min(np.diff(np.unique(pixels)), initial=np.inf)) if np.ptp(pixels) > 0 else 0.0


def local_means(frame: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Average a frame (C, *S) over squares of 8x8 pixels, shape (C, N): noise falls to an eighth, the signal stays."""
    height, width = (min(LOCAL_SIDE, length) for length in frame.shape[-2:])
    whole = frame[..., : frame.shape[-2] // height * height, : frame.shape[-1] // width * width]
    *leading, rows, columns = whole.shape
    squares = whole.reshape(*leading, rows // height, height, columns // width, width)
    if np.isnan(squares).any():
        known = ~np.isnan(squares)
        count = known.sum(axis=(-3, -1))
        blocks = np.where(known, squares, 0.0).sum(axis=(-3, -1)) / np.where(count > 0, count, np.nan)
    else:
        blocks = squares.mean(axis=(-3, -1))
    means: npt.NDArray[np.float64] = blocks.reshape(len(frame), -1)
    return means
