"""The normal log density and the logarithm of its tails, shared by every Gaussian-based noise model."""

import math

import torch
from torch import Tensor

LOG_TWO_PI = math.log(2.0 * math.pi)
_FAR = -1.0
"""Standard deviations below which the scaled error function is used: in float32 the tail itself soon becomes zero."""


def broadcast(x: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``x`` and ``s`` in float32, both expanded to their common broadcast shape."""
    x, s = x.float(), s.float()
    shape = (x.detach() + s.detach()).shape
    return x.expand(shape), s.expand(shape)


def normal_log_density(x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """Log density of a normal distribution.

    ``log N(x; m, v) = -1/2 (log 2 pi + log v + (x - m)^2 / v)``

    Args:
        x: Observation, any shape.
        mean: Mean, broadcastable to ``x``, same units.
        variance: Variance, broadcastable to ``x``, positive, squared units.

    Returns:
        Log density per unit of ``x``, in the broadcast shape.
    """
    residual = x - mean
    return -0.5 * (LOG_TWO_PI + torch.log(variance) + residual * residual / variance)


def normal_log_tail(limit: Tensor | float, mean: Tensor, variance: Tensor, *, upper: bool) -> Tensor:
    """Log probability of a normal variable beyond a limit, ``log P(X >= limit)`` or ``log P(X <= limit)``.

    ``log Phi(z) = -z^2 / 2 + log(erfcx(-z / sqrt 2) / 2)``, ``z = (limit - m) / sqrt v``, with -z for the upper tail.

    Far from the mean this form is used instead of ``torch.special.log_ndtr``, whose gradient is the difference of two
    squares: from a few thousand standard deviations on, that is rounding noise or infinite in float32.

    Args:
        limit: Limit at which the tail begins, broadcastable to ``mean``, same units.
        mean: Mean, any shape.
        variance: Variance, broadcastable to ``mean``, positive, squared units.
        upper: Whether the tail lies above the limit.

    Returns:
        Log probability, in the broadcast shape.
    """
    z = (limit - mean) / torch.sqrt(variance)
    z = -z if upper else z
    outside = z.clamp(max=_FAR)
    far = -0.5 * outside * outside + torch.log(0.5 * torch.special.erfcx(-outside / math.sqrt(2.0)))
    return torch.where(z < _FAR, far, torch.special.log_ndtr(z.clamp(min=_FAR)))
