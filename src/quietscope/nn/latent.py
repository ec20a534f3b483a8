"""Diagonal Gaussian latents: bounded parameters, sampling from given noise, analytical KL divergence, and keyed noise.

Randomness is an argument: a latent is ``mean + std * noise``, and the caller passes the noise. `keyed_normal` makes
noise whose value at a latent pixel depends only on a key and on the absolute coordinate of the pixel, so that two
overlapping tiles, or two machines, draw the same value there.
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from quietscope.nn.keyed import GOLDEN, MASK64, ROUNDS

Width = Literal["exponential", "softplus"]
"""How the width of a Gaussian is computed from the output of a network."""
LOG_VARIANCE_BOUND = 10.0
EXACT_BOUND = 60.0
_SOFTPLUS_FLOOR = -8.0
_PIXELS_IN_CACHE = 1 << 14


@dataclass(frozen=True)
class GaussianLatent:
    """Parameters of a diagonal Gaussian over one level's latents, each of shape (B, C, *S), float32."""

    mean: Tensor
    log_variance: Tensor

    @staticmethod
    def from_parameters(parameters: Tensor, width: Width = "exponential", exact: bool = False) -> "GaussianLatent":
        """Split the output of a network into mean and log-variance; bounds keep exp() from overflowing or vanishing.

        "exponential": ``log_variance = b tanh(raw / b)`` with b = 10, which for usual values is nearly the identity.
        "softplus": ``std = log(1 + exp(raw))``, its logarithm bounded in the same way; for raw far below zero, where
        the logarithm would round to zero, ``log std = raw``.

        Args:
            parameters: Output of a network, shape (B, 2 C, *S): means, then raw widths.
            width: How the width is computed from its raw value.
            exact: Whether the log-variance is ``raw`` or ``2 log std`` itself, cut off at 60 on both sides, which no
                network in use reaches: for weights that were trained so.

        Returns:
            The latent, arrays of shape (B, C, *S).
        """
        mean, raw = parameters.float().chunk(2, dim=1)
        log_variance = 2.0 * log_softplus(raw) if width == "softplus" else raw
        if exact:
            return GaussianLatent(mean, log_variance.clamp(-EXACT_BOUND, EXACT_BOUND))
        return GaussianLatent(mean, LOG_VARIANCE_BOUND * torch.tanh(log_variance / LOG_VARIANCE_BOUND))

    def sample(self, noise: Tensor) -> Tensor:
        """Return ``mean + exp(log_variance / 2) * noise``; the noise is broadcast to (B, C, *S)."""
        return self.mean + torch.exp(0.5 * self.log_variance) * noise


def log_softplus(raw: Tensor) -> Tensor:
    """Return ``log(log(1 + exp(raw)))``, elementwise; for raw far below zero it is raw."""
    return torch.where(raw > _SOFTPLUS_FLOOR, torch.log(F.softplus(raw.clamp(min=_SOFTPLUS_FLOOR))), raw)


def gaussian_kl(q: GaussianLatent, p: GaussianLatent) -> Tensor:
    """Kullback-Leibler divergence KL(q || p) of diagonal Gaussians, elementwise, in nats, shape (B, C, *S).

    ``1/2 [log(v_p / v_q) + (v_q + (m_q - m_p)^2) / v_p - 1]``, Kingma & Welling 2014, appendix B.
    """
    log_ratio = q.log_variance - p.log_variance
    distance = (q.mean - p.mean).square() * torch.exp(-p.log_variance)
    return 0.5 * (torch.exp(log_ratio) + distance - 1.0 - log_ratio)


def keyed_normal(
    key: int, origin: tuple[int, ...], shape: tuple[int, ...], device: torch.device | str = "cpu"
) -> Tensor:
    """Draw standard normal noise that is a function of key, channel and absolute coordinate alone.

    Args:
        key: 64-bit key, see `quietscope.nn.keyed.noise_key`.
        origin: Absolute coordinate of the first latent pixel, one per spatial axis.
        shape: Shape (C, *S) of the noise.
        device: Device of the noise.

    Returns:
        Tensor of ``shape``, float32. A crop of a larger draw equals the draw of that crop.
    """
    channels, *spatial = shape
    # One 64-bit hash per pixel, then one cheap round per channel pair: Box-Muller turns its halves into two normals.
    state = torch.full([1] * len(spatial), _signed(key), dtype=torch.int64, device=device)
    for axis, (start, length) in enumerate(zip(origin, spatial, strict=True)):
        coordinate = torch.arange(start, start + length, dtype=torch.int64, device=device)
        coordinate = coordinate.reshape([-1 if a == axis else 1 for a in range(len(spatial))])
        state = _mix(state + coordinate * _signed(GOLDEN))
    pairs = (channels + 1) // 2
    out = torch.empty(2 * pairs, *spatial, device=device)
    # On a CPU, a dozen elementwise passes over a piece that fits the cache are several times faster than over all.
    step = pairs if out.is_cuda else max(1, _PIXELS_IN_CACHE // max(1, state.numel()))
    for first in range(0, pairs, step):
        salt = torch.arange(first + 1, min(first + step, pairs) + 1, dtype=torch.int64, device=device)
        bits = _mix(state.unsqueeze(0) + (salt * _signed(GOLDEN)).reshape(-1, *[1] * len(spatial)))
        # 24 bits each: exact in float32, and u > 0 keeps the logarithm finite.
        u = ((bits >> 40) & 0xFFFFFF).float().add_(0.5).mul_(2.0**-24)
        v = ((bits >> 8) & 0xFFFFFF).float().mul_(2.0**-24 * 2.0 * torch.pi)
        radius = u.log_().mul_(-2.0).sqrt_()
        out[2 * first : 2 * (first + step) : 2] = torch.cos(v).mul_(radius)
        out[2 * first + 1 : 2 * (first + step) : 2] = v.sin_().mul_(radius)
    return out[:channels]


def _mix(x: Tensor) -> Tensor:
    for shift, factor in ROUNDS:
        x = (x ^ _shift_right(x, shift)).mul_(_signed(factor))
    return x ^ _shift_right(x, 31)


def _shift_right(x: Tensor, bits: int) -> Tensor:
    # In torch, int64 shifts keep the sign; the mask makes them the logical shifts that the hash is defined with.
    return (x >> bits).bitwise_and_((1 << (64 - bits)) - 1)


def _signed(value: int) -> int:
    value &= MASK64
    return value - (1 << 64) if value >> 63 else value
