"""BM3D, the yardstick beside which every benchmark of quality puts its results; and what a result is scored by.

The package bm3d has a non-commercial licence and is never a dependency. The noise that it is told comes from clean and
noisy pairs, or from repeated frames: the strongest form of what a user would pick instead.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from quietscope.metrics import psnr, psnr_affine, ssim
from quietscope.noise import PoissonGaussian
from quietscope.training.watch import TrainingState

# Lags beyond which the covariance of the noise counts as none: a raw periodogram would be noise itself.
LONGEST_LAG = 48


@dataclass
class Row:
    """Scores of one line of a table, and what else was measured of it."""

    scores: dict[str, float]
    details: dict[str, Any] = field(default_factory=dict)


def score(images: list[Any], clean: list[np.ndarray], data_range: float | None = None) -> dict[str, float]:
    """Return PSNR, PSNR after an affine fit and SSIM, means over the images."""
    pairs = [(np.asarray(a, np.float64), np.asarray(b, np.float64)) for a, b in zip(images, clean, strict=True)]
    return {
        "psnr": float(np.mean([psnr(a, b, data_range) for a, b in pairs])),
        "psnr_affine": float(np.mean([psnr_affine(a, b, data_range) for a, b in pairs])),
        "ssim": float(np.mean([ssim(a, b, data_range) for a, b in pairs])),
        "sharpness": float(np.mean([sharpness(a) for a, _ in pairs]) / np.mean([sharpness(b) for _, b in pairs])),
    }


def sharpness(image: np.ndarray) -> float:
    """Return the gradient energy, the mean squared difference of neighbouring pixels."""
    return float(sum(np.mean(np.square(np.diff(image, axis=axis))) for axis in (0, 1)))


def anscombe(image: np.ndarray, noise: PoissonGaussian) -> np.ndarray:
    """Map intensities to the generalised Anscombe scale, on which the noise has variance 1; linear without gain."""
    x = image.astype(np.float64)
    if noise.gain == 0:
        return x / noise.read_noise
    photons, read = (x - noise.offset) / noise.gain, noise.read_noise / noise.gain
    return 2 * np.sqrt(np.maximum(photons + 0.375 + read**2, 0))


def inverse_anscombe(stabilized: np.ndarray, noise: PoissonGaussian) -> np.ndarray:
    """Return to intensities: the closed-form unbiased inverse of Makitalo and Foi (2013)."""
    if noise.gain == 0:
        return stabilized * noise.read_noise
    read = noise.read_noise / noise.gain
    d = np.maximum(stabilized, 2 * np.sqrt(0.375))
    half = np.sqrt(1.5)
    inverse = d**2 / 4 + half / (4 * d) - 11 / (8 * d**2) + 5 * half / (8 * d**3) - 0.125 - read**2
    return np.asarray(inverse * noise.gain + noise.offset)


def bm3d_anscombe(image: np.ndarray, noise: PoissonGaussian, covariance: np.ndarray | None = None) -> np.ndarray:
    """Denoise with BM3D on the generalised Anscombe scale.

    Args:
        image: The noisy plane.
        noise: Its noise.
        covariance: Covariance of the noise on that scale by lag, from `noise_covariance`; white of variance 1 if None.

    Returns:
        The denoised plane, intensity units.
    """
    vars(np).setdefault("trapz", np.trapezoid)  # bm3d 4.0 asks for the name that NumPy 2.4 took away
    from bm3d import bm3d

    if noise.gain == 0 and covariance is None:
        return np.asarray(bm3d(image.astype(np.float64), noise.read_noise))
    stabilized = anscombe(image, noise)
    low, span = stabilized.min(), np.ptp(stabilized)
    told = 1 / span if covariance is None else spectrum(covariance, image.shape) / span**2
    return inverse_anscombe(np.asarray(bm3d((stabilized - low) / span, told)) * span + low, noise)


def noise_covariance(noise: np.ndarray) -> np.ndarray:
    """Return the mean covariance of planes of pure noise, (N, Y, X), by lag: zero lag in the middle, at most 48 off."""
    planes = noise - noise.mean(axis=(1, 2), keepdims=True)
    shape = [2 * length for length in planes.shape[1:]]  # padded, so that no edge meets the opposite one
    power = np.mean([np.square(np.abs(np.fft.rfft2(plane, shape))) for plane in planes], axis=0)
    full = np.fft.fftshift(np.fft.irfft2(power, shape)) / planes[0].size
    middle = [length // 2 for length in shape]
    reach = [min(LONGEST_LAG, length - 1) for length in planes.shape[1:]]
    return np.asarray(full[tuple(slice(m - r, m + r + 1) for m, r in zip(middle, reach, strict=True))])


def spectrum(covariance: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the power spectrum E|FFT(noise)|^2 of planes of that shape: Blackman and Tukey's, with a Hann taper."""
    taper = np.outer(*(np.hanning(length + 2)[1:-1] for length in covariance.shape))
    padded = np.zeros([max(n, m) for n, m in zip(shape, covariance.shape, strict=True)])
    padded[: covariance.shape[0], : covariance.shape[1]] = covariance * taper
    centred = np.roll(padded, [-(length // 2) for length in covariance.shape], axis=(0, 1))
    power = np.fft.fft2(centred).real * centred.size
    assert power.shape == tuple(shape), "planes larger than the lags"
    return np.asarray(np.maximum(power, 1e-3 * power.mean()))


def told_every_minute(choice: str) -> Callable[[TrainingState], None]:
    """Return a watcher that prints how the training of a choice stands, once a minute."""
    last = [0.0]

    def watch(state: TrainingState) -> None:
        if state.seconds - last[0] >= 60:
            last[0] = state.seconds
            numbers = f"loss {state.loss:.4f}  validation {state.validation_loss:.4f}"
            print(f"{choice} {state.seconds:6.0f} s  step {state.step}  {numbers}", flush=True)

    return watch
