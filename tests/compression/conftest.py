"""Every method as a tiny network, in 2-D and in 3-D, and noisy images for it."""

from collections.abc import Callable

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

LADDER = {"filters": (16, 16), "latent_channels": (4, 4), "blocks": 1, "final_blocks": 1, "stem_filters": 16}
CODE = {"code_channels": 16, "noise_filters": 8, "signal_filters": 16, "dilations": (1,), "halves": (True, True)}
VAE = {"depth": 1, "filters": 16, "latent_channels": 4}
UNET = {"depth": 1, "filters": 16}
NETWORKS = {
    "noise2void": {"method": "noise2void", "network": UNET},
    "noise2void n2v2": {"method": "noise2void", "preset": "n2v2", "network": UNET},
    "noise2void paper": {"method": "noise2void", "preset": "paper", "network": UNET},
    "noise2void 3-D": {"method": "noise2void", "dims": 3, "network": {**UNET, "z_halvings": 1}},
    "deconoising add": {"method": "deconoising", "preset": "paper", "network": UNET},
    "deconoising 3-D": {"method": "deconoising", "dims": 3, "network": {**UNET, "psf_sigma": (0.3, 1.0, 1.0)}},
    "direct": {"method": "direct", "network": {**UNET, "stabilize": True}},
    "divnoising": {"method": "divnoising", "network": {**VAE, "blocks": 1}},
    "divnoising 3-D": {"method": "divnoising", "dims": 3, "network": VAE},
    "hdn": {"network": LADDER},
    "hdn gated": {"preset": "paper", "network": {**LADDER, "deterministic_levels": (0,)}},
    "hdn 3-D": {"dims": 3, "network": LADDER},
    "dvlae gated": {"method": "dvlae", "preset": "paper", "network": {**LADDER, **CODE}},
    "dvlae 3-D": {"method": "dvlae", "dims": 3, "network": {**LADDER, **CODE, "direction": "y"}},
}

Build = Callable[..., Denoiser]


@pytest.fixture(params=NETWORKS)
def variant(request: pytest.FixtureRequest) -> Denoiser:
    """Each of them in turn."""
    return build_denoiser(request.param)


@pytest.fixture
def build() -> Build:
    """Make one by its name."""
    return build_denoiser


def build_denoiser(name: str, channels: int = 1) -> Denoiser:
    """Make an untrained network that is neither dead nor the identity."""
    values = NETWORKS[name]
    configuration = Configuration.of({"dims": 2, **values})
    with torch.random.fork_rng([]):
        torch.manual_seed(1)
        statistics = Statistics(torch.full((channels,), 150.0), torch.full((channels,), 30.0))
        kind = METHODS[configuration.method]
        noise = [PoissonGaussian(gain=0.5, offset=0.0, read_noise=5.0)] * channels if kind.needs_noise else []
        method: Method = kind.build(configuration.method_settings(), statistics, noise)
        for parameter in method.parameters():
            parameter.data += 0.02 * torch.randn_like(parameter)
    return Denoiser.of(method.eval(), ModelCard(configuration=configuration, axes="QYX"), "cpu")


@pytest.fixture(scope="session")
def planes() -> np.ndarray:
    """Twelve noisy planes, (12, 48, 48) uint16."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:48, :48]
    clean = np.stack([150 + 60 * np.sin(x / 5 + n) * np.cos(y / 7) for n in range(12)])
    return rng.poisson(clean).astype(np.uint16)
