"""Censoring: total probability 1, fits that see through the clipping, and training that is not biased by it."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from scipy.optimize import brentq

from quietscope.errors import NoiseError
from quietscope.noise import (
    Censored,
    ClipLevels,
    Gaussian,
    GaussianMixture,
    Histogram,
    NoiseModel,
    PoissonGaussian,
    fit_noise,
    measure_noise,
    noise_model_from_record,
)
from quietscope.noise.clipped_line import clipped_moments


def mixture() -> GaussianMixture:
    weight = torch.tensor([[0.0, 3.0], [-2.0, 0.0], [5.0, 5.5], [4.0, 6.5], [0.0, 0.0], [1.0, -1.0]])
    return GaussianMixture(weight, min_signal=0.0, max_signal=250.0, min_sigma=2.0)


def histogram() -> Histogram:
    s = torch.linspace(0.0, 250.0, 50_000)
    return Histogram.fit(s, mixture().sample(s, torch.Generator().manual_seed(0)))


BASES = {
    "gaussian": lambda: Gaussian(20.0),
    "poisson-gaussian": lambda: PoissonGaussian(gain=4.0, read_noise=6.0),
    "gaussian-mixture": mixture,
    "histogram": histogram,
}
SIGNALS = torch.tensor([-10.0, 2.0, 100.0, 240.0, 300.0])


@pytest.mark.parametrize("step", [0.0, 1.0])
@pytest.mark.parametrize("make", BASES.values(), ids=BASES.keys())
def test_masses_at_the_limits_and_the_density_between_make_one(make: type, step: float) -> None:
    model = Censored(make(), low=0.0, high=255.0, step=step)
    x = torch.linspace(0.5 * step, 255.0 - 0.5 * step, 25_501)[1:-1, None]
    between = model.log_prob(x, SIGNALS).double().exp().sum(dim=0) * float(x[1] - x[0])
    low, high = (model.log_prob(torch.tensor(end), SIGNALS).double().exp() for end in (0.0, 255.0))
    assert torch.allclose(between + low + high, torch.ones_like(low), atol=5e-3)
    assert float((low + high)[0]) > 0.3, "nothing was censored, and nothing tested"


def test_a_gaussian_in_closed_form() -> None:
    model = Censored(Gaussian(2.0), low=0.0, high=255.0, step=1.0)
    s = torch.tensor(253.0)
    tail = math.log(0.5 * math.erfc(1.5 / 2.0 / math.sqrt(2.0)))
    assert float(model.log_prob(torch.tensor(255.0), s)) == pytest.approx(tail, rel=1e-5)
    assert float(model.log_prob(torch.tensor(300.0), s)) == pytest.approx(tail, rel=1e-5)
    assert torch.equal(model.log_prob(torch.tensor(254.0), s), Gaussian(2.0).log_prob(torch.tensor(254.0), s))


def test_a_saturated_pixel_pulls_up_even_where_the_signal_is_above_the_limit() -> None:
    model = Censored(Gaussian(10.0), high=255.0, step=1.0)
    s = torch.tensor([200.0, 260.0, 400.0, 1e5], requires_grad=True)
    (pull,) = torch.autograd.grad(model.quasi_log_prob(torch.tensor(255.0), s).sum(), s)
    assert bool((pull >= 0.0).all())
    assert float(pull[1]) > 1e-3
    (plain,) = torch.autograd.grad(Gaussian(10.0).quasi_log_prob(torch.tensor(255.0), s).sum(), s)
    assert float(plain[1]) < 0.0, "without censoring it would pull down"


def test_samples_are_clipped_and_moments_are_not() -> None:
    base = Gaussian(20.0)
    model = Censored(base, low=0.0, high=255.0)
    x = model.sample(SIGNALS.expand(1000, -1), torch.Generator().manual_seed(0))
    assert float(x.min()) == 0.0
    assert float(x.max()) == 255.0
    assert torch.equal(model.mean(SIGNALS), base.mean(SIGNALS))
    assert torch.equal(model.variance(SIGNALS), base.variance(SIGNALS))


@pytest.mark.parametrize("make", BASES.values(), ids=BASES.keys())
@pytest.mark.parametrize("limits", [(0.0, 255.0), (-math.inf, 255.0), (0.0, math.inf)])
def test_record_nests_that_of_the_base(make: type, limits: tuple[float, float]) -> None:
    model = Censored(make(), *limits, step=1.0)
    again = noise_model_from_record(model.to_record())
    x = torch.tensor([0.0, 50.0, 255.0])[:, None]
    assert again.describe() == model.describe()
    assert again.signal_range == model.base.signal_range
    assert torch.equal(again.log_prob(x, SIGNALS), model.log_prob(x, SIGNALS))


def test_limits_that_are_none() -> None:
    for low, high, step in ((3.0, 2.0, 0.0), (0.0, 1.0, 1.0), (math.nan, 1.0, 0.0), (0.0, 9.0, -1.0)):
        with pytest.raises(NoiseError, match="low below high"):
            Censored(Gaussian(1.0), low, high, step)
    with pytest.raises(NoiseError, match="without limits"):
        Censored(Censored(Gaussian(1.0), high=3.0), low=0.0)


def clipped_pairs(noise: NoiseModel, low: float = 0.0, num: int = 200_000) -> tuple[torch.Tensor, torch.Tensor]:
    """Pairs from below the lower to above the upper end of 8 bits."""
    s = torch.rand(num, generator=torch.Generator().manual_seed(3)) * (270.0 - low) + low
    return s, noise.sample(s, torch.Generator().manual_seed(4)).round().clamp(0.0, 255.0)


def sigma_error(model: NoiseModel, truth: NoiseModel) -> float:
    at = torch.linspace(5.0, 260.0, 30)
    return float((model.variance(at).sqrt() / truth.variance(at).sqrt() - 1.0).abs().max())


@pytest.mark.parametrize("kind", ["gaussian", "poisson-gaussian"])
def test_fits_see_through_the_clipping(kind: str) -> None:
    truth = BASES[kind]()
    s, x = clipped_pairs(truth)
    model = fit_noise(kind, s, x)
    assert isinstance(model, Censored)
    assert (model.limits.low, model.limits.high, model.limits.step) == (0.0, 255.0, 1.0)
    assert sigma_error(model, truth) < 0.04


def test_the_fit_of_a_mixture_sees_through_the_clipping() -> None:
    truth = mixture()
    s, x = clipped_pairs(truth)
    options: dict[str, Any] = {"num_components": 2, "num_iterations": 300}
    model = fit_noise("gaussian-mixture", s, x, **options)
    naive = fit_noise("gaussian-mixture", s, x, clip=ClipLevels(), **options)
    assert sigma_error(model, truth) < 0.1
    assert sigma_error(naive, truth) > 2.0 * sigma_error(model, truth)


def test_an_uncensored_fit_is_worse() -> None:
    s, x = clipped_pairs(Gaussian(20.0))
    assert sigma_error(Gaussian.fit(s, x), Gaussian(20.0)) > 0.04


def test_nothing_is_censored_where_nothing_is_clipped() -> None:
    s, x = clipped_pairs(Gaussian(5.0), low=60.0)
    s, x = s[s < 200.0], x[s < 200.0]
    assert type(fit_noise("gaussian", s, x)) is Gaussian
    with pytest.raises(NoiseError, match="censored"):
        fit_noise("censored", s, x)


def test_pixels_without_photons_are_not_censored() -> None:
    """A row of whole photons: zeros pile up, and are measurements."""
    rng = np.random.default_rng(0)
    s = rng.exponential(10.0, 200_000)
    x = 17.0 * rng.poisson(s / 17.0)
    assert type(fit_noise("poisson-gaussian", s, x)) is PoissonGaussian


def camera(s: np.ndarray, noise: PoissonGaussian, seed: int) -> np.ndarray:
    """Photons through the gain, read noise, rounding, 8 bits."""
    rng = np.random.default_rng(seed)
    photons = noise.gain * rng.poisson((s - noise.offset) / noise.gain) + noise.offset
    return np.clip(np.round(photons + rng.normal(0.0, noise.read_noise, s.shape)), 0, 255)


def likeliest(model: NoiseModel, x: torch.Tensor, guess: float, darkest: float) -> tuple[float, float]:
    """Signal at which the summed training gradient is zero, and its standard error from the pixels' scatter."""

    def pull(s: float) -> torch.Tensor:
        at = torch.full_like(x, s).requires_grad_()
        (out,) = torch.autograd.grad(model.quasi_log_prob(x, at).sum(), at)
        return out.double()

    found = float(brentq(lambda s: float(pull(s).mean()), darkest, guess + 60.0, xtol=1e-4))
    slope = float((pull(found + 0.05).mean() - pull(found - 0.05).mean()) / 0.1)
    return found, float(pull(found).std()) / x.numel() ** 0.5 / abs(slope)


