"""PN2V: the posterior of a pixel from samples of what its surroundings say and the noise model, in one pass."""

import math
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pytest
import torch

from quietscope import Denoiser
from quietscope.axes import Layout
from quietscope.data.frames import Frames
from quietscope.data.normalize import Statistics
from quietscope.errors import SettingsError
from quietscope.methods.abilities import require
from quietscope.methods.base import BuiltMethod, MomentsMethod
from quietscope.methods.noise2void import Noise2Void, Noise2VoidSettings
from quietscope.methods.pn2v import PN2V, PN2VSettings
from quietscope.noise import Gaussian, NoiseModel, PoissonGaussian
from quietscope.prediction import predict_frame
from quietscope.presets import find_preset
from quietscope.testing.method_contract import toy_settings
from quietscope.tiling.orientations import ALL_TURNS
from quietscope.tiling.request import Request
from quietscope.training.budget import Budget
from quietscope.training.fit import fit
from tests import tiny

STATISTICS = Statistics(torch.tensor([100.0]), torch.tensor([20.0]))


def of_prior(prior: npt.NDArray[np.float64], noise: NoiseModel, factor: float = 10.0) -> PN2V:
    """Make a method that predicts the same samples, in intensity units, for every pixel."""
    settings = PN2VSettings(depth=1, filters=4, samples=len(prior), output_scale=factor)
    method = PN2V(settings, STATISTICS, [noise]).eval()
    with torch.no_grad():
        method.unet.head.weight.zero_()
        assert method.unet.head.bias is not None
        method.unet.head.bias.copy_(torch.from_numpy((prior - 100.0) / 20.0 / factor))
    return method


@pytest.mark.parametrize("factor", [1.0, 10.0])
def test_a_normal_prior_has_the_posterior_of_the_textbook(factor: float) -> None:
    """N(100, 15^2) and noise of 10: the posterior is normal, with mean 100 + 0.69 (x - 100) and deviation 8.3."""
    prior = 100.0 + 15.0 * np.array([NormalDist().inv_cdf((k + 0.5) / 800) for k in range(800)])
    method = of_prior(prior, Gaussian(10.0), factor)
    x = torch.linspace(80.0, 120.0, 64).reshape(1, 1, 8, 8)
    with torch.inference_mode():
        mean, deviation = method.moments(x)
    share = 15.0**2 / (15.0**2 + 10.0**2)
    torch.testing.assert_close(mean, 100.0 + share * (x - 100.0), rtol=0, atol=0.15)
    torch.testing.assert_close(deviation, torch.full_like(x, math.sqrt(share) * 10.0), rtol=0.02, atol=0)


def test_two_signals_and_noise_that_depends_on_them() -> None:
    """Bayes' rule for two signals; the loss is the negative logarithm of what they give together."""
    noise = PoissonGaussian(gain=2.0, offset=0.0, read_noise=3.0)
    signals = torch.tensor([80.0, 130.0])
    method = of_prior(signals.double().numpy(), noise)
    x = torch.linspace(60.0, 150.0, 64).reshape(1, 1, 8, 8)
    odds = noise.quasi_log_prob(x, signals[1]) - noise.quasi_log_prob(x, signals[0])
    second = torch.sigmoid(odds)
    with torch.inference_mode():
        mean, deviation = method.moments(x)
        flat = torch.full((2, 1, 16, 16), 104.0)
        loss = float(method.loss(flat).total)
    torch.testing.assert_close(mean, 80.0 + 50.0 * second, rtol=0, atol=1e-2)
    torch.testing.assert_close(deviation, 50.0 * (second * (1.0 - second)).sqrt(), rtol=0, atol=1e-2)
    wanted = -float(noise.quasi_log_prob(torch.tensor(104.0), signals).exp().mean().log())
    assert loss == pytest.approx(wanted, abs=1e-3)


def test_the_loss_does_not_see_the_hidden_pixel() -> None:
    """Changing the pixel under a blind spot changes its likelihood, never the samples."""
    method = PN2V(PN2VSettings(depth=1, filters=8, samples=5, masked_share=1 / 64), STATISTICS, [Gaussian(10.0)])
    x = 100 + 20 * torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(3)
    blinded = method.blind_spots.apply(method.to_network(x))
    spot = int(blinded.index[0, 0])
    with torch.inference_mode():
        signals = method._signals(method.unet.features(blinded.pixels)).flatten(3)[0, 0, :, spot]
        for value in (60.0, 100.0, 140.0):
            changed = x.clone()
            changed.view(-1)[spot] = value
            torch.manual_seed(3)
            wanted = -torch.log(Gaussian(10.0).log_prob(torch.tensor(value), signals).exp().mean())
            assert float(method.loss(changed).total) == pytest.approx(float(wanted), rel=1e-4)


def trained(method: BuiltMethod, noisy: npt.NDArray[np.float32], steps: int) -> BuiltMethod:
    frames = Frames(((noisy, Layout.of("QYX", noisy.shape)),))
    settings = toy_settings(patch=32, batch_size=8, learning_rate=3e-3, validate_every=steps, clip_norm=1.0)
    fit(method, frames, settings, Budget(steps=steps), device=torch.device("cpu"))
    return method


