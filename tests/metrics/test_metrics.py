"""Metrics against closed forms."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietscope.errors import PixelError, SizeError
from quietscope.metrics import METRICS, Metric, affine_fit, autocorrelation, evaluate, psnr, psnr_affine, ssim

CLEAN = np.random.default_rng(0).uniform(100, 356, (40, 50))


def test_psnr_of_a_constant_error_is_its_closed_form() -> None:
    assert psnr(CLEAN + 5, CLEAN, 255) == pytest.approx(20 * math.log10(255 / 5))
    assert psnr(CLEAN - 5, CLEAN) == pytest.approx(20 * math.log10(np.ptp(CLEAN) / 5))


def test_psnr_of_equal_images_is_infinite() -> None:
    assert psnr(CLEAN, CLEAN) == math.inf


def test_psnr_does_not_wrap_around_in_unsigned_integers() -> None:
    clean = np.array([[10, 200]], np.uint8)
    assert psnr(clean - 3, clean, 255) == pytest.approx(20 * math.log10(255 / 3))


def test_ssim_is_one_for_equal_images_and_less_for_noisy_ones() -> None:
    noise = np.random.default_rng(1).normal(0, 1, CLEAN.shape)
    assert ssim(CLEAN, CLEAN) == pytest.approx(1)
    assert 1 > ssim(CLEAN + 10 * noise, CLEAN) > ssim(CLEAN + 50 * noise, CLEAN)


def test_ssim_of_constant_images_is_its_luminance_term() -> None:
    a, b, c1 = 100.0, 120.0, (0.01 * 255) ** 2
    flat = np.ones((20, 20))
    assert ssim(a * flat, b * flat, 255) == pytest.approx((2 * a * b + c1) / (a * a + b * b + c1))


@settings(deadline=None)
@given(st.floats(0.01, 100), st.floats(-1000, 1000))
def test_affine_fit_undoes_scale_and_offset(scale: float, offset: float) -> None:
    image = (CLEAN - offset) / scale
    found = affine_fit(image, CLEAN)
    np.testing.assert_allclose(found, (scale, offset), rtol=1e-6, atol=1e-6)
    assert psnr_affine(image, CLEAN) > 200


def test_affine_fit_of_a_constant_image_is_the_mean() -> None:
    scale, offset = affine_fit(np.ones((4, 4)), CLEAN[:4, :4])
    assert scale == 0.0
    assert offset == pytest.approx(CLEAN[:4, :4].mean())


def test_score_is_the_mean_over_images_of_each_metric() -> None:
    images = [CLEAN + 5, CLEAN[:20] * 1.1]
    truths = [CLEAN, CLEAN[:20]]
    score = evaluate(images, truths, 255)
    assert score.num_images == 2
    for name, metric in METRICS.items():
        expected = np.mean([metric.compute(i, t, 255) for i, t in zip(images, truths, strict=True)])
        assert score[name] == pytest.approx(expected)
    assert [*score.means] == [*METRICS] == ["psnr", "ssim", "psnr_affine"]


def test_a_metric_tells_which_direction_is_good() -> None:
    assert METRICS["psnr"].heading == "PSNR (dB)"
    assert METRICS["ssim"].heading == "SSIM"
    distance = Metric(title="distance", compute=lambda image, clean, _: 1.5, higher_is_better=False, unit="counts")
    assert distance.heading == "distance (counts, lower is better)"
    assert distance.words(1.5) == "1.50"
    assert evaluate([CLEAN], [CLEAN], metrics={"distance": distance}).means == {"distance": 1.5}


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_is_worse_for_a_worse_image(name: str) -> None:
    """And has the sign that it says."""
    noise = np.random.default_rng(1).normal(0, 1, CLEAN.shape)
    metric = METRICS[name]
    near, far = (metric.compute(CLEAN + sigma * noise, CLEAN, None) for sigma in (5, 50))
    assert (near > far) == metric.higher_is_better


def test_errors_name_what_is_wrong() -> None:
    with pytest.raises(SizeError, match="40, 50"):
        psnr(CLEAN[:3], CLEAN)
    with pytest.raises(PixelError):
        psnr(CLEAN, np.zeros_like(CLEAN))
    with pytest.raises(SizeError, match="11 pixels"):
        ssim(CLEAN[:5], CLEAN[:5])
    with pytest.raises(SizeError):
        evaluate([CLEAN], [])
    with pytest.raises(SizeError):
        evaluate([], [])
    with pytest.raises(SizeError):
        autocorrelation(CLEAN[:5], max_lag=5)


def test_independent_noise_is_uncorrelated() -> None:
    noise = np.random.default_rng(2).normal(50, 3, (4, 128, 128))
    found = autocorrelation(noise, 3)
    assert found[3, 3] == 1
    found[3, 3] = 0
    assert np.abs(found).max() < 5 / 256


def test_autocorrelation_of_a_moving_average_is_its_closed_form() -> None:
    noise = np.random.default_rng(3).normal(size=(4, 200, 201))
    striped = noise[..., 1:] + 0.5 * noise[..., :-1]
    found = autocorrelation(striped, 2)
    expected = np.zeros((5, 5))
    expected[2, 1:4] = [0.4, 1, 0.4]
    np.testing.assert_allclose(found, expected, atol=0.02)
    np.testing.assert_array_equal(found, found[::-1, ::-1])


def test_autocorrelation_tells_the_diagonals_apart() -> None:
    noise = np.random.default_rng(4).normal(size=(200, 201))
    found = autocorrelation(noise[1:, 1:] + noise[:-1, :-1], 1)
    assert found[0, 0] == found[2, 2] == pytest.approx(0.5, abs=0.02)
    assert found[0, 2] == pytest.approx(0, abs=0.02)


def test_a_constant_residual_is_uncorrelated() -> None:
    assert autocorrelation(np.full((8, 8), 7), 1).sum() == 1
