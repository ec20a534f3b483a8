"""Gaussian noise of one known standard deviation: the simplest p(x|s)."""

import math
from typing import ClassVar, Self, final

import numpy as np
import torch
from torch import Tensor

from quietscope.errors import NoiseError
from quietscope.noise.base import NoiseModel, NoiseRecord, Samples, standard_normal_like
from quietscope.noise.normal import normal_log_density
from quietscope.noise.pairs import flatten_pairs


@final
class Gaussian(NoiseModel):
    """Additive Gaussian noise, the same at every intensity.

    ``p(x|s) = N(x; s, sigma^2)``

    Args:
        sigma: Standard deviation in intensity units, positive.

    Raises:
        NoiseError: If ``sigma`` is not a positive finite number.
    """

    kind: ClassVar[str] = "gaussian"
    _sigma: Tensor

    def __init__(self, sigma: float) -> None:
        super().__init__()
        if not (math.isfinite(sigma) and sigma > 0.0):
            raise NoiseError("a positive standard deviation in intensity units", f"sigma={sigma}", "try sigma=25")
        self.sigma = float(sigma)
        self.register_buffer("_sigma", torch.tensor(self.sigma, dtype=torch.float32), persistent=False)

    def log_prob(self, x: Tensor, s: Tensor) -> Tensor:
        """Return log N(x; s, sigma^2), broadcast over ``x`` and ``s``."""
        return normal_log_density(x.float(), s.float(), self._sigma * self._sigma)

    def quasi_log_prob(self, x: Tensor, s: Tensor) -> Tensor:
        """Return ``log_prob``: the density is the model itself."""
        return self.log_prob(x, s)

    def sample(self, s: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return s + sigma e with e ~ N(0, 1), in the shape of ``s``."""
        return s.float() + self._sigma * standard_normal_like(s, generator)

    def mean(self, s: Tensor) -> Tensor:
        """Return ``s``: the noise has no bias."""
        return s.float()

    def variance(self, s: Tensor) -> Tensor:
        """Return sigma^2 in the shape of ``s``."""
        return (self._sigma * self._sigma).expand(s.shape)

    @classmethod
    def fit(cls, signal: Samples, observation: Samples) -> Self:
        """Maximum-likelihood fit: sigma^2 = mean (x - s)^2.

        Args:
            signal: Clean signal, any shape.
            observation: Noisy observation, the same shape.

        Returns:
            The fitted model.

        Raises:
            NoiseError: If the pairs do not match, or do not differ.
        """
        s, x = flatten_pairs(signal, observation)
        sigma = float(np.sqrt(np.mean((x - s) ** 2)))
        if sigma == 0.0:
            raise NoiseError(
                "an observation that differs from its signal", "two equal images", "pass the clean and the NOISY image"
            )
        return cls(sigma)

    def to_record(self) -> NoiseRecord:
        """Return sigma as the only setting."""
        return NoiseRecord(kind=self.kind, settings={"sigma": self.sigma})

    @classmethod
    def from_record(cls, record: NoiseRecord) -> Self:
        """Rebuild the model from ``sigma``."""
        return cls(sigma=float(record.settings["sigma"]))

    def describe(self) -> str:
        """Return, for example, ``Gaussian: sigma = 25``."""
        return f"Gaussian: sigma = {self.sigma:.4g}"
