"""Which kind of noise it is: decided from how it is correlated, how strong it is, and how it grows with the signal."""

from typing import Literal, TypeAlias

import numpy as np
import torch

from quietscope.diagnosis.correlation import HOMOGENEOUS, OUTWEIGHS, AxisCorrelation, EnergyCurve, Flat
from quietscope.noise.estimate import NoiseEstimate
from quietscope.noise.pairs import FloatArray

Kind: TypeAlias = Literal[
    "white gaussian",
    "poisson-gaussian",
    "row-correlated",
    "column-correlated",
    "correlated both ways",
    "correlated along z",
    "none",
    "not sure",
]

NO_NOISE = 0.05
"""Noise over signal, as standard deviations, below which denoising gains nothing: 26 dB, hardly visible."""

QUIET, QUIET_OF_NOISE = 0.05, 0.5
"""Among flat blocks that hold nothing but noise, the quietest twentieth has about half the mean energy."""

RISING = 1.3
"""Factor by which the variance must grow from the darkest to the brightest twentieth to count as rising."""


def kind_of(
    x: AxisCorrelation,
    y: AxisCorrelation,
    z: AxisCorrelation | None,
    noise_to_signal: float,
    estimate: NoiseEstimate | None,
    mean: FloatArray,
) -> Kind:
    """Decide the kind of noise.

    Args:
        x: Correlation along x.
        y: Correlation along y.
        z: Correlation from slice to slice; None if there is only one slice.
        noise_to_signal: Standard deviation of the noise over that of the signal.
        estimate: Strength of the noise against signal; None if it could not be measured.
        mean: Mean intensity of every block, shape (N,).

    Returns:
        The kind.
    """
    if noise_to_signal < NO_NOISE:
        return "none"
    along_x, along_y = x.verdict == "correlated", y.verdict == "correlated"
    if along_x and along_y:
        return "correlated both ways"
    if along_x and (y.verdict == "uncorrelated" or y.neighbours < x.neighbours / OUTWEIGHS):
        return "row-correlated"
    if along_y and (x.verdict == "uncorrelated" or x.neighbours < y.neighbours / OUTWEIGHS):
        return "column-correlated"
    if "not sure" in (x.verdict, y.verdict):
        return "not sure"
    if z is not None and z.verdict == "correlated":
        return "correlated along z"
    return "poisson-gaussian" if estimate is not None and _rises(estimate, mean) else "white gaussian"


def noise_to_signal(flat: Flat, estimate: NoiseEstimate | None, mean: FloatArray, pixels: FloatArray) -> float:
    """Return the standard deviation of the noise, at the mean intensity, over that of the signal.

    If even the flat blocks hold structure, the noise is read from the quietest of them: noise is in every block,
    structure only in some.

    Args:
        flat: The flattest blocks.
        estimate: Strength of the noise against signal; None if it could not be measured.
        mean: Mean intensity of every block, shape (N,).
        pixels: All sampled pixels, shape (M,), intensity units.

    Returns:
        The ratio, zero or more.
    """
    brightness = float(mean.mean())
    if estimate is not None and flat.dispersion <= HOMOGENEOUS:
        variance = float(estimate.model.variance(torch.tensor([brightness]))[0])
    else:
        variance = max(_quietest(flat, products.along[0], brightness) for products in (flat.blocks.x, flat.blocks.y))
    signal = max(float(pixels.var()) - variance, float(mean.var()), float(np.finfo(np.float32).tiny))
    return float(np.sqrt(variance / signal))


def _quietest(flat: Flat, energy: FloatArray, brightness: float) -> float:
    """Mean energy that the noise has, judged from the quietest twentieth of the flat blocks."""
    curve = EnergyCurve.fit(flat.blocks.mean, energy)
    quiet = float(np.quantile(energy / curve.at(flat.blocks.mean), QUIET)) / QUIET_OF_NOISE
    return float(curve.at(np.array([brightness]))[0]) * min(1.0, quiet)


def _rises(estimate: NoiseEstimate, mean: FloatArray) -> bool:
    """Whether the variance grows with the signal over the intensities of the image."""
    dark, bright = np.quantile(mean, (0.05, 0.95))
    low, high = estimate.model.variance(torch.tensor([dark, bright])).tolist()
    return bool(high > RISING * low)
