"""Every method keeps the contract; HDN in 2-D, in 3-D, and with levels closed to structured noise."""

import pytest
import torch

from quietscope.data.normalize import Statistics
from quietscope.methods import METHODS
from quietscope.methods.base import Method
from quietscope.noise import PoissonGaussian
from quietscope.presets import Configuration
from quietscope.testing.method_contract import MethodCase, method_cases

TINY = {"filters": (8, 8), "latent_channels": (4, 4), "blocks": 1, "final_blocks": 1, "stem_filters": 8}
VARIANTS = {
    "hdn fast": {"network": TINY},
    "hdn paper": {"preset": "paper", "network": TINY},
    "hdn 3-D": {"dims": 3, "network": TINY},
    "hdn structured": {"preset": "paper", "network": {**TINY, "deterministic_levels": (0,)}},
}


def cases() -> list[MethodCase]:
    listed = []
    for name, values in VARIANTS.items():
        configuration = Configuration.of(values)

        def build(configuration: Configuration = configuration) -> Method:
            with torch.random.fork_rng([]):
                torch.manual_seed(1)
                statistics = Statistics(torch.tensor([150.0]), torch.tensor([30.0]))
                noise = PoissonGaussian(gain=0.5, offset=0.0, read_noise=5.0)
                method = METHODS[configuration.method]
                return method.build(configuration.method_settings(), statistics, [noise])

        listed += method_cases(name, build, configuration)
    return listed


def test_every_method_has_a_variant() -> None:
    assert {values.get("method", "hdn") for values in VARIANTS.values()} == set(METHODS)


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_contract(case: MethodCase) -> None:
    case.run()
