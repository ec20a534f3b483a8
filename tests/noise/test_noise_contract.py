"""The contract suite over every noise model of the package."""

from collections.abc import Callable

import pytest
import torch

from quietscope.errors import NoiseError
from quietscope.noise import (
    NOISE_MODELS,
    Censored,
    Gaussian,
    GaussianMixture,
    Histogram,
    NoiseModel,
    NoiseRecord,
    PoissonGaussian,
    noise_model_from_record,
)
from quietscope.testing.noise_contract import NoiseCase, noise_cases


def make_mixture() -> GaussianMixture:
    weight = torch.tensor(
        [[0.0, 3.0], [-2.0, 0.0], [5.0, 8.0], [2.0, 5.0], [1.0, 6.0], [4.0, 6.5], [0.0, 0.0], [1.0, -1.0], [-1.0, 0.5]]
    )
    return GaussianMixture(weight, min_signal=10.0, max_signal=150.0, min_sigma=2.0)


def make_histogram() -> Histogram:
    s = torch.linspace(2.0, 180.0, 300_000)
    return Histogram.fit(s, PoissonGaussian(gain=5.0, read_noise=3.0).sample(s, torch.Generator().manual_seed(0)))


EXAMPLES: dict[str, Callable[[], NoiseModel]] = {
    "gaussian": lambda: Gaussian(25.0),
    "poisson-gaussian": lambda: PoissonGaussian(gain=17.0, offset=3.5, read_noise=2.1),
    "gaussian-mixture": make_mixture,
    "histogram": make_histogram,
    "censored": lambda: Censored(PoissonGaussian(gain=17.0, read_noise=9.0), low=-1e7, high=1e7, step=1.0),
}


def test_every_model_has_an_example() -> None:
    assert set(EXAMPLES) == set(NOISE_MODELS)
    assert all(model.kind == kind for kind, model in NOISE_MODELS.items())


@pytest.mark.parametrize("case", [case for name, make in EXAMPLES.items() for case in noise_cases(name, make)], ids=str)
def test_contract(case: NoiseCase) -> None:
    case.run()


@pytest.mark.parametrize("make", EXAMPLES.values(), ids=EXAMPLES.keys())
def test_registry_rebuilds_the_model(make: Callable[[], NoiseModel]) -> None:
    model = make()
    again = noise_model_from_record(model.to_record())
    assert type(again) is type(model)
    assert again.describe() == model.describe()


@pytest.mark.parametrize("make", EXAMPLES.values(), ids=EXAMPLES.keys())
def test_parameters_move_with_the_model_but_not_into_its_weights(make: Callable[[], NoiseModel]) -> None:
    model = make()
    assert not model.state_dict()
    assert list(model.buffers())
    assert not list(model.parameters())


def test_unknown_kind_and_missing_part() -> None:
    with pytest.raises(NoiseError, match="kind 'laplace'"):
        noise_model_from_record(NoiseRecord(kind="laplace"))
    with pytest.raises(NoiseError, match="sigma"):
        noise_model_from_record(NoiseRecord(kind="gaussian"))
