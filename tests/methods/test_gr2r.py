"""GR2R: what it learns from parts with independent noise, and what it says where they are not."""

from typing import Any

import numpy as np
import pytest
import torch

from quietscope import Denoiser
from quietscope.errors import SettingsError
from quietscope.methods.gr2r import GR2R, GR2RSettings
from quietscope.metrics import psnr
from quietscope.nn.seeding import seeded
from quietscope.noise import Gaussian, PoissonGaussian
from quietscope.training.leak import tell_if_leaking
from tests.tiny import network, untrained

SIGMA = 10.0
LEAK = "learnt as if it were signal"


def waves(number: int = 8, size: int = 64) -> np.ndarray:
    y, x = np.mgrid[:size, :size] / size
    planes = [150 + 30 * np.sin(9 * y + n) * np.cos(7 * x - 2 * n) for n in range(number)]
    return np.stack(planes).astype(np.float32)


def fitted(noisy: np.ndarray, noise: str, steps: int = 120, **settings: Any) -> tuple[Denoiser, list[str]]:
    lines: list[str] = []
    training = {"patch": 32, "batch_size": 4, "learning_rate": 3e-3, "warmup_steps": 10, "precision": "float32"}
    small = {**network("gr2r", width=16), **settings}
    denoiser = Denoiser(method="gr2r", noise=noise, steps=steps, network=small, training=training, device="cpu")
    return denoiser.fit(noisy, axes="QYX", notify=lines.append, progress=False), lines


def gained(denoiser: Denoiser, noisy: np.ndarray, clean: np.ndarray) -> float:
    results = np.stack([np.asarray(denoiser.denoise(x, axes="YX").mean) for x in noisy])
    return float(psnr(results, clean) - psnr(noisy, clean))


def test_it_learns_from_gaussian_noise_and_says_nothing() -> None:
    clean = waves()
    noisy = clean + np.random.default_rng(0).normal(0, SIGMA, clean.shape).astype(np.float32)
    denoiser, lines = fitted(noisy, f"sigma={SIGMA}")
    assert gained(denoiser, noisy, clean) > 8.0
    assert not any(LEAK in line for line in lines), lines


def test_noise_that_both_parts_share_is_left_and_told() -> None:
    """Told half of its width, three quarters of its variance are in both parts."""
    clean = waves()
    noisy = clean + np.random.default_rng(0).normal(0, SIGMA, clean.shape).astype(np.float32)
    denoiser, lines = fitted(noisy, f"sigma={SIGMA / 2}")
    assert gained(denoiser, noisy, clean) < 6.0
    [line] = [line for line in lines if LEAK in line]
    assert "stronger" in line
    assert "noise" in line


@pytest.mark.parametrize("split", ["normal", "suited"])
def test_it_learns_from_few_photons(split: str) -> None:
    clean = waves() / 40
    noisy = np.random.default_rng(0).poisson(clean).astype(np.float32)
    denoiser, _ = fitted(noisy, "auto", split=split)
    assert gained(denoiser, noisy, clean) > 6.0


@pytest.mark.parametrize(("sigma", "word"), [(20.0, "weaker"), (10.0, ""), (5.0, "stronger")])
def test_the_two_parts_are_compared_where_images_are_flat(sigma: float, word: str) -> None:
    with seeded(1):
        flat = 150.0 + SIGMA * torch.randn(8, 1, 32, 32)
        rough = 150.0 + SIGMA * torch.randn(8, 1, 32, 32) + 40.0 * torch.randn(8, 1, 32, 32)
    gap = torch.full((1, 1, 32, 32), torch.nan)
    lines: list[str] = []
    method = untrained(GR2R, noise=Gaussian(sigma))
    tell_if_leaking(method, torch.cat((rough, gap, flat[:6])), lines.append)
    assert len(lines) == bool(word)
    assert all(word in line for line in lines)


def test_patches_without_a_pixel_tell_nothing() -> None:
    lines: list[str] = []
    tell_if_leaking(untrained(GR2R), torch.full((2, 1, 32, 32), torch.nan), lines.append)
    assert not lines


def test_planes_and_channels_are_denoised_one_by_one() -> None:
    flat, deep = untrained(GR2R, channels=2), untrained(GR2R, channels=2, dims=3)
    deep.load_state_dict(flat.state_dict())
    x = torch.tensor([150.0, 45.0]).reshape(1, 2, 1, 1, 1) + 10 * torch.randn(1, 2, 3, 16, 16)
    with torch.no_grad():
        planes = torch.stack([flat.predict(x[:, :, z]) for z in range(3)], dim=2)
        assert torch.allclose(deep.predict(x), planes, atol=1e-3)
        other = torch.cat((x[:, :1], 2 * x[:, 1:]), dim=1)
        assert torch.equal(deep.predict(other)[:, 0], deep.predict(x)[:, 0])


def test_weights_are_random() -> None:
    with seeded(3):
        one = GR2R.build(GR2RSettings(), untrained(GR2R).statistics, [Gaussian(1.0)])
    with seeded(4):
        two = GR2R.build(GR2RSettings(), untrained(GR2R).statistics, [Gaussian(1.0)])
    assert not torch.equal(one.network.stem.weight, two.network.stem.weight)


def test_photons_of_noise_without_a_gain_are_refused() -> None:
    with pytest.raises(SettingsError, match="Poisson-Gaussian noise"):
        untrained(GR2R, noise=Gaussian(3.0), split="binomial")
    untrained(GR2R, noise=PoissonGaussian(gain=1.0), split="binomial")


def test_shares_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="in this order"):
        GR2RSettings(shares=(0.9, 0.5))
