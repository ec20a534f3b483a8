"""Untrained methods of every kind, small, with weights and statistics unlike those of a fresh network."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from quietscope import Denoiser
from quietscope.data.normalize import Statistics
from quietscope.methods import METHODS
from quietscope.methods.base import Method
from quietscope.model.file import ModelCard
from quietscope.noise import PoissonGaussian
from quietscope.presets import Configuration

LADDER = {"filters": (4, 4), "latent_channels": (2, 2), "blocks": 0, "final_blocks": 0, "stem_filters": 4}
CODE = {"code_channels": 4, "noise_filters": 4, "signal_filters": 4, "dilations": (1,), "halves": (True, True)}
UNET = {"depth": 1, "filters": 4}
NETWORKS = {
    "hdn": LADDER,
    "divnoising": {"depth": 1, "filters": 4, "latent_channels": 2},
    "dvlae": {**LADDER, **CODE},
    "noise2void": UNET,
    "deconoising": UNET,
    "direct": UNET,
}

Build = Callable[..., Method]


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def configured() -> Callable[..., Configuration]:
    def make(method: str, *, dims: int = 2, preset: str = "fast", **network: object) -> Configuration:
        values = {"method": method, "dims": dims, "preset": preset, "network": {**NETWORKS[method], **network}}
        return Configuration.of(values)

    return make


@pytest.fixture(scope="session")
def build(configured: Callable[..., Configuration]) -> Build:
    def make(method: str, *, channels: int = 1, **settings: object) -> Method:
        """Make a method with random weights, running statistics and a scale that bends."""
        with torch.random.fork_rng([]):
            torch.manual_seed(0)
            mean, std = torch.tensor([300.0, 90.0])[:channels], torch.tensor([60.0, 20.0])[:channels]
            noise = [PoissonGaussian(gain=0.5, offset=0.0, read_noise=3.0) for _ in range(channels)]
            kind = METHODS[method]
            models = noise if kind.needs_noise else []
            made = kind.build(configured(method, **settings).method_settings(), Statistics(mean, std), models)
            for module in made.modules():
                if isinstance(module, torch.nn.BatchNorm2d | torch.nn.BatchNorm3d):
                    module.running_mean.normal_(0, 0.2)
                    module.running_var.uniform_(0.5, 2)
            for parameter in made.parameters():
                if not parameter.abs().max():
                    torch.nn.init.normal_(parameter, 0, 0.1)
        return made.eval()

    return make


@pytest.fixture(scope="session")
def denoiser(build: Build, configured: Callable[..., Configuration]) -> Callable[..., Denoiser]:
    def make(method: str, **settings: object) -> Denoiser:
        channels = settings.pop("channels", 1)
        card = ModelCard(
            configuration=configured(method, **settings),
            axes="TYX",
            pixel_size_um={"Y": 0.1, "X": 0.1},
            training={"steps": 3.0},
            spread_factor=1.25,
        )
        return Denoiser.of(build(method, channels=channels, **settings), card, "cpu")

    return make


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
