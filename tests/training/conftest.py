"""A tiny network to train in tests."""

from collections.abc import Callable

import pytest
import torch

from quietscope.data.normalize import Statistics
from quietscope.methods.hdn import HDN, HDNSettings
from quietscope.noise import Gaussian


@pytest.fixture
def build() -> Callable[[], HDN]:
    """Make an untrained HDN of one level, always the same."""

    def make() -> HDN:
        torch.manual_seed(0)
        settings = HDNSettings(filters=(8,), latent_channels=(4,), blocks=1, final_blocks=0, stem_filters=8)
        return HDN(settings, Statistics(torch.tensor([150.0]), torch.tensor([30.0])), [Gaussian(10.0)])

    return make
