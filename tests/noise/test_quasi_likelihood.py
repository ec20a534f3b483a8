"""The function that Poisson-Gaussian training maximises: its gradient, its limit, and why it is not the density."""

import pytest
import torch

from quietscope.noise import PoissonGaussian


def gradient(model: PoissonGaussian, x: torch.Tensor, s: torch.Tensor, name: str) -> torch.Tensor:
    at = s.clone().requires_grad_()
    (out,) = torch.autograd.grad(getattr(model, name)(x, at).sum(), at)
    return out


def test_gradient_is_residual_over_variance() -> None:
    model = PoissonGaussian(gain=10.0, offset=5.0, read_noise=4.0)
    s = torch.linspace(20, 5000, 40)
    x = torch.linspace(0, 6000, 40).flip(0)
    expected = (x - s) / model.variance(s)
    assert torch.allclose(gradient(model, x, s, "quasi_log_prob"), expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("gain", [0.0, 1e-3, 0.05])
def test_it_is_the_density_where_photons_are_many(gain: float) -> None:
    model = PoissonGaussian(gain=gain, offset=0.0, read_noise=30.0)
    s, x = torch.linspace(0, 1000, 50), torch.linspace(1000, 0, 50)
    assert torch.equal(model.quasi_log_prob(x, s), model.log_prob(x, s))


def test_it_joins_the_density_smoothly() -> None:
    model = PoissonGaussian(gain=1.0, offset=0.0, read_noise=1.0)
    s = torch.tensor([990.0, 1010.0])
    values = model.quasi_log_prob(s + 20, s)
    assert abs(float(values[1] - values[0])) < 0.02


def test_true_photon_counts_leave_it_unbiased_and_the_density_biased_in_the_dark() -> None:
    """A spike at zero with a long tail: one photon of 20 units every fifth pixel."""
    model = PoissonGaussian(gain=20.0, offset=0.0, read_noise=1.0)
    s = torch.full((400_000,), 4.0)
    counts = torch.poisson(s / 20.0, generator=torch.Generator().manual_seed(0))
    x = 20.0 * counts + torch.randn(s.shape, generator=torch.Generator().manual_seed(1))
    quasi, normal = (gradient(model, x, s, name) for name in ("quasi_log_prob", "log_prob"))
    assert abs(float(quasi.mean())) < 5 * float(quasi.std()) / s.numel() ** 0.5
    assert float(normal.std()) > 1.5 * float(quasi.std()), "the density lets single bright pixels pull much harder"
