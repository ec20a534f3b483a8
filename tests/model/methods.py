"""Denoisers with tiny methods, and noisy images for them."""

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
import torch

from quietscope import Denoiser
from quietscope.data.normalize import Statistics
from quietscope.methods.base import Loss, Method, MethodSettings, PointMethod
from quietscope.noise import NoiseModel
from tests.explore.methods import tiny_hdn

RNG = np.random.default_rng(0)


class Same(PointMethod):
    """Gives back what it is given."""

    name = "same"
    settings = MethodSettings()
    size_multiple, spatial_dims = (4, 4), 2

    def __init__(self) -> None:
        super().__init__()
        self.statistics = Statistics(torch.full((1,), 100.0), torch.full((1,), 20.0))
        self.noise_models = torch.nn.ModuleList()

    @classmethod
    def build(cls, settings: MethodSettings, statistics: Statistics, noise_models: Sequence[NoiseModel]) -> NoReturn:
        raise AssertionError("nothing is built here")

    def loss(self, x: torch.Tensor) -> Loss:
        return Loss(x.sum(), {})

    def predict(self, x: torch.Tensor) -> torch.Tensor:
        return x


def denoiser(method: Method | None = None, **changes: Any) -> Denoiser:
    """Make a denoiser of a method, or of a tiny HDN with other settings."""
    made = Denoiser(noise="sigma=10", dims=changes.get("dims", 2), training={"precision": "float32"}, device="cpu")
    made._method = method or tiny_hdn(**changes)
    return made


def noisy(*shape: int) -> np.ndarray:
    """Make an image of independent pixels."""
    return RNG.normal(1000, 200, shape).astype(np.float32)
