"""Which signals a set of images holds, and whether a noise model was fitted on signals of that range."""

import math
from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from quietscope.noise.noise_model import NoiseModel

Frame: TypeAlias = npt.NDArray[Any]

DARK, DARK_SIGMAS = 0.005, 2.576
"""Quantile of the noisy pixels that is taken for the dark end, and its distance from the centre of a normal density."""

BLOCK = 3
BRIGHT, BRIGHT_SIGMAS = 0.9995, 1.39
"""Quantile of the medians of blocks of 3x3 noisy pixels that is taken for the bright end, and its distance from the
signal in standard deviations of a pixel's noise: 1.39 for a normal density, 1.49 for an exponential one. A median of
nine pixels leaves out hot pixels and the tail of few photons, so that so rare a quantile is still one of the sample."""

PIXELS_PER_FRAME = 1 << 18


def observed_range(frames: Iterable[Frame]) -> tuple[float, float]:
    """Return the dark and the bright end of noisy pixels, the arguments of `range_note`.

    Args:
        frames: Noisy arrays (..., Y, X), or (N,) of pixels in their order, one channel; at most 262,144 pixels of each
            are used, spread evenly. NaN stands for pixels that were never measured.

    Returns:
        The 0.5 % quantile of the pixels, and the 99.95 % quantile of the medians of 3x3 of them, in intensity units.
    """
    pixels, medians = [], []
    for frame in frames:
        blocks = _blocks(np.asarray(frame))
        pixels.append(blocks.reshape(-1))
        medians.append(np.median(blocks, axis=1))  # NaN where a pixel is
    known, middle = (part[~np.isnan(part)] for part in (np.concatenate(pixels), np.concatenate(medians)))
    return float(np.quantile(known, DARK)), float(np.quantile(middle if middle.size else known, BRIGHT))


def _blocks(frame: Frame) -> npt.NDArray[np.float64]:
    """Return blocks of 3x3 pixels, or of nine in a row where there are no such blocks; shape (N, 9)."""
    if frame.ndim > 1 and min(frame.shape[-2:]) >= BLOCK:
        height, width = (length // BLOCK for length in frame.shape[-2:])
        whole = frame[..., : height * BLOCK, : width * BLOCK]
        parts = whole.reshape(-1, height, BLOCK, width, BLOCK).swapaxes(2, 3).reshape(-1, BLOCK**2)
    else:
        size = min(BLOCK**2, frame.size)
        parts = frame.reshape(-1)[: frame.size // size * size].reshape(-1, size)
    return parts[:: -(-parts.size // PIXELS_PER_FRAME)].astype(np.float64)


def range_note(model: NoiseModel, low: float, high: float, *, fitted: tuple[float, float] | None = None) -> str | None:
    """Warn if images hold signals outside the range that a noise model was fitted on.

    Because of noise, quantiles of noisy pixels lie further out than those of the signals. The darkest signal is taken
    to be the s for which ``low`` is the 0.5 % quantile of its noise, ``s - 2.576 sigma(s) = low``; the brightest signal
    correspondingly, from ``high``. The fitted range may be exceeded by one sigma, which would not be visible. So a
    model that fits is never blamed; bright structure in less than a two-thousandth of the pixels, or of two pixels and
    fewer, goes unnoticed. Of brighter signals the line says what the model does there: whether its sigma goes on
    growing, as photon noise does, or stays that of the end of its range.

    Args:
        model: The noise model; there is no warning for a model that holds at any signal.
        low: Dark end of the noisy pixels, see `observed_range`, intensity units.
        high: Bright end, intensity units.
        fitted: Range of signals to compare with, if not that of the model.

    Returns:
        One line with both ranges, or None if the model covers the images.
    """
    first, last = model.signal_range if fitted is None else fitted
    middle = 0.5 * (low + high)
    dark = min(_inwards(model, low, DARK_SIGMAS, middle), middle)
    bright = max(_inwards(model, high, -BRIGHT_SIGMAS, middle), middle)
    said = []
    if dark < first - _sigma(model, first):
        said.append("what it says of darker ones is a guess")
    if bright > last + _sigma(model, last):
        said.append(_of_brighter(model, last, bright))
    if not said:
        return None
    return (
        f"signals {dark:.4g} to {bright:.4g} in the images, but the noise model was fitted on {first:.4g} to "
        f"{last:.4g}: {', and '.join(said)}; calibrate on a scene that has them too"
    )


def _of_brighter(model: NoiseModel, last: float, bright: float) -> str:
    """Say what a model does above its range: whether sigma grows from the last signal to the brightest one."""
    at_last, at_bright = _sigma(model, last), _sigma(model, bright)
    if at_bright > at_last:
        return (
            f"of brighter ones its sigma goes on with the photon-transfer line, to {at_bright:.4g} from {at_last:.4g}"
        )
    return f"what it says of brighter ones is a guess, since its sigma stays at {at_last:.4g} where photon noise grows"


def _inwards(model: NoiseModel, level: float, sigmas: float, middle: float) -> float:
    """Solve ``s - sigmas sigma(s) = level`` for s between the level and the middle, by bisection."""
    near, far = level, middle
    sign = math.copysign(1.0, sigmas)
    for _ in range(40):
        s = 0.5 * (near + far)
        outside = sign * (s - level) < abs(sigmas) * _sigma(model, s)
        near, far = (s, far) if outside else (near, s)
    return far


def _sigma(model: NoiseModel, signal: float) -> float:
    if not math.isfinite(signal):
        return 0.0
    return float(model.variance(torch.tensor([signal])).sqrt())
