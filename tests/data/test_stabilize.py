"""The stabilised scale: closed forms, inverses, unit noise."""

import numpy as np
import pytest
import torch

from quietscope.data.normalize import Statistics
from quietscope.data.stabilize import Stabilizer
from quietscope.noise import Gaussian, GaussianMixture, NoiseModel, PoissonGaussian

MODELS: list[NoiseModel] = [Gaussian(7.0), PoissonGaussian(gain=5.0, offset=100.0, read_noise=3.0)]
QUANTILES = torch.linspace(100, 2000, 257)[None]


def mixture() -> NoiseModel:
    s = torch.linspace(100, 2000, 20000)
    x = PoissonGaussian(gain=5.0, offset=100.0, read_noise=3.0).sample(s, torch.Generator().manual_seed(0))
    return GaussianMixture.fit(s, x, num_iterations=50)


@pytest.mark.parametrize("model", [*MODELS, mixture()], ids=lambda m: m.kind)
def test_noise_has_one_width_and_the_inverse_inverts(model: NoiseModel) -> None:
    stabilizer = Stabilizer.of_variances([model.variance], QUANTILES)
    generator = torch.Generator().manual_seed(0)
    signal = torch.tensor([200.0, 600.0, 1200.0, 1800.0])[:, None].expand(4, 40000).reshape(1, 1, 4, 40000)
    widths = stabilizer(model.sample(signal, generator)).std(dim=-1).flatten()
    assert float(widths.max() / widths.min()) < 1.05
    x = torch.linspace(-500, 4000, 999).reshape(1, 1, -1, 1)
    assert torch.allclose(stabilizer.inverse(stabilizer(x)), x, atol=0.1)
    assert bool((stabilizer(x).diff(dim=2) > 0).all())


def test_poisson_gaussian_gives_the_generalised_anscombe_transform() -> None:
    gain, offset, read = 5.0, 100.0, 3.0
    stabilizer = Stabilizer.of_variances([PoissonGaussian(gain, offset, read).variance], QUANTILES)
    s = torch.linspace(150, 1900, 50)
    anscombe = 2 / gain * torch.sqrt(gain * (s - offset) + read**2 + 3 / 8 * gain**2)
    u = stabilizer(s.reshape(1, 1, -1, 1)).flatten()
    slope = (anscombe[-1] - anscombe[0]) / (u[-1] - u[0])
    assert torch.allclose(
        anscombe - anscombe[0], (u - u[0]) * slope, atol=0.02 * float(anscombe[-1] - anscombe[0]) / 10
    )


def test_gaussian_noise_gives_a_straight_line_and_gradients_flow() -> None:
    stabilizer = Stabilizer.of_variances([Gaussian(7.0).variance], QUANTILES)
    u = torch.linspace(-9, 9, 30, requires_grad=True)
    (gradient,) = torch.autograd.grad(stabilizer.inverse(u.reshape(1, 1, -1, 1)).sum(), u)
    assert torch.allclose(gradient, gradient[0].expand(30), rtol=1e-3)
    values = stabilizer(QUANTILES.reshape(1, 1, -1, 1))
    assert abs(float(values.mean())) < 1e-3
    assert float(values.std(correction=0)) == pytest.approx(1, abs=1e-3)


def test_noise_below_the_darkest_signal_does_not_stretch_the_scale() -> None:
    model = PoissonGaussian(gain=60.0, offset=360.0, read_noise=3.0)
    quantiles, dark = torch.linspace(3, 2000, 257)[None], torch.tensor([500.0])
    deviation = float(model.variance(dark).sqrt())
    below = torch.tensor([500.0 - 3 * deviation, 500.0]).reshape(1, 1, 2, 1)
    with_dark = Stabilizer.of_variances([model.variance], quantiles, dark)
    spans = [
        float(each(below).diff(dim=2)) for each in (with_dark, Stabilizer.of_variances([model.variance], quantiles))
    ]
    assert spans[1] > 2 * spans[0]
    x = torch.linspace(-500, 3000, 99).reshape(1, 1, -1, 1)
    assert torch.allclose(with_dark.inverse(with_dark(x)), x, atol=0.1)


def test_darkest_signal_is_found_below_noise() -> None:
    rng = np.random.default_rng(0)
    clean = np.where(np.arange(128) < 40, 200.0, 900.0) * np.ones((2, 1, 128, 128))
    noisy = clean + rng.normal(0, 80, clean.shape)
    assert float(Statistics.of_frames(noisy).darkest[0]) == pytest.approx(200, abs=25)
    tiny = Statistics.of_frames(noisy[:, :, :3, :5])
    assert tiny.darkest.shape == (1,)
