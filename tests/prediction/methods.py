"""Methods to predict with: a conjugate Gaussian posterior, whose answers are known; its mean alone; tiny HDNs."""

from collections.abc import Sequence
from typing import Any, NoReturn, TypeVar

import numpy as np
import torch

from quietscope.data.normalize import Statistics
from quietscope.methods.base import LatentSpec, Loss, MethodSettings, PointMethod, PosteriorMethod
from quietscope.methods.hdn import HDN
from quietscope.noise import NoiseModel
from quietscope.noise.gaussian import Gaussian
from tests.tiny import untrained

Pixels = TypeVar("Pixels", np.ndarray, torch.Tensor)


class Conjugate(PosteriorMethod):
    """Prior N(m, t^2) per pixel, noise N(0, sigma^2): the posterior is Gaussian and known.

    ``var = 1 / (1 / t^2 + 1 / sigma^2)``, ``mean = var (m / t^2 + x / sigma^2)``
    """

    name = "conjugate"
    settings = MethodSettings()

    def __init__(
        self,
        m: float = 100.0,
        t: float = 20.0,
        sigma: float = 10.0,
        spatial_dims: int = 2,
        channels: int = 1,
        multiple: int = 4,
    ) -> None:
        super().__init__()
        self.m, self.t, self.sigma, self.dims, self.multiple = m, t, sigma, spatial_dims, multiple
        self.statistics = Statistics(torch.full((channels,), m), torch.full((channels,), t))
        self.noise_models = torch.nn.ModuleList(Gaussian(sigma) for _ in range(channels))
        self.calls: list[tuple[int, ...]] = []

    @classmethod
    def build(cls, settings: MethodSettings, statistics: Statistics, noise_models: Sequence[NoiseModel]) -> NoReturn:
        raise AssertionError("prediction builds nothing")

    spatial_dims = property(lambda self: self.dims)
    size_multiple = property(lambda self: (self.multiple,) * self.dims)

    @property
    def std(self) -> float:
        return float((1 / (1 / self.t**2 + 1 / self.sigma**2)) ** 0.5)

    def mean(self, x: Pixels) -> Pixels:
        return self.std**2 * (self.m / self.t**2 + x / self.sigma**2)

    def loss(self, x: torch.Tensor) -> Loss:
        return Loss(x.sum(), {})

    def latents(self) -> tuple[LatentSpec, ...]:
        channels = self.statistics.num_channels
        return (LatentSpec(level=0, channels=channels, reduction=(1,) * self.dims, is_random=True),)

    def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        self.calls.append(tuple(x.shape))
        return (self.mean(x),)

    def decode(self, encoding: tuple[torch.Tensor, ...], noise: Sequence[torch.Tensor]) -> torch.Tensor:
        return encoding[0] + self.std * noise[0]


class Shrink(PointMethod):
    """The conjugate posterior's mean, and nothing of how sure it is; darker to the right, so that turns show."""

    name = "shrink"
    settings = MethodSettings()
    size_multiple = (4, 4)
    spatial_dims = 2

    def __init__(self) -> None:
        super().__init__()
        self.statistics = Statistics(torch.full((1,), 100.0), torch.full((1,), 20.0))
        self.noise_models = torch.nn.ModuleList()
        self.calls: list[tuple[int, ...]] = []

    @classmethod
    def build(cls, settings: MethodSettings, statistics: Statistics, noise_models: Sequence[NoiseModel]) -> NoReturn:
        raise AssertionError("prediction builds nothing")

    def loss(self, x: torch.Tensor) -> Loss:
        return Loss(x.sum(), {})

    def predict(self, x: torch.Tensor) -> torch.Tensor:
        self.calls.append(tuple(x.shape))
        # Like any convolution, this knows left from right.
        return 20 + 0.5 * x + 0.3 * torch.roll(x, 1, dims=-1)


def tiny_hdn(**changes: Any) -> HDN:
    """Make an HDN of two levels for images of mean 100."""
    return untrained(
        HDN, **{"preset": "paper", "width": 8, "mean": 100.0, "std": 20.0, "noise": Gaussian(10.0), **changes}
    )
