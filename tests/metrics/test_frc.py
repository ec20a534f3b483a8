"""Fourier ring correlation against cases whose answer is known."""

import numpy as np
import pytest

from quietscope.errors import SizeError
from quietscope.metrics import ring_correlation


def band_limited(rng: np.random.Generator, size: tuple[int, int], cutoff: float) -> np.ndarray:
    radius = np.hypot(np.fft.fftfreq(size[0])[:, None], np.fft.rfftfreq(size[1])[None])
    return np.fft.irfft2(np.fft.rfft2(rng.normal(size=size)) * (radius < cutoff), size)


@pytest.mark.parametrize("size", [(128, 128), (101, 140)])
@pytest.mark.parametrize("cutoff", [0.1, 0.3])
def test_the_cutoff_is_that_of_the_common_signal(size: tuple[int, int], cutoff: float) -> None:
    rng = np.random.default_rng(0)
    signal = band_limited(rng, size, cutoff)
    found = ring_correlation(*(signal + rng.normal(0, 0.02, size) for _ in range(2)))
    assert found.cutoff() == pytest.approx(cutoff, abs=0.03)  # the window widens a spectrum by two rings
    assert found.resolution(65.0) == pytest.approx(65.0 / found.cutoff())
    inside, outside = found.frequency < cutoff - 0.03, found.frequency > cutoff + 0.04
    assert found.correlation[inside].min() > 0.9
    assert np.abs(found.correlation[outside]).mean() < 0.15


def test_signal_and_noise_of_known_power() -> None:
    """White signal and white noise of variances 1 and v correlate as 1 / (1 + v) in every ring."""
    rng = np.random.default_rng(1)
    signal = rng.normal(size=(256, 256))
    found = ring_correlation(*(signal + rng.normal(0, 1, signal.shape) for _ in range(2)))
    assert np.mean(found.correlation) == pytest.approx(0.5, abs=0.02)
    assert found.cutoff() == 0.5


def test_equal_opposite_and_flat_images() -> None:
    image = np.random.default_rng(2).normal(size=(32, 32))
    assert np.allclose(ring_correlation(image, 3 * image + 7).correlation, 1.0)
    assert np.allclose(ring_correlation(image, -image).correlation, -1.0)
    assert not ring_correlation(image, np.ones((32, 32))).correlation.any()


@pytest.mark.parametrize("shape", [(8, 32), (4, 32, 32)])
def test_what_has_no_rings_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(SizeError):
        ring_correlation(np.zeros(shape), np.zeros(shape))
