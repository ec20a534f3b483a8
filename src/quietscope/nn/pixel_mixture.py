"""A mixture of Gaussians for every pixel and channel, its parameters computed by a network."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from quietscope.nn.latent import Width, log_softplus

LOG_WIDTH_BOUND = 7.0
PARAMETERS = 3


@dataclass(frozen=True)
class PixelMixture:
    """``p(x) = sum_k w_k N(x; m_k, v_k)``, each parameter of shape (B, C, K, *S), float32.

    Attributes:
        log_weight: log w_k; the weights add up to 1 over k.
        mean: The means m_k.
        log_width: Logarithm of the standard deviation, half of log v_k.
    """

    log_weight: Tensor
    mean: Tensor
    log_width: Tensor

    @classmethod
    def of(cls, out: Tensor, width: Tensor, kind: Width = "exponential") -> "PixelMixture":
        """Split the output of a network into the parameters.

        ``log_width = log width + b tanh(u / b)``, b = 7, where u is the raw output for "exponential", so that zeros
        give Gaussians of the usual width, and ``log(softplus(raw))`` for "softplus".

        Args:
            out: Output of a network, shape (B, 3 K C, *S).
            width: Usual width of each channel, shape (C,).
            kind: How widths are computed from the output.

        Returns:
            The mixture.
        """
        parts = out.float().reshape(out.shape[0], width.numel(), PARAMETERS, -1, *out.shape[2:])
        log_weight, mean, raw = parts.unbind(2)
        usual = torch.log(width).reshape(1, -1, *[1] * (raw.ndim - 2))
        raw = log_softplus(raw) if kind == "softplus" else raw
        log_width = usual + LOG_WIDTH_BOUND * torch.tanh(raw / LOG_WIDTH_BOUND)
        return cls(F.log_softmax(log_weight, dim=2), mean, log_width)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x) in nats for ``x`` of shape (B, C, *S), by log-sum-exp; same shape."""
        z = (x.unsqueeze(2) - self.mean) * torch.exp(-self.log_width)
        parts = self.log_weight - 0.5 * z.square() - self.log_width
        return torch.logsumexp(parts, dim=2) - 0.5 * math.log(2.0 * math.pi)

    def sample(self, choice: Tensor, noise: Tensor) -> Tensor:
        """Draw x: ``choice``, uniform on [0, 1), picks the component; ``noise`` is standard normal; each (B, C, *S)."""
        below = torch.cumsum(torch.exp(self.log_weight), dim=2)[:, :, :-1]
        k = (choice.unsqueeze(2) > below).sum(dim=2, keepdim=True)
        mean, log_width = (part.gather(2, k).squeeze(2) for part in (self.mean, self.log_width))
        return mean + torch.exp(log_width) * noise
