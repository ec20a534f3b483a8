"""Maximum-likelihood fit of the signal-dependent Gaussian mixture."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from quietscope.errors import NoiseError
from quietscope.noise.clipping import ClipLevels, find_clip_levels
from quietscope.noise.mixture_density import Components, mixture_components, mixture_log_density, mixture_log_tail
from quietscope.noise.noise_model import Samples
from quietscope.noise.pairs import FloatArray, flatten_pairs
from quietscope.noise.photon_transfer import MAX_CLIPPED, VarianceBins, bins_from_pairs, fit_line, loses_dark_noise

LEARNING_RATE = 0.1
NUM_BINS = 100
SPREAD = 0.2
"""Standard deviation of the initial means of the components, in units of the noise: enough to make them differ."""


@dataclass(frozen=True, kw_only=True)
class MixtureFit:
    """A fitted mixture: the arguments of ``GaussianMixture``."""

    weight: Tensor
    min_signal: float
    max_signal: float
    min_variance: float
    gain: float


@dataclass(frozen=True, kw_only=True)
class MixtureFitSettings:
    """Settings of the fit; see ``GaussianMixture.fit`` for each of them."""

    num_components: int
    num_coefficients: int
    min_variance: float | None
    percentiles: tuple[float, float]
    num_iterations: int
    batch_size: int
    seed: int


def fit_mixture(
    signal: Samples,
    observation: Samples,
    max_default: float,
    settings: MixtureFitSettings,
    clip: ClipLevels | None = None,
) -> MixtureFit:
    """Fit a mixture by maximum likelihood with Adam, starting at the photon-transfer line.

    The learning rate falls linearly to zero. The fit runs in units of the noise (the root of its mean variance), so
    that one learning rate suits images of any intensity scale, and is converted back exactly: means scale with the
    unit, variances with its square.

    Args:
        signal: Clean signal, any shape.
        observation: Noisy observation, the same shape.
        max_default: Lower bound of the variance, in squared intensity units, if the settings give none; for data of
            smaller noise, a tenth of their smallest variance is used instead.
        settings: Settings of the fit.
        clip: Clipping levels; pixels there count with the probability of lying beyond, equation (3) of
            `quietscope.noise`.

    Returns:
        The weight of the last step, its bounds and the slope of the line, in intensity units.

    Raises:
        NoiseError: If the shapes differ, signal and observation are equal, or all pixels have the same signal.
    """
    s, x = flatten_pairs(signal, observation)
    low, high = (float(bound) for bound in np.percentile(s, settings.percentiles))
    if not high > low:
        raise NoiseError("signals of more than one intensity", f"{low:g} throughout", "use sigma=NUMBER instead")
    ends = find_clip_levels(x) if clip is None else clip
    bins = bins_from_pairs(s, x, NUM_BINS, ends, rare=True)
    line = fit_line(bins, ends.low)
    inside = (s >= low) & (s <= high)
    s, x = s[inside], x[inside]
    bins = _below_the_ends(bins, ends.low)
    min_variance = settings.min_variance
    if min_variance is None:
        min_variance = min(max_default, 0.1 * float(bins.variance[bins.variance > 0.0].min()))
    pixels = _pixels(s, x, ClipLevels() if clip is None else clip)
    unit = math.sqrt(float(np.mean((x - s) ** 2)))
    generator = torch.Generator().manual_seed(settings.seed)
    weight = _weight_of_line(line, bins, (low, high), unit, settings, generator)
    scaled = _Pixels((pixels.signal - low) / (high - low), pixels.residual / unit, pixels.side)
    weight = _descend(weight, scaled, min_variance / unit**2, settings, generator)
    num = settings.num_components
    weight[:num] *= unit
    weight[num : 2 * num] += 2.0 * math.log(unit)
    return MixtureFit(weight=weight, min_signal=low, max_signal=high, min_variance=min_variance, gain=line[0])


class _Pixels(NamedTuple):
    """Pixels to fit to, each array of shape (N,).

    Attributes:
        signal: Clean signal.
        residual: Observation less signal; for clipped pixels, the edge of the hidden range less the signal.
        side: 0 for a pixel that is not clipped, -1 and 1 for one clipped at the lower and upper level.
    """

    signal: FloatArray
    residual: FloatArray
    side: npt.NDArray[np.int8]


def _pixels(s: FloatArray, x: FloatArray, clip: ClipLevels) -> _Pixels:
    is_low, is_high = clip.is_low(x), clip.is_high(x)
    at = np.where(is_low, clip.low_edge, np.where(is_high, clip.high_edge, x))
    return _Pixels(signal=s, residual=at - s, side=is_high.astype(np.int8) - is_low.astype(np.int8))


def _below_the_ends(bins: VarianceBins, low: float) -> VarianceBins:
    """Return the bins that are not clipped, since others may have no variance left; all bins if none would remain."""
    keep = bins.clipped_high <= MAX_CLIPPED
    if loses_dark_noise(bins, low):
        keep &= bins.clipped_low <= MAX_CLIPPED
    return bins.select(keep) if np.any(bins.variance[keep] > 0.0) else bins


def _weight_of_line(
    line: tuple[float, float],
    bins: VarianceBins,
    limits: tuple[float, float],
    unit: float,
    settings: MixtureFitSettings,
    generator: torch.Generator,
) -> Tensor:
    """Return the initial weight: every component has the variance of the line, and their means differ a little."""
    gain, intercept = line
    dark = max(gain * limits[0] + intercept, 0.5 * float(bins.variance[bins.variance > 0.0].min()))
    rise = max(gain * (limits[1] - limits[0]), 0.01 * dark)
    num = settings.num_components
    weight = torch.zeros(3 * num, settings.num_coefficients)
    weight[:num] = SPREAD * torch.randn(num, settings.num_coefficients, generator=generator)
    weight[num : 2 * num] = math.log(1e-3 * rise / unit**2)
    weight[num : 2 * num, 0] = math.log(dark / unit**2)
    if settings.num_coefficients > 1:
        weight[num : 2 * num, 1] = math.log(rise / unit**2)
    return weight


def _descend(
    weight: Tensor, pixels: _Pixels, min_variance: float, settings: MixtureFitSettings, generator: torch.Generator
) -> Tensor:
    """Minimise the mean negative log likelihood of the residuals over random batches."""
    relative, noise = torch.from_numpy(pixels.signal).float(), torch.from_numpy(pixels.residual).float()
    side = torch.from_numpy(pixels.side) if pixels.side.any() else None
    weight = weight.requires_grad_()
    optimizer = torch.optim.Adam([weight], lr=LEARNING_RATE)
    size = min(settings.batch_size, noise.numel())
    for step in range(settings.num_iterations):
        optimizer.param_groups[0]["lr"] = LEARNING_RATE * (1.0 - step / settings.num_iterations)
        batch = torch.randint(noise.numel(), (size,), generator=generator)
        components = mixture_components(weight, relative[batch], min_variance)
        chosen = None if side is None else side[batch]
        loss = -_log_likelihood(noise[batch], chosen, components).mean()
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    return weight.detach()


def _log_likelihood(residual: Tensor, side: Tensor | None, components: Components) -> Tensor:
    """Log density of pixels that are not clipped, log probability of the tail for clipped ones."""
    zero = torch.zeros(())
    value = mixture_log_density(residual, zero, components)
    if side is None:
        return value
    # Clipped pixels are few: tails are computed for them alone.
    for sign in (-1, 1):
        beyond = (side == sign).nonzero()[:, 0]
        own = Components(*(part[:, beyond] for part in components))
        value = value.index_copy(0, beyond, mixture_log_tail(residual[beyond], zero, own, upper=sign > 0))
    return value