def test_it_learns_how_signals_are_spread() -> None:
    """Pixels without any structure: only their distribution can be learnt, and it decides how far a pixel is moved."""
    rng = np.random.default_rng(0)
    clean = rng.normal(100, 20, (8, 48, 48))
    noisy = (clean + rng.normal(0, 10, clean.shape)).astype(np.float32)
    torch.manual_seed(0)
    settings = PN2VSettings(depth=1, filters=8, samples=40, output_scale=10.0)
    method = PN2V(settings, Statistics(torch.tensor([100.0]), torch.tensor([22.4])), [Gaussian(10.0)])
    trained(method, noisy, 120)
    with torch.inference_mode():
        mean, deviation = (each[:, 0].numpy() for each in method.moments(torch.from_numpy(noisy[:, None])))
    error = float(np.sqrt(np.mean((mean - clean) ** 2)))
    assert error < 9.4, "the best there is: 8.9; the pixel itself: 10; without it: 20"
    assert error / float(np.sqrt(np.mean(deviation**2))) == pytest.approx(1.0, abs=0.12)


def test_with_a_known_noise_it_beats_noise2void_after_as_many_steps() -> None:
    """Grain that no surroundings foretell: only the pixel itself shows it, at which Noise2Void never looks."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:48, :48] / 48.0
    clean = np.stack([60 + 40 * np.sin(19 * x + n) * np.cos(17 * y - n) + 40 * (x > y) for n in range(16)])
    clean = np.clip(clean + rng.normal(0, 10, clean.shape), 0, None)
    noise = PoissonGaussian(gain=1.0, offset=0.0, read_noise=3.0)
    noisy = (rng.poisson(clean) + rng.normal(0, 3, clean.shape)).astype(np.float32)
    statistics = Statistics.of_frames(noisy[:, None])
    shape: tiny.Values = {"depth": 2, "filters": 8, "masked_share": 1 / 16}
    torch.manual_seed(0)
    methods = (
        PN2V(PN2VSettings(**shape, samples=40), statistics, [noise]),
        Noise2Void(Noise2VoidSettings(**shape, batch_norm=False), statistics),
    )
    errors = []
    for method in methods:
        trained(method, noisy, 100)
        with torch.inference_mode():
            errors.append(float(np.mean((method.predict(torch.from_numpy(noisy[:, None]))[:, 0].numpy() - clean) ** 2)))
    assert errors[0] < 0.8 * errors[1], errors


def test_mean_and_deviation_of_a_frame_and_no_samples() -> None:
    denoiser = tiny.denoiser(PN2V)
    image = np.random.default_rng(0).normal(150, 30, (24, 28)).astype(np.float32)
    whole = denoiser.denoise(image, axes="YX")
    assert whole.std is not None
    with torch.inference_mode():
        mean, deviation = require(denoiser.method, MomentsMethod).moments(torch.from_numpy(image[None, None]))
    np.testing.assert_allclose(whole.mean, mean[0, 0].numpy(), rtol=1e-5)
    np.testing.assert_allclose(whole.std, deviation[0, 0].numpy(), rtol=1e-4, atol=1e-4)
    with pytest.raises(SettingsError, match=r"a method that samples, for samples; got pn2v, which gives mean and std"):
        denoiser.denoise(image, axes="YX", also=["samples"])


def test_orientations_share_one_deviation() -> None:
    """The mean of the means, and the root mean square of the deviations."""
    method = tiny.untrained(PN2V)
    frame = np.random.default_rng(0).normal(150, 30, (1, 16, 16)).astype(np.float32)
    found = predict_frame(method, frame, request=Request(augment=True, spread=2.0))
    means, squares = [], []
    for turn in ALL_TURNS:
        turned = np.rot90(frame.transpose(0, 2, 1) if turn >= 4 else frame, turn % 4, axes=(1, 2))
        one = predict_frame(method, np.ascontiguousarray(turned))
        back = [np.rot90(each, -(turn % 4), axes=(1, 2)) for each in (one.mean, one.std)]
        mean, std = (each.transpose(0, 2, 1) if turn >= 4 else each for each in back)
        means.append(mean)
        squares.append(std**2)
    np.testing.assert_allclose(found.mean, np.mean(means, axis=0), rtol=1e-4)
    np.testing.assert_allclose(found.std, 2.0 * np.sqrt(np.mean(squares, axis=0)), rtol=1e-3)


def test_its_intervals_can_be_recalibrated() -> None:
    """The samples say N(100, 5^2) where signals are N(100, 15^2): the deviation is a third of what it should be."""
    rng = np.random.default_rng(0)
    prior = 100.0 + 5.0 * np.array([NormalDist().inv_cdf((k + 0.5) / 200) for k in range(200)])
    clean = rng.normal(100, 15, (64, 64)).astype(np.float32)
    noisy = clean + rng.normal(0, 40, clean.shape).astype(np.float32)
    denoiser: Denoiser = tiny.denoiser(PN2V)
    denoiser = Denoiser.of(of_prior(prior, Gaussian(40.0)), denoiser.card, "cpu")
    (before,) = denoiser.recalibrate(noisy, clean, axes="YX")
    assert before.spread_factor > 2.0
    result = denoiser.denoise(noisy, axes="YX")
    assert result.std is not None
    held = float(np.mean(np.abs(result.mean - clean) <= 1.645 * result.std))
    assert held == pytest.approx(0.9, abs=0.02)


def test_the_paper_preset_has_the_published_numbers() -> None:
    preset = find_preset("pn2v", "paper")
    network = preset.network
    assert isinstance(network, PN2VSettings)
    assert (network.samples, network.output_scale) == (800, 10.0)
    built = PN2V(network, STATISTICS, [Gaussian(10.0)])
    assert sum(each.numel() for each in built.parameters()) == 1_729_312, "the authors' class has one more, unused"
    assert (preset.training.patch, preset.training.batch_size, preset.steps) == (100, 20, 1000)
