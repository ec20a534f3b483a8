"""Which signals a set of images holds, and whether a noise model was fitted on signals of that range."""

import math
from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from quietscope.noise.noise_model import NoiseModel

Frame: TypeAlias = npt.NDArray[Any]

TAILS = (0.005, 0.995)
TAIL_SIGMAS = 2.576
"""Standard deviations from the centre of a normal density to the quantiles in TAILS."""

PIXELS_PER_FRAME = 1 << 16


def observed_range(frames: Iterable[Frame]) -> tuple[float, float]:
    """Return the 0.5 % and the 99.5 % quantile of noisy pixels, the arguments of `range_note`.

    Args:
        frames: Noisy arrays of any shape, one channel; at most 65,536 evenly spaced pixels of each are used. NaN stands
            for pixels that were never measured.

    Returns:
        The two quantiles, in intensity units.
    """
    thinned = []
    for frame in frames:
        pixels = np.asarray(frame).reshape(-1)
        thinned.append(pixels[:: -(-pixels.size // PIXELS_PER_FRAME)].astype(np.float64))
    taken = np.concatenate(thinned)
    low, high = np.quantile(taken[~np.isnan(taken)], TAILS)
    return float(low), float(high)


def range_note(model: NoiseModel, low: float, high: float, *, fitted: tuple[float, float] | None = None) -> str | None:
    """Warn if images hold signals outside the range that a noise model was fitted on.

    Because of noise, quantiles of noisy pixels lie further out than those of the signals. The darkest signal is taken
    to be the s for which ``low`` is the 0.5 % quantile of its noise, ``s - 2.576 sigma(s) = low``; the brightest signal
    correspondingly. The fitted range may be exceeded by one sigma, which would not be visible. So a model that fits is
    never blamed; bright structure in less than half a percent of the pixels goes unnoticed.

    Args:
        model: The noise model; there is no warning for a model that holds at any signal.
        low: The 0.5 % quantile of the noisy pixels, see `observed_range`, intensity units.
        high: The 99.5 % quantile, intensity units.
        fitted: Range of signals to compare with, if not that of the model.

    Returns:
        One line with both ranges, or None if the model covers the images.
    """
    first, last = model.signal_range if fitted is None else fitted
    middle = 0.5 * (low + high)
    dark = min(_inwards(model, low, 1.0, middle), middle)
    bright = max(_inwards(model, high, -1.0, middle), middle)
    too_dark, too_bright = dark < first - _sigma(model, first), bright > last + _sigma(model, last)
    if not (too_dark or too_bright):
        return None
    missing = " and ".join(word for word, is_so in (("darker", too_dark), ("brighter", too_bright)) if is_so)
    return (
        f"signals {dark:.4g} to {bright:.4g} in the images, but the noise model was fitted on {first:.4g} to "
        f"{last:.4g}: what it says of {missing} ones is a guess; calibrate on a scene that has them too"
    )


def _inwards(model: NoiseModel, level: float, sign: float, middle: float) -> float:
    """Solve ``s - sign 2.576 sigma(s) = level`` for s between the level and the middle, by bisection."""
    near, far = level, middle
    for _ in range(40):
        s = 0.5 * (near + far)
        outside = sign * (s - level) < TAIL_SIGMAS * _sigma(model, s)
        near, far = (s, far) if outside else (near, s)
    return far


def _sigma(model: NoiseModel, signal: float) -> float:
    if not math.isfinite(signal):
        return 0.0
    return float(model.variance(torch.tensor([signal])).sqrt())
