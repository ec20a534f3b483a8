"""The last step of a method that can do so: its results are made as bright as the noisy images, dark and bright parts.

Noise has no mean, so that a part of an image and its result are equally bright on average. A scale that was learnt in a
few steps misses that by some 0.1 % (Confocal_FISH 0.3 %, afterwards 0.05 %; W2S 0.4 and 0.15 %), a network that was
trained for minutes by about 1 %, in the dark otherwise than in the bright. Along a series that fades, or through a
stack, that would be taken for a change of the sample. Where images have no such axis nothing is done: PSNR beside a
reference of another brightness, as that of W2S, which is 2 % brighter than the noisy images, changes by -0.18 dB, and
after an affine fit not at all.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from quietscope.data.frames import Frames, spread
from quietscope.methods.base import Method
from quietscope.methods.mean_keeping import MeanKeepingMethod

MOST_FRAMES, SIDE, PLANES = 16, 256, 2
"""Parts of frames that are compared, their side, and planes of a volume."""

BLOCK = 16
"""Side of the squares whose means are compared."""

FEWEST = 32
"""Squares from which anything is said."""

SURE = 0.005
"""Standard error of the gain from which on it is left at 1 and the offset alone is found: flat images tell no gain."""

CORNERS = ((0.5, 0.5), (0.0, 0.0), (1.0, 1.0), (0.0, 1.0), (1.0, 0.0))


IN_ORDER = "TZ"
"""Axes along which means are compared by eye."""


def keep_means(method: Method, frames: Frames, chosen: Sequence[int], device: torch.device) -> bool:
    """Scale and shift what a method gives, so that it has the means of the noisy images.

    For means x and s of squares in image and result: ``min over a, b of sum (x - a s - b)^2 / var(x)`` per channel.

    Args:
        method: The method, in evaluation mode and at the end of its training; nothing is done for one that cannot be
            shifted.
        frames: The noisy frames; nothing is done for images without an axis T or Z.
        chosen: Indices of those that were learnt from.
        device: Where it computes.

    Returns:
        Whether anything was done.
    """
    sizes = [dict(zip(layout.axes, layout.shape, strict=True)) for _, layout in frames.parts]
    has_order = any(each.get(axis, 1) > 1 for each in sizes for axis in IN_ORDER)
    if not (has_order and isinstance(method, MeanKeepingMethod) and method.is_shiftable):
        return False
    pairs = [_means(method, frames, chosen[n], at, device) for at, n in enumerate(spread(chosen, MOST_FRAMES))]
    noisy, result, variance = (np.concatenate(each, axis=1) for each in zip(*pairs, strict=True))
    fits = [_fit(*each) for each in zip(noisy, result, variance, strict=True)]
    like = method.statistics.mean
    gain, offset = (torch.tensor(each, dtype=like.dtype, device=like.device) for each in zip(*fits, strict=True))
    method.shift_signal(gain, offset)
    return True


def _means(
    method: MeanKeepingMethod, frames: Frames, number: int, turn: int, device: torch.device
) -> list[npt.NDArray[np.float64]]:
    """Return means of squares of a part of a frame, of its result, and the noise's variance in them, each (C, N)."""
    size, multiple = frames.spatial_shape(number), method.size_multiple
    sides = [min(SIDE, n) for n in size[-2:]]
    sides = [max(side // m * m, m) for side, m in zip(sides, multiple[-2:], strict=True)]
    lengths = (*(min(PLANES * m, n) for n, m in zip(size[:-2], multiple, strict=False)), *sides)
    shares = (*[0.5] * (len(size) - 2), *CORNERS[turn % len(CORNERS)])
    starts = [int(max(0, n - part) * share) for n, part, share in zip(size, lengths, shares, strict=True)]
    box = tuple(slice(start, start + part) for start, part in zip(starts, lengths, strict=True))
    noisy = frames.region(number, box).astype(np.float32)
    if noisy.shape[1:] != lengths:  # the frame is smaller than what the network takes
        return [np.empty((len(noisy), 0))] * 3
    x = torch.from_numpy(frames.surrounded(number, box).astype(np.float32)).to(device)
    mean = method.statistics.mean.repeat(len(x) // len(noisy)).reshape(-1, *[1] * len(size))
    shown = torch.where(x.isnan(), mean, x)[None]
    with torch.no_grad():
        s = method.predict(shown)
        variance = method.variance_at(s)
    return [_squares(each) for each in (noisy, s[0].cpu().numpy(), variance[0].cpu().numpy())]


def _squares(pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return the means of squares (C, N) of pixels (C, *S); NaN where one of them was not measured."""
    rows, columns = (n // BLOCK for n in pixels.shape[-2:])
    whole = pixels[..., : rows * BLOCK, : columns * BLOCK].astype(np.float64)
    means: npt.NDArray[np.float64] = whole.reshape(len(pixels), -1, rows, BLOCK, columns, BLOCK).mean((3, 5))
    return means.reshape(len(pixels), -1)


def _fit(
    noisy: npt.NDArray[np.float64], result: npt.NDArray[np.float64], variance: npt.NDArray[np.float64]
) -> tuple[float, float]:
    """Return gain and offset of one channel; 1 and 0 where there are too few squares to tell."""
    known = np.isfinite(noisy) & np.isfinite(result) & (variance > 0)
    if np.count_nonzero(known) < FEWEST:
        return 1.0, 0.0
    x, s, weight = noisy[known], result[known], 1.0 / variance[known]
    means = [float(np.average(each, weights=weight)) for each in (x, s)]
    x, s = x - means[0], s - means[1]
    power = float((weight * s * s).sum())
    gain = float((weight * s * x).sum()) / power if power > 0.0 else 1.0
    error = float((weight * np.square(x - gain * s)).mean() / power) ** 0.5 if power > 0.0 else np.inf
    gain = gain if error < SURE and gain > 0.0 else 1.0
    return gain, means[0] - gain * means[1]
