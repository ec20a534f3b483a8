"""Likelihoods inside exported models: those of the noise models, in operations that every format has."""

import numpy as np
import pytest
import torch

from quietscope.export.export_noise import export_noise
from quietscope.noise import Censored, Gaussian, GaussianMixture, Histogram, NoiseModel, PoissonGaussian

CAMERA = PoissonGaussian(gain=2.0, offset=3.0, read_noise=3.0)
PIXELS = torch.tensor([0.0, 255.0])


def fitted() -> tuple[Histogram, GaussianMixture]:
    signal = np.random.default_rng(0).uniform(20, 240, 40_000)
    observed = CAMERA.sample(torch.from_numpy(signal), torch.Generator().manual_seed(0))
    return (
        Histogram.fit(signal, observed, num_bins=64),
        GaussianMixture.fit(signal, observed, num_iterations=30),
    )


def models() -> dict[str, NoiseModel]:
    histogram, mixture = fitted()
    return {
        "gaussian": Gaussian(8.0),
        "camera": CAMERA,
        "histogram": histogram,
        "clipped camera": Censored(CAMERA, low=0.0, high=255.0, step=1.0),
        "saturated histogram": Censored(histogram, high=255.0, step=1.0),
        "clipped mixture": Censored(mixture, low=0.0, high=255.0),
    }


MODELS = models()


@pytest.mark.parametrize("name", MODELS)
def test_it_is_the_likelihood_of_the_noise_model(name: str) -> None:
    model = MODELS[name]
    x = torch.tensor([0.0, 0.5, 10.0, 100.0, 180.0, 254.0, 255.0])[:, None]
    s = torch.linspace(-20.0, 300.0, 641)
    found, wanted = export_noise(model, PIXELS).quasi_log_prob(x, s), model.quasi_log_prob(x, s)
    weighs = wanted > wanted.amax(dim=1, keepdim=True) - 200  # exp(-200) of the weight of the best signal is none
    assert bool((found[~weighs] < wanted.amax(dim=1, keepdim=True).expand_as(wanted)[~weighs] - 150).all())
    torch.testing.assert_close(found[weighs], wanted[weighs], rtol=1e-3, atol=0.01)


def test_tails_go_on_where_their_tables_end() -> None:
    """A sample far off weighs nothing: the slope goes on, and nothing overflows."""
    far = torch.tensor([-1e6, -1e4, 1e4, 1e6])
    made = export_noise(MODELS["clipped camera"], PIXELS)
    dark, bright = (made.quasi_log_prob(torch.full((4,), x), far) for x in (0.0, 255.0))
    assert bool(torch.isfinite(torch.stack((dark, bright))).all())
    assert dark[3] < dark[2] < -50
    assert bright[0] <= bright[1] < -50
