"""Each tiny network in turn, noisy images, and a compression that judges and times little."""

import numpy as np
import pytest

from quietscope import Denoiser
from tests.compression.networks import NETWORKS, build


@pytest.fixture(params=NETWORKS)
def variant(request: pytest.FixtureRequest) -> Denoiser:
    """Each of them in turn."""
    return build(request.param)


@pytest.fixture(scope="session")
def planes() -> np.ndarray:
    """Twelve noisy planes, (12, 48, 48) uint16."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:48, :48]
    clean = np.stack([150 + 60 * np.sin(x / 5 + n) * np.cos(y / 7) for n in range(12)])
    return rng.poisson(clean).astype(np.uint16)
