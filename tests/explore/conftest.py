"""A tiny HDN whose prior varies from place to place."""

import pytest
import torch

from quietscope.data.normalize import Statistics
from quietscope.methods.hdn import HDN, HDNSettings
from quietscope.noise import PoissonGaussian


@pytest.fixture
def tiny_hdn():
    def make(**changes):
        channels = changes.pop("channels", 1)
        small = {"filters": (8, 8), "latent_channels": (4, 4), "stem_filters": 8, "blocks": 1, "final_blocks": 1}
        statistics = Statistics(torch.full((channels,), 1000.0), torch.full((channels,), 200.0))
        noise = [PoissonGaussian(gain=2.0, offset=100.0, read_noise=5.0) for _ in range(channels)]
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return HDN.build(HDNSettings(**small | changes), statistics, noise)

    return make
