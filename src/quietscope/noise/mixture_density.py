"""The equations of the signal-dependent Gaussian mixture, shared by the model and its fit."""

from typing import NamedTuple

import torch
from torch import Tensor

from quietscope.noise.normal import normal_log_density, normal_log_tail


class Components(NamedTuple):
    """Parameters of the K components at given signals s; each of shape (K, *s.shape).

    Attributes:
        log_weights: Logarithm of the weight a_k; the weights add up to 1.
        shifts: Mean of the component less s, intensity units.
        variances: Variance, squared intensity units.
    """

    log_weights: Tensor
    shifts: Tensor
    variances: Tensor


def mixture_components(weight: Tensor, t: Tensor, min_variance: float) -> Components:
    """Evaluate the parameters of all components at relative signals t.

    ``m_k = sum_i w[k, i] t^i``, ``v_k = max(min_variance, sum_i exp(w[K+k, i]) t^i)``,
    ``log a = log_softmax_k(sum_i w[2K+k, i] t^i)``; the shift of component k is ``m_k - sum_j a_j m_j``.

    Args:
        weight: The parameters w, shape (3 K, C).
        t: Relative signals, 0 to 1, any shape.
        min_variance: Lower bound of v_k, squared intensity units.

    Returns:
        The components at ``t``.
    """
    means, log_coefficients, logits = weight.chunk(3)
    log_weights = torch.log_softmax(_polynomial(logits, t), dim=0)
    centres = _polynomial(means, t)
    shifts = centres - (log_weights.exp() * centres).sum(dim=0, keepdim=True)
    return Components(log_weights, shifts, _polynomial(log_coefficients.exp(), t).clamp_min(min_variance))


def mixture_log_density(x: Tensor, s: Tensor, components: Components) -> Tensor:
    """Return ``log sum_k a_k N(x; s + shift_k, v_k)`` for ``x`` and ``s`` of one shape, by log-sum-exp."""
    log_densities = normal_log_density(x, s + components.shifts, components.variances)
    return torch.logsumexp(components.log_weights + log_densities, dim=0)


def mixture_log_tail(limit: Tensor | float, s: Tensor, components: Components, *, upper: bool) -> Tensor:
    """Return the log probability beyond ``limit``, ``log sum_k a_k Phi_k``, in the shape of ``s``."""
    tails = normal_log_tail(limit, s + components.shifts, components.variances, upper=upper)
    return torch.logsumexp(components.log_weights + tails, dim=0)


def mixture_variance(components: Components) -> Tensor:
    """Return the variance ``sum_k a_k (v_k + shift_k^2)``, in the shape of the signals."""
    return (components.log_weights.exp() * (components.variances + components.shifts**2)).sum(dim=0)


def _polynomial(coefficients: Tensor, t: Tensor) -> Tensor:
    """Evaluate K polynomials, coefficients (K, C), at ``t``: shape (K, *t.shape), by Horner's rule.

    A sum of powers would not do: the gradient of t^0 at t = 0 is 0 times infinity.
    """
    columns = coefficients.reshape(*coefficients.shape, *(1 for _ in t.shape)).unbind(dim=1)
    value = columns[-1].expand(-1, *t.shape)
    for column in reversed(columns[:-1]):
        value = value * t + column
    return value
