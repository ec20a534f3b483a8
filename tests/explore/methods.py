"""Hierarchies whose priors vary from place to place."""

from typing import Any

from quietscope.methods.dvlae import DVLAE
from quietscope.methods.hdn import HDN
from quietscope.noise import Gaussian, PoissonGaussian
from tests.tiny import untrained

SCENE = {"width": 8, "mean": 1000.0, "std": 200.0}


def tiny_hdn(**changes: Any) -> HDN:
    """Make an HDN of two levels for images of mean 1000."""
    noise = PoissonGaussian(gain=2.0, offset=100.0, read_noise=5.0)
    return untrained(HDN, **{**SCENE, "preset": "paper", "noise": noise, **changes})


def tiny_dvlae(**changes: Any) -> DVLAE:
    """Make a DVLAE of two levels for images of mean 1000, which learns the noise itself."""
    return untrained(DVLAE, **{**SCENE, "preset": "paper", "noise": Gaussian(50.0), "stabilize": True, **changes})
