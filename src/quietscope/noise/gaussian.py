"""Gaussian noise of one known standard deviation: the simplest p(x|s)."""

import math
from typing import ClassVar, Self, final

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from scipy.special import log_ndtr
from torch import Tensor

from quietscope.errors import NoiseError
from quietscope.noise.clipping import ClipLevels
from quietscope.noise.noise_model import NoiseModel, NoiseRecord, Samples, standard_normal_like
from quietscope.noise.normal import normal_log_density, normal_log_tail
from quietscope.noise.pairs import FloatArray, flatten_pairs


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

    @property
    def signal_range(self) -> tuple[float, float]:
        """Any signal: sigma is the same at all intensities."""
        return -math.inf, math.inf

    def log_prob(self, x: Tensor, s: Tensor) -> Tensor:
        """Return log N(x; s, sigma^2), broadcast over ``x`` and ``s``."""
        return normal_log_density(x.float(), s.float(), self._sigma * self._sigma)

    def quasi_log_prob(self, x: Tensor, s: Tensor) -> Tensor:
        """Return ``log_prob``: the variance is constant, so the gradient of the density is already equation (2)."""
        return self.log_prob(x, s)

    def log_tail(self, limit: float, s: Tensor, *, upper: bool) -> Tensor:
        """Return the log of the normal tail beyond ``limit``, in the shape of ``s``."""
        return normal_log_tail(limit, s.float(), self._sigma * self._sigma, upper=upper)

    def quasi_log_tail(self, limit: float, s: Tensor, *, upper: bool) -> Tensor:
        """Return ``log_tail``: its gradient is already equation (4)."""
        return self.log_tail(limit, s, upper=upper)

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
    def fit(cls, signal: Samples, observation: Samples, *, clip: ClipLevels | None = None) -> Self:
        """Fit by maximum likelihood: ``sigma^2 = mean (x - s)^2`` if nothing is clipped, else by a search over sigma.

        Args:
            signal: Clean signal, any shape.
            observation: Noisy observation, the same shape.
            clip: Clipping levels; pixels there count with the probability of lying beyond, equation (3) of
                `quietscope.noise`.

        Returns:
            The fitted model.

        Raises:
            NoiseError: If the shapes differ, signal and observation are equal, or every pixel is clipped.
        """
        s, x = flatten_pairs(signal, observation)
        clip = ClipLevels() if clip is None else clip
        is_low, is_high = clip.is_low(x), clip.is_high(x)
        inside = ~(is_low | is_high)
        residual = x[inside] - s[inside]
        square = float(residual @ residual)
        if square == 0.0:
            raise NoiseError(
                "an observation that differs from its signal", "two equal images", "pass the clean and the NOISY image"
            )
        below, above = s[is_low] - clip.low_edge, clip.high_edge - s[is_high]
        return cls(_likeliest_sigma(square, residual.size, np.concatenate([below, above])))

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


def _likeliest_sigma(square: float, num_inside: int, distances: FloatArray) -> float:
    """Maximise ``-n log sigma - square / (2 sigma^2) + sum log Phi(-distance / sigma)`` over sigma.

    Args:
        square: Sum of the squared residuals of the pixels that are not clipped.
        num_inside: Number n of these pixels.
        distances: Distance from the signal of every clipped pixel to the clipping level; negative for signals beyond.

    Returns:
        sigma, in intensity units.
    """
    start = float(np.sqrt(square / num_inside))
    if distances.size == 0:
        return start

    def cost(log_sigma: float) -> float:
        sigma = float(np.exp(log_sigma))
        tails = float(log_ndtr(-distances / sigma).sum())
        return num_inside * log_sigma + 0.5 * square / sigma**2 - tails

    centre = float(np.log(start))
    found = minimize_scalar(cost, bounds=(centre - 3.0, centre + 3.0), method="bounded", options={"xatol": 1e-5})
    return float(np.exp(found.x))
