"""Laplace noise: one that now and then is far off, such as the read noise of an sCMOS camera."""

import math
from typing import ClassVar, Self, final

import numpy as np
import torch
from torch import Tensor

from quietscope.errors import NoiseError
from quietscope.noise import ClipLevels, NoiseModel, NoiseRecord
from quietscope.noise.noise_model import Samples
from quietscope.noise.pairs import flatten_pairs


@final
class Laplace(NoiseModel):
    """``p(x|s) = exp(-|x - s| / b) / (2 b)``, the same at every intensity; b is the mean of |x - s|, positive."""

    kind: ClassVar[str] = "laplace"
    _b: Tensor

    def __init__(self, b: float) -> None:
        super().__init__()
        if not (math.isfinite(b) and b > 0.0):
            raise NoiseError("a positive mean deviation in intensity units", f"b={b}", "try b=10")
        self.b = b
        self.register_buffer("_b", torch.tensor(b, dtype=torch.float32), persistent=False)

    @property
    def signal_range(self) -> tuple[float, float]:
        """Every signal: b is the same everywhere."""
        return -math.inf, math.inf

    def log_prob(self, x: Tensor, s: Tensor) -> Tensor:
        """Return the log density, broadcast over ``x`` and ``s``."""
        return -(x.float() - s.float()).abs() / self._b - torch.log(2.0 * self._b)

    def quasi_log_prob(self, x: Tensor, s: Tensor) -> Tensor:
        """Return ``log_prob``: the density is the model itself."""
        return self.log_prob(x, s)

    def log_tail(self, limit: float, s: Tensor, *, upper: bool) -> Tensor:
        """Return ``-d - log 2`` for a limit d mean deviations beyond the signal, ``log(1 - exp(d) / 2)`` for d < 0."""
        d = (limit - s.float()) / self._b * (1.0 if upper else -1.0)
        return torch.where(d > 0.0, -d - math.log(2.0), torch.log1p(-0.5 * d.clamp(max=0.0).exp()))

    def quasi_log_tail(self, limit: float, s: Tensor, *, upper: bool) -> Tensor:
        """Return ``log_tail``: the density is the model itself."""
        return self.log_tail(limit, s, upper=upper)

    def sample(self, s: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw by the inverse of the distribution function, from uniform numbers in [-1, 1)."""
        device = s.device if generator is None else generator.device
        u = (2.0 * torch.rand(s.shape, generator=generator, device=device) - 1.0).to(s.device)
        return s.float() - self._b * u.sign() * torch.log1p(-u.abs().clamp(max=1.0 - 1e-7))

    def mean(self, s: Tensor) -> Tensor:
        """Return ``s``: the noise has no bias."""
        return s.float()

    def variance(self, s: Tensor) -> Tensor:
        """Return ``2 b^2`` in the shape of ``s``."""
        return (2.0 * self._b * self._b).expand(s.shape)

    @classmethod
    def fit(cls, signal: Samples, observation: Samples, *, clip: ClipLevels | None = None) -> Self:
        """Maximum likelihood: the mean of |x - s|, where a clipped pixel is as far off as the end of the scale."""
        s, x = flatten_pairs(signal, observation)
        is_low, is_high = (clip.is_low(x), clip.is_high(x)) if clip else (np.zeros(x.shape, bool),) * 2
        distance = np.abs(x - s)
        if clip is not None:
            distance[is_low] = np.maximum(s[is_low] - clip.low_edge, 0.0)
            distance[is_high] = np.maximum(clip.high_edge - s[is_high], 0.0)
        return cls(float(distance.sum() / (~(is_low | is_high)).sum()))

    def to_record(self) -> NoiseRecord:
        """Return b as the only setting."""
        return NoiseRecord(kind=self.kind, settings={"b": self.b})

    @classmethod
    def from_record(cls, record: NoiseRecord) -> Self:
        """Rebuild the model from ``b``."""
        return cls(float(record.settings["b"]))

    def describe(self) -> str:
        """Return, for example, ``Laplace: b = 10``."""
        return f"Laplace: b = {self.b:.4g}"
