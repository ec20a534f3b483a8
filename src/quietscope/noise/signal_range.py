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
    """Return the 0.5 % and the 99.5 % quantile of noisy pixels: what `range_note` asks for.

    Args:
        frames: Noisy arrays of any shape, one channel; at most 65,536 pixels of each are looked at, spread evenly.

    Returns:
        The two quantiles, in intensity units.
    """
    thinned = []
    for frame in frames:
        pixels = np.asarray(frame).reshape(-1)
        thinned.append(pixels[:: -(-pixels.size // PIXELS_PER_FRAME)].astype(np.float64))
    taken = np.concatenate(thinned)
    low, high = np.quantile(taken, TAILS)
    return float(low), float(high)


def range_note(model: NoiseModel, low: float, high: float, *, fitted: tuple[float, float] | None = None) -> str | None:
    """Say whether images hold signals that a noise model was not fitted on.

    Quantiles of noisy pixels lie further out than those of their signals. So the signals are taken to begin where a
    pixel as dark as ``low`` would be 2.6 sigma too dark (``s - 2.576 sigma(s) = low``, the 0.5 % quantile of a flat
    image), and to end likewise; and one sigma beyond the fitted range is granted, as it could not be seen. What is left
    is certain: bright structure in under half a percent of the pixels goes unnoticed, a fitting model is never blamed.

    Args:
        model: The noise model; one that holds at any signal gives no note.
        low: The 0.5 % quantile of the noisy pixels, see `observed_range`.
        high: The 99.5 % quantile.
        fitted: Range of signals to compare with instead of the model's own.

    Returns:
        One line with both ranges, or None where the model covers the images.
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
    """Solve ``s - sign 2.576 sigma(s) = level`` between the level and the middle by bisection."""
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
