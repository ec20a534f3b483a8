"""Stripes are measured where they are, and nowhere else."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from quietscope import read_image, sample_path
from quietscope.errors import PixelError, SettingsError, SizeError
from quietscope.metrics import stripe_correlation, stripe_power, stripes_left

RNG = np.random.default_rng(0)


def along_rows(rho: float, shape: tuple[int, ...] = (2, 400, 400)) -> np.ndarray:
    """Noise of variance 1 and autocorrelation rho^lag along rows."""
    noise = RNG.normal(size=shape)
    for x in range(1, shape[-1]):
        noise[..., x] = rho * noise[..., x - 1] + np.sqrt(1 - rho**2) * noise[..., x]
    return noise


@pytest.fixture(scope="module")
def clean() -> np.ndarray:
    return np.asarray(read_image(sample_path("confocal_fish_clean")))[:1].astype(np.float64)


@pytest.mark.parametrize("rho", [0.0, 0.24, 0.44, 0.8])
def test_the_correlation_is_that_of_the_noise(rho: float) -> None:
    noise = along_rows(rho)
    assert stripe_correlation(noise) == pytest.approx(rho, abs=0.015)
    turned = np.swapaxes(noise, -1, -2)
    assert stripe_correlation(turned, axis=-2) == pytest.approx(rho, abs=0.015)
    assert stripe_correlation(turned) == pytest.approx(-rho, abs=0.015)


def test_white_noise_and_clean_structure_are_no_stripes(clean: np.ndarray) -> None:
    stripes = stripe_power(10 * along_rows(0.5))
    assert abs(stripe_power(10 * RNG.normal(size=(2, 400, 400)))) < 0.02 * stripes
    blobs = gaussian_filter(RNG.normal(size=(400, 400)), 2)
    assert abs(stripe_correlation(blobs)) < 0.03
    assert abs(stripe_correlation(clean)) < 0.05
    assert abs(stripe_power(clean)) < 0.02 * stripes


@pytest.mark.parametrize("fraction", [0.0, 0.2, 0.5, 1.0])
def test_a_fraction_of_the_noise_is_its_square(clean: np.ndarray, fraction: float) -> None:
    noise = 20 * along_rows(0.5, clean.shape)
    assert stripes_left(clean + fraction * noise, clean + noise) == pytest.approx(fraction**2, abs=0.01)
    assert stripes_left(fraction * noise, noise) == pytest.approx(fraction**2, rel=1e-9)


def test_blur_along_the_stripes_leaves_more_than_blur_across() -> None:
    noise = along_rows(0.5)
    kept, gone = (stripes_left(gaussian_filter1d(noise, 4, axis=axis), noise) for axis in (-1, -2))
    assert kept > 0.4
    assert gone < 0.05


def test_mistakes_say_what_to_pass() -> None:
    noise = along_rows(0.5, (40, 40))
    with pytest.raises(SettingsError, match="axis=-1"):
        stripe_power(noise, axis=0)
    with pytest.raises(SizeError, match="10 x 10"):
        stripe_power(noise[:9])
    with pytest.raises(SizeError, match="one shape"):
        stripes_left(noise[:20], noise)
    with pytest.raises(PixelError, match="other axis"):
        stripes_left(noise, np.zeros_like(noise))
    assert stripe_correlation(np.ones((20, 20))) == 0.0
