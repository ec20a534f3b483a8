"""Keyed noise: a function of key and coordinate, standard normal, independent."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from quietscope.nn.keyed import noise_key
from quietscope.nn.latent import GaussianLatent, gaussian_kl, keyed_normal

coordinates = st.integers(-(2**40), 2**40)


@settings(deadline=None)
@given(coordinates, coordinates, st.integers(0, 6), st.integers(0, 5), st.integers(1, 5), st.integers(1, 6))
def test_a_crop_of_a_draw_is_the_draw_of_the_crop(y: int, x: int, dy: int, dx: int, height: int, width: int) -> None:
    whole = keyed_normal(3, (y, x), (3, 12, 12))
    part = keyed_normal(3, (y + dy, x + dx), (3, height, width))
    assert torch.equal(whole[:, dy : dy + height, dx : dx + width], part)


def test_a_crop_holds_in_three_dimensions() -> None:
    whole = keyed_normal(11, (5, 0, 100), (2, 4, 6, 8))
    assert torch.equal(whole[:, 1:3, 2:6, 3:8], keyed_normal(11, (6, 2, 103), (2, 2, 4, 5)))


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_fewer_channels_are_the_first_ones_of_more(channels: int) -> None:
    assert torch.equal(keyed_normal(1, (0, 0), (6, 4, 4))[:channels], keyed_normal(1, (0, 0), (channels, 4, 4)))


def test_it_is_standard_normal() -> None:
    draw = keyed_normal(noise_key(0, 0, 0, 0), (0, 0), (8, 256, 256)).double().numpy().ravel()
    n = draw.size
    assert abs(draw.mean()) < 5 / math.sqrt(n)
    assert abs(draw.var() - 1) < 5 * math.sqrt(2 / n)
    assert abs((draw**3).mean()) < 5 * math.sqrt(15 / n)
    assert abs((draw**4).mean() - 3) < 5 * math.sqrt(96 / n)
    assert stats.kstest(draw, "norm").pvalue > 1e-3


def test_neighbours_and_channels_are_uncorrelated_in_value_and_magnitude() -> None:
    draw = keyed_normal(noise_key(1, 2, 3, 4), (7, 9), (4, 256, 256)).double()
    for values in (draw, draw.square() - 1):
        shifted = {
            "y": (values[:, 1:], values[:, :-1]),
            "x": (values[:, :, 1:], values[:, :, :-1]),
            "diagonal": (values[:, 1:, 1:], values[:, :-1, :-1]),
            "antidiagonal": (values[:, 1:, :-1], values[:, :-1, 1:]),
            "the two of a Box-Muller pair": (values[0], values[1]),
            "pairs": (values[:2], values[2:]),
        }
        for name, (a, b) in shifted.items():
            scale = float(values.var())
            assert abs(float((a * b).mean())) / scale < 5 / math.sqrt(a.numel()), name


@pytest.mark.parametrize("parts", [(1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)])
def test_seed_frame_sample_and_level_each_make_independent_noise(parts: tuple[int, ...]) -> None:
    a = keyed_normal(noise_key(0, 0, 0, 0), (0, 0), (2, 128, 128)).double()
    b = keyed_normal(noise_key(*parts), (0, 0), (2, 128, 128)).double()
    assert abs(float((a * b).mean())) < 5 / math.sqrt(a.numel())


def test_transposed_coordinates_are_other_noise() -> None:
    draw = keyed_normal(5, (0, 0), (1, 128, 128))[0].double()
    off_diagonal = ~torch.eye(128, dtype=torch.bool)
    assert abs(float((draw * draw.T)[off_diagonal].mean())) < 5 / 128


def test_keys_are_the_same_on_every_machine() -> None:
    assert noise_key(0, 0, 0, 0) == int.from_bytes(bytes.fromhex(_FIRST_KEY), "little")
    assert noise_key(1, 23) != noise_key(12, 3)


_FIRST_KEY = "f06ee5b05f9d7da2"


def test_divergence_of_gaussians_agrees_with_its_integral() -> None:
    q = GaussianLatent(torch.tensor([[[[0.3]]]]), torch.tensor([[[[-1.0]]]]))
    p = GaussianLatent(torch.tensor([[[[-0.5]]]]), torch.tensor([[[[0.4]]]]))
    z = np.linspace(-15, 15, 200_001)
    log_q, log_p = stats.norm.logpdf(z, 0.3, math.exp(-0.5)), stats.norm.logpdf(z, -0.5, math.exp(0.2))
    expected = np.trapezoid(np.exp(log_q) * (log_q - log_p), z)
    assert float(gaussian_kl(q, p)) == pytest.approx(expected, rel=1e-5)


def test_log_variance_is_bounded_whatever_the_network_says() -> None:
    latent = GaussianLatent.from_parameters(torch.tensor([[0.0, 1e9]]).reshape(1, 2, 1, 1))
    assert torch.isfinite(latent.sample(torch.ones(1, 1, 1, 1))).all()