@pytest.mark.parametrize("noise", [(2.0, 0.0, 6.0), (12.0, 3.0, 4.0), (20.0, 0.0, 1.0), (0.05, 0.0, 8.0)], ids=str)
@pytest.mark.parametrize("s", [4.0, 12.0, 60.0, 250.0])
def test_training_finds_the_true_signal_through_both_limits(noise: tuple[float, float, float], s: float) -> None:
    truth = PoissonGaussian(*noise)
    x = torch.from_numpy(camera(np.full(100_000, s), truth, 0)).float()
    darkest = max(s - 30.0, truth.offset - truth.read_noise**2 / truth.gain)  # where the line meets zero
    found, error = likeliest(Censored(truth, 0.0, 255.0, 1.0), x, s, darkest)
    # A thousandth of the noise for the numbers: interpolation, float32, rounding taken for a smooth tail.
    assert abs(found - s) < 4.0 * error + 0.01 * float(truth.variance(torch.tensor(s)).sqrt())


def test_without_censoring_the_dark_is_too_bright_and_the_light_too_dark() -> None:
    truth = PoissonGaussian(2.0, 0.0, 6.0)
    for s, sign in ((2.0, 1.0), (250.0, -1.0)):
        x = torch.from_numpy(camera(np.full(100_000, s), truth, 0)).float()
        found, error = likeliest(truth, x, s, -17.0)
        assert sign * (found - s) > 10.0 * error


