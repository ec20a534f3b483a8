"""Oracles for the single noise models: closed forms, and fits that recover known parameters."""

import math

import numpy as np
import pytest
import torch

from quietscope.errors import NoiseError
from quietscope.noise import Gaussian, GaussianMixture, PoissonGaussian


def camera(signal: np.ndarray, gain: float, offset: float, read_noise: float, seed: int = 0) -> np.ndarray:
    """A camera: Poisson photons times gain, plus offset, plus Gaussian read noise."""
    rng = np.random.default_rng(seed)
    return gain * rng.poisson((signal - offset) / gain) + offset + rng.normal(0.0, read_noise, signal.shape)


def test_gaussian_density_in_closed_form() -> None:
    value = Gaussian(2.0).log_prob(torch.tensor(3.0), torch.tensor(1.0)).item()
    assert value == pytest.approx(-0.5 * math.log(2 * math.pi * 4.0) - 0.5)


def test_gaussian_fit() -> None:
    s = np.linspace(0, 255, 100_000)
    x = s + np.random.default_rng(0).normal(0, 25, s.shape)
    assert Gaussian.fit(s, torch.from_numpy(x)).sigma == pytest.approx(25.0, rel=0.01)


@pytest.mark.parametrize("sigma", [0.0, -1.0, math.nan, math.inf])
def test_gaussian_refuses_nonsense(sigma: float) -> None:
    with pytest.raises(NoiseError):
        Gaussian(sigma)


@pytest.mark.parametrize("parameters", [(0.0, 0.0, 0.0), (-1.0, 0.0, 2.0), (math.nan, 0.0, 1.0), (1.0, 0.0, -2.0)])
def test_poisson_gaussian_refuses_nonsense(parameters: tuple[float, float, float]) -> None:
    with pytest.raises(NoiseError):
        PoissonGaussian(*parameters)


def test_poisson_gaussian_variance_is_the_line_above_the_floor() -> None:
    model = PoissonGaussian(gain=17.0, offset=3.0, read_noise=2.0)
    s = torch.tensor([3.0, 10.0, 200.0])
    assert torch.allclose(model.variance(s), 17.0 * (s - 3.0) + 4.0, rtol=0.01)


@pytest.mark.parametrize(("gain", "offset", "read_noise"), [(17.0, 3.0, 1.0), (100.0, 160.0, 5.0), (2.0, 100.0, 6.0)])
def test_poisson_gaussian_fit_recovers_the_camera(gain: float, offset: float, read_noise: float) -> None:
    s = offset + gain * np.random.default_rng(1).exponential(8.0, 400_000)
    model = PoissonGaussian.fit(s, camera(s, gain, offset, read_noise), offset=offset)
    assert model.gain == pytest.approx(gain, rel=0.03)
    at = torch.tensor(np.quantile(s, [0.01, 0.5, 0.99]))
    truth = gain * (at - offset) + read_noise**2
    assert torch.allclose(model.variance(at).double().sqrt(), truth.sqrt(), rtol=0.06)


def test_poisson_gaussian_fit_ignores_clipped_bins() -> None:
    s = np.random.default_rng(1).uniform(5.0, 255.0, 400_000)
    x = np.clip(np.round(camera(s, 10.0, 0.0, 2.0)), 0, 255)
    assert PoissonGaussian.fit(s, x).gain == pytest.approx(10.0, rel=0.05)


def test_poisson_gaussian_fit_keeps_pixels_without_photons() -> None:
    """Pixels piled up at zero because no photon came are no clipping: they pin the offset."""
    s = np.random.default_rng(1).exponential(10.0, 400_000)
    model = PoissonGaussian.fit(s, camera(s, 17.0, 0.0, 0.0))
    assert model.gain == pytest.approx(17.0, rel=0.05)
    assert model.offset == pytest.approx(0.0, abs=0.1)


def test_constant_noise_has_no_gain() -> None:
    s = np.random.default_rng(1).uniform(0.0, 255.0, 400_000)
    model = PoissonGaussian.fit(s, s + np.random.default_rng(2).normal(0, 25, s.shape))
    sigma = model.variance(torch.tensor([0.0, 128.0, 255.0])).sqrt()
    assert torch.allclose(sigma, torch.full((3,), 25.0), rtol=0.02)


