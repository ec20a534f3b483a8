"""The blind estimate on images whose noise is known."""

import numpy as np
import pytest
import tifffile
import torch
from scipy.ndimage import gaussian_filter

from quietscope.errors import NoiseError
from quietscope.noise import PoissonGaussian, estimate_noise, measure_noise
from quietscope.noise.photon_transfer import VarianceBins
from quietscope.noise.uncertainty import steadied
from quietscope.samples import sample_path


def scene(shape: tuple[int, ...], low: float, high: float, seed: int = 0) -> np.ndarray:
    """Smooth blobs and a few bright spots on a dark ground, from ``low`` to ``high``."""
    rng = np.random.default_rng(seed)
    pattern = np.zeros(shape)
    for sigma in (2.0, 6.0, 20.0):
        layer = gaussian_filter(rng.normal(size=shape), (0,) * (len(shape) - 2) + (sigma, sigma))
        pattern += layer / layer.std()
    pattern = np.exp(0.7 * pattern)
    return low + (high - low) * np.minimum(pattern / np.quantile(pattern, 0.995), 1.0)


def camera(signal: np.ndarray, gain: float, offset: float, read_noise: float, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return gain * rng.poisson((signal - offset) / gain) + offset + rng.normal(0.0, read_noise, signal.shape)


def largest_error(model: PoissonGaussian, truth: PoissonGaussian, signal: np.ndarray) -> float:
    """Largest relative error of sigma(s) over the central 98 % of the signal."""
    at = torch.tensor(np.quantile(signal, np.linspace(0.01, 0.99, 50)))
    return float((model.variance(at).sqrt() / truth.variance(at).sqrt() - 1.0).abs().max())


@pytest.mark.parametrize(
    ("gain", "offset", "read_noise", "low", "high"),
    [
        (2.0, 100.0, 5.0, 110.0, 1500.0),
        (100.0, 160.0, 20.0, 200.0, 3000.0),
        (17.0, 3.0, 1.0, 5.0, 120.0),
        (0.5, 0.0, 30.0, 10.0, 400.0),
    ],
)
def test_recovers_the_camera(gain: float, offset: float, read_noise: float, low: float, high: float) -> None:
    signal = scene((2, 256, 256), low, high)
    estimate = measure_noise(camera(signal, gain, offset, read_noise))
    assert largest_error(estimate.model, PoissonGaussian(gain, offset, read_noise), signal) < 0.1
    assert abs(estimate.correlation_y) < 0.05
    assert abs(estimate.correlation_x) < 0.05


def test_recovers_the_camera_from_one_small_image() -> None:
    signal = scene((128, 128), 5.0, 120.0)
    model = estimate_noise(camera(signal, 17.0, 3.0, 1.0))
    assert largest_error(model, PoissonGaussian(17.0, 3.0, 1.0), signal) < 0.15


def test_recovers_plain_gaussian_noise() -> None:
    signal = scene((256, 256), 20.0, 230.0)
    x = signal + np.random.default_rng(0).normal(0, 25, signal.shape)
    assert largest_error(estimate_noise(x), PoissonGaussian(0.0, 0.0, 25.0), signal) < 0.1


def test_clipped_eight_bit_images() -> None:
    signal = scene((2, 256, 256), 4.0, 200.0)
    x = np.clip(np.round(camera(signal, 12.0, 3.0, 0.5)), 0, 255).astype(np.uint8)
    estimate = measure_noise(x)
    assert largest_error(estimate.model, PoissonGaussian(12.0, 3.0, 0.5), signal) < 0.1
    assert estimate.clipped_high > 0.0


def test_the_sample_of_the_package_agrees_with_the_fit_from_pairs() -> None:
    x = tifffile.imread(sample_path("confocal_fish_noisy"))
    s = tifffile.imread(sample_path("confocal_fish_clean"))
    assert largest_error(estimate_noise(x), PoissonGaussian.fit(s, x), s) < 0.1


def test_correlated_noise_is_measured_and_given_back() -> None:
    signal = scene((2, 256, 256), 200.0, 800.0)
    rng = np.random.default_rng(0)
    rows = rng.normal(size=signal.shape)
    rows[..., 1:] = (rows[..., 1:] + 0.6 * rows[..., :-1]) / np.hypot(1.0, 0.6)
    estimate = measure_noise(signal + 20.0 * rows)
    assert estimate.correlation_x == pytest.approx(0.6 / 1.36, abs=0.03)
    assert estimate.correlation_y == pytest.approx(0.0, abs=0.03)
    assert largest_error(estimate.model, PoissonGaussian(0.0, 0.0, 20.0), signal) < 0.1


def test_units_do_not_matter() -> None:
    signal = scene((256, 256), 120.0, 900.0)
    x = camera(signal, 4.0, 100.0, 5.0)
    ours, tiny = estimate_noise(x), estimate_noise((x * 1e-4).astype(np.float32))
    at = torch.tensor([150.0, 500.0, 800.0])
    assert torch.allclose(tiny.variance(at * 1e-4) * 1e8, ours.variance(at), rtol=0.01)


def test_a_large_offset_does_not_cost_precision() -> None:
    signal = scene((256, 256), 20.0, 200.0)
    x = signal + np.random.default_rng(0).normal(0, 2.0, signal.shape)
    at = torch.tensor([100.0])
    assert torch.allclose(estimate_noise(x + 1e6).variance(at + 1e6), estimate_noise(x).variance(at), rtol=0.05)


def test_same_seed_same_estimate_and_any_container() -> None:
    x = camera(scene((3, 96, 96), 120.0, 900.0), 4.0, 100.0, 5.0)
    assert measure_noise(x).model.describe() == measure_noise(list(x)).model.describe()
    ragged = [x[0], x[1, :64], x[2, :, :80]]
    assert estimate_noise(ragged, seed=3).describe() == estimate_noise(ragged, seed=3).describe()


def test_evidence_adds_up() -> None:
    x = camera(scene((256, 256), 120.0, 900.0), 4.0, 100.0, 5.0)
    estimate = measure_noise(x)
    bins = estimate.bins
    assert bins.signal.shape == bins.variance.shape == bins.count.shape
    assert 0.0 < estimate.flat_share <= 1.0
    line = estimate.model.variance(torch.from_numpy(bins.signal)).numpy()
    assert np.median(np.abs(bins.variance / line - 1.0)) < 0.1


@pytest.mark.parametrize(
    ("images", "word"),
    [
        (np.zeros((64, 64)), "noise"),
        (np.full((2, 64, 64), 7, dtype=np.uint8), "noise"),
        (np.random.default_rng(0).normal(size=(9, 9)), "64x64"),
        (np.random.default_rng(0).normal(size=(4, 4)), "at least 9 x 9 pixels"),
        (np.random.default_rng(0).normal(size=100), "at least 9 x 9 pixels"),
        ([], "no image"),
        (np.full((64, 64), np.nan), "NaN"),
    ],
)
def test_hopeless_images_are_refused_with_a_way_out(images: np.ndarray, word: str) -> None:
    with pytest.raises(NoiseError, match=word):
        estimate_noise(images)


def test_a_few_small_images_say_that_they_say_too_little_and_are_not_certain_in_the_dark() -> None:
    truth = PoissonGaussian.from_line(2.0, 36.0)
    rough = gaussian_filter(np.random.default_rng(0).normal(size=(4, 24, 24)), (0, 2, 2))
    small, large = 100.0 + 800.0 * (rough - rough.min()) / np.ptp(rough), scene((4, 96, 96), 100.0, 900.0)
    worst = []
    for seed in range(6):
        found = measure_noise(camera(small, 2.0, 0.0, 6.0, seed))
        assert found.is_uncertain
        worst.append(largest_error(found.model, truth, small))
    assert np.median(worst) < 0.5
    found = measure_noise(camera(large, 2.0, 0.0, 6.0))
    assert not found.is_uncertain
    assert found.dark_error < 0.1


@pytest.mark.parametrize("dark_variance", [0.0, 0.1])
def test_a_line_is_steadied_only_where_its_own_points_say_little(dark_variance: float) -> None:
    def bins(count: float) -> VarianceBins:
        signal = np.linspace(100.0, 300.0, 6)
        none = np.zeros(6)
        return VarianceBins(
            signal=signal,
            variance=100.0 * dark_variance + (1 - dark_variance) * (signal - 100.0),
            relative_error=np.full(6, (2 / count) ** 0.5),
            count=np.full(6, count),
            clipped_low=none,
            clipped_high=none,
        )

    gain, intercept = 1 - dark_variance, 100.0 * dark_variance - (1 - dark_variance) * 100.0
    well_known = steadied(bins(10_000.0), gain, intercept, 100.0)
    assert (well_known.gain, well_known.intercept, well_known.is_uncertain) == (gain, intercept, False)
    hardly_known = steadied(bins(2.0), gain, intercept, 100.0)
    assert hardly_known.is_uncertain
    before, after = (
        line * 100.0 + rest for line, rest in ((gain, intercept), (hardly_known.gain, hardly_known.intercept))
    )
    middle = 100.0 * dark_variance + (1 - dark_variance) * 100.0
    assert min(before, 0.4 * middle) <= after <= max(before, 0.4 * middle) + 1e-9
