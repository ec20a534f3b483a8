"""The normal log density that every Gaussian-based noise model shares."""

import math

import torch
from torch import Tensor

LOG_TWO_PI = math.log(2.0 * math.pi)


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