def test_floor_is_smooth_and_gradient_points_up() -> None:
    model = PoissonGaussian(gain=17.0)
    s = torch.linspace(-50, 50, 1001, requires_grad=True)
    variance = model.variance(s)
    (slope,) = torch.autograd.grad(variance.sum(), s)
    assert float(variance.detach().min()) > 0.0
    assert bool((slope >= 0.0).all())
    (pull,) = torch.autograd.grad(model.log_prob(torch.tensor(10.0), s).sum(), s)
    assert bool((pull[s < 0] > 0.0).all())


def make_pairs(num: int = 60_000) -> tuple[np.ndarray, np.ndarray]:
    s = np.random.default_rng(1).uniform(20.0, 400.0, num)
    return s, camera(s, 20.0, 0.0, 3.0)


def test_mixture_beats_one_gaussian_on_few_photons() -> None:
    s, x = make_pairs()
    mixture, single = GaussianMixture.fit(s, x, num_iterations=200, batch_size=5000), PoissonGaussian.fit(s, x)
    at, seen = torch.from_numpy(s), torch.from_numpy(x)
    assert mixture.log_prob(seen, at).mean() > single.log_prob(seen, at).mean()
    ratio = mixture.variance(at).sqrt() / single.variance(at).sqrt()
    assert float((ratio - 1.0).abs().mean()) < 0.15


def test_mixture_fit_is_repeatable() -> None:
    s, x = make_pairs(5000)
    fits = [GaussianMixture.fit(s, x, num_iterations=5, batch_size=1000, seed=seed) for seed in (1, 1, 2)]
    assert torch.equal(fits[0].weight, fits[1].weight)
    assert not torch.equal(fits[0].weight, fits[2].weight)


def test_mixture_fit_does_not_depend_on_the_unit() -> None:
    s, x = make_pairs(5000)
    ours, tiny = (
        GaussianMixture.fit(s * unit, x * unit, min_sigma=1.0 * unit**2, num_iterations=20, batch_size=1000)
        for unit in (1.0, 1e-3)
    )
    at = torch.tensor([50.0, 200.0, 350.0])
    assert torch.allclose(tiny.variance(at * 1e-3) * 1e6, ours.variance(at), rtol=1e-3)


def test_mixture_drops_pairs_outside_the_percentiles() -> None:
    s, x = make_pairs(5000)
    model = GaussianMixture.fit(s, x, percentiles=(0.5, 99.5), num_iterations=2, batch_size=100)
    assert (model.min_signal, model.max_signal) == pytest.approx(tuple(np.percentile(s, (0.5, 99.5))))


def test_mixture_of_one_component_is_a_normal() -> None:
    weight = torch.tensor([[7.0], [math.log(100.0)], [0.3]])
    model = GaussianMixture(weight, 0.0, 1.0)
    x, s = torch.tensor([3.0, 9.0]), torch.tensor([5.0, 5.0])
    assert torch.allclose(model.log_prob(x, s), Gaussian(10.0).log_prob(x, s))


@pytest.mark.parametrize("shape", [(4, 2), (0, 2), (3, 0), (3,)])
def test_mixture_refuses_other_weights(shape: tuple[int, ...]) -> None:
    with pytest.raises(NoiseError, match=r"3 K, C"):
        GaussianMixture(torch.zeros(shape), 0.0, 1.0)


@pytest.mark.parametrize("model", [Gaussian, PoissonGaussian, GaussianMixture])
def test_fits_refuse_what_is_no_pair(model: type[Gaussian] | type[PoissonGaussian] | type[GaussianMixture]) -> None:
    image = np.random.default_rng(0).normal(100, 5, (32, 32))
    with pytest.raises(NoiseError, match="shape"):
        model.fit(image, image[:16])
    with pytest.raises(NoiseError, match="at least"):
        model.fit(image[:2, :2], image[:2, :2])
    with pytest.raises(NoiseError, match="NaN"):
        model.fit(image, np.where(image > 100, np.nan, image))
    with pytest.raises(NoiseError):
        model.fit(image, image)