def blobs(high: float) -> np.ndarray:
    """Bright spots on a ground of 0, shape (2, 256, 256)."""
    pattern = gaussian_filter(np.random.default_rng(0).normal(size=(2, 256, 256)), (0, 6.0, 6.0))
    pattern = np.exp(2.0 * pattern / pattern.std())
    return high * np.minimum(pattern / np.quantile(pattern, 0.99), 1.0)


def test_the_blind_estimate_sees_through_a_clipped_dark_and_censors_both_ends() -> None:
    truth = PoissonGaussian(2.0, 0.0, 6.0)
    estimate = measure_noise(camera(blobs(280.0), truth, 1).astype(np.uint8))
    model = estimate.training_model
    assert isinstance(model, Censored)
    assert (model.limits.low, model.limits.high, model.limits.step) == (0.0, 255.0, 1.0)
    assert model.base is estimate.model
    assert estimate.clipped_low > 0.1
    assert sigma_error(model, truth) < 0.12


@pytest.mark.parametrize("gain", [4.0, 20.0])
def test_the_blind_estimate_keeps_pixels_without_photons(gain: float) -> None:
    truth = PoissonGaussian(gain, 0.0, 0.3)
    estimate = measure_noise(camera(blobs(150.0), truth, 1))
    assert estimate.clipped_low > 0.1
    assert estimate.clip.low == -math.inf
    at = torch.tensor([10.0, 50.0, 120.0])
    assert torch.allclose(estimate.model.variance(at).sqrt(), truth.variance(at).sqrt(), rtol=0.12)


def test_clipped_moments_are_those_of_a_clipped_normal() -> None:
    draws = np.random.default_rng(0).normal(2.0, 5.0, 1_000_000).clip(min=-1.0)
    mean, variance = clipped_moments(np.array([2.0]), np.array([25.0]), -1.0)
    assert mean[0] == pytest.approx(draws.mean(), abs=0.02)
    assert variance[0] == pytest.approx(draws.var(), rel=0.01)


def test_the_blind_estimate_of_an_open_scale_is_plain() -> None:
    ramp = np.tile(np.linspace(60.0, 180.0, 128), (128, 1))
    estimate = measure_noise(camera(ramp, PoissonGaussian(1.0, 0.0, 2.0), 1))
    assert estimate.training_model is estimate.model
    assert estimate.clip.is_open
