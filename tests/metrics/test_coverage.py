"""Coverage against posteriors whose honesty is known."""

import math
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest

from quietscope.errors import PixelError, SizeError
from quietscope.metrics import (
    LEVELS,
    Calibration,
    Exposure,
    calibration_of_moments,
    calibration_of_samples,
    coverage,
    spread_factor,
)

SHAPE = (300, 400)
NOISE, PRIOR = 2.0, 3.0
"""Deviations of a conjugate pair: s ~ N(100, PRIOR^2), x ~ N(s, NOISE^2)."""

STD = 1 / math.sqrt(1 / NOISE**2 + 1 / PRIOR**2)
TOLERANCE = 0.006
"""Four standard errors of a share of 0.5 over as many pixels as SHAPE has."""


def conjugate(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Truth and exact posterior mean; the posterior is N(mean, STD^2)."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(100, PRIOR, SHAPE)
    noisy = truth + rng.normal(0, NOISE, SHAPE)
    return truth, STD**2 * (100 / PRIOR**2 + noisy / NOISE**2)


def posterior_samples(mean: np.ndarray, count: int, width: float = 1.0, seed: int = 1) -> np.ndarray:
    return mean + width * STD * np.random.default_rng(seed).normal(size=(count, *mean.shape))


def exposure(variance: float, seed: int = 0) -> Exposure:
    rng = np.random.default_rng(seed)
    return Exposure(
        mean=lambda s: s,
        variance=lambda s: np.full(s.shape, variance),
        draw=lambda s: s + math.sqrt(variance) * rng.normal(size=s.shape),
    )


def test_coverage_counts_both_ends() -> None:
    assert coverage(np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.0, 0, 0, 0]), np.array([2.0, 2, 2, 2])) == 0.75


def test_the_exact_posterior_covers_what_it_says() -> None:
    truth, mean = conjugate()
    found = calibration_of_moments([(mean, np.full(SHAPE, STD), truth)])
    assert found.nominal == LEVELS
    np.testing.assert_allclose(found.measured, LEVELS, atol=TOLERANCE)
    assert found.spread_factor == pytest.approx(1, abs=0.02)
    assert found.noise_share == 0
    assert found.num_pixels == truth.size
    assert "about right" in found.describe()


@pytest.mark.parametrize("factor", [1.6, 0.7])
def test_a_spread_that_is_wrong_by_a_factor_is_found(factor: float) -> None:
    truth, mean = conjugate()
    std = np.full(SHAPE, STD / factor)
    assert spread_factor(mean, std, truth) == pytest.approx(factor, rel=0.01)
    assert spread_factor(mean, std, truth, level=0.5) == pytest.approx(factor, rel=0.02)
    found = calibration_of_moments([(mean, std, truth)])
    normal = NormalDist()
    expected = [2 * normal.cdf(normal.inv_cdf(0.5 + level / 2) / factor) - 1 for level in LEVELS]
    np.testing.assert_allclose(found.measured, expected, atol=TOLERANCE)
    word, size = ("narrow", 1.6) if factor > 1 else ("wide", 1.4)
    assert f"too {word} by a factor of about {size}" in found.describe()


@pytest.mark.parametrize("factor", [1.0, 1.6])
def test_a_second_exposure_is_as_good_as_the_truth(factor: float) -> None:
    truth, mean = conjugate()
    second = truth + np.random.default_rng(5).normal(0, NOISE, SHAPE)
    std = np.full(SHAPE, STD / factor)
    assert spread_factor(mean, std, second, noise_variance=np.full(SHAPE, NOISE**2)) == pytest.approx(factor, rel=0.03)
    assert spread_factor(mean, std, second) > 1.3 * factor  # without its noise folded in
    found = calibration_of_moments([(mean, std, second)], exposure=exposure(NOISE**2))
    assert found.spread_factor == pytest.approx(factor, rel=0.03)
    assert found.noise_share == pytest.approx(NOISE**2 / (NOISE**2 + (STD / factor) ** 2))
    if factor == 1.0:
        np.testing.assert_allclose(found.measured, LEVELS, atol=TOLERANCE)
    drawn = calibration_of_samples(
        [(posterior_samples(mean, 40, 1 / factor), second)], exposure=exposure(NOISE**2, seed=7)
    )
    np.testing.assert_allclose(drawn.measured, found.measured, atol=2 * TOLERANCE)
    assert drawn.spread_factor == pytest.approx(factor, rel=0.05)


@pytest.mark.parametrize("count", [3, 10, 20, 50])
def test_few_samples_cover_what_they_say(count: int) -> None:
    truth, mean = conjugate()
    found = calibration_of_samples([(posterior_samples(mean, count), truth)])
    reached = [level for level in LEVELS if (count + 1) * (1 - level) >= 2 - 1e-9]
    assert list(found.nominal) == reached
    np.testing.assert_allclose(found.measured, reached, atol=TOLERANCE)
    # The plain intervals between empirical quantiles, which this corrects, cover too little.
    samples = posterior_samples(mean, count)
    plain = coverage(truth, *np.quantile(samples, [0.25, 0.75], axis=0))
    assert plain < 0.5 - TOLERANCE
    assert found.spread_factor == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("count", [4, 10, 50])
@pytest.mark.parametrize("variance", [0.0, 1.0])
def test_mean_and_deviation_of_few_samples_cover_what_they_say(count: int, variance: float) -> None:
    """Of ten samples, an interval of 1.645 deviations would cover 85 for 90 %."""
    truth, mean = conjugate()
    seen = truth + math.sqrt(variance) * np.random.default_rng(7).normal(size=SHAPE)
    samples = posterior_samples(mean, count)
    parts = [(samples.mean(0), samples.std(0, ddof=1), seen)]
    folded = exposure(variance) if variance else None
    honest = calibration_of_moments(parts, exposure=folded, num_samples=count)
    # Welch's degrees of freedom are an approximation where noise is folded in.
    is_exact = not variance or count > 4
    np.testing.assert_allclose(honest.measured, LEVELS, atol=TOLERANCE if is_exact else 0.015)
    assert honest.spread_factor == pytest.approx(1, abs=0.03 if is_exact else 0.1)
    plain = calibration_of_moments(parts, exposure=folded)
    assert plain.measured[LEVELS.index(0.9)] < honest.measured[LEVELS.index(0.9)]


def test_samples_of_any_shape_and_of_few_values_are_exchangeable() -> None:
    rng = np.random.default_rng(0)
    for drawn in (rng.exponential(1, (26, *SHAPE)), rng.poisson(0.7, (26, *SHAPE))):
        found = calibration_of_samples([(drawn[1:], drawn[0])])
        np.testing.assert_allclose(found.measured, found.nominal, atol=TOLERANCE)


def test_samples_that_are_too_alike_are_found() -> None:
    truth, mean = conjugate()
    found = calibration_of_samples([(posterior_samples(mean, 50, 1 / 2), truth)])
    assert found.spread_factor == pytest.approx(2, rel=0.03)
    assert found.measured[2] == pytest.approx(2 * NormalDist().cdf(1.645 / 2) - 1, abs=0.02)


def test_a_generator_of_samples_is_seen_once() -> None:
    truth, mean = conjugate()
    samples = posterior_samples(mean, 20)
    lazy = calibration_of_samples([((sample for sample in samples), truth)])
    assert lazy == calibration_of_samples([(samples, truth)])


def test_images_are_pooled_by_their_pixels() -> None:
    truth, mean = conjugate()
    std = np.full(SHAPE, STD)
    parts = [(mean[:100], 3 * std[:100], truth[:100]), (mean[100:], 0.5 * std[100:], truth[100:])]
    singles = [calibration_of_moments([part]).measured for part in parts]
    expected = (np.array(singles[0]) + 2 * np.array(singles[1])) / 3
    np.testing.assert_allclose(calibration_of_moments(parts).measured, expected)


def test_no_spread_and_nothing_but_noise_are_said_in_words() -> None:
    truth, mean = conjugate()
    assert "no spread" in calibration_of_moments([(mean, 0 * mean, truth)]).describe()
    assert calibration_of_moments([(truth, 0 * mean, truth)]).spread_factor == 0
    hidden = calibration_of_moments([(mean, 0.1 + 0 * mean, truth)], exposure=exposure(100.0))
    assert hidden.spread_factor == 0
    assert "cannot be judged" in hidden.describe()


def test_a_verdict_that_hangs_on_the_noise_says_so() -> None:
    clean = Calibration(nominal=(0.5, 0.9), measured=(0.4, 0.71), spread_factor=1.62, num_pixels=9)
    assert clean.describe() == "the 90 % interval covers 71 %: the spread is too narrow by a factor of about 1.6"
    assert "uncertain: 80 %" in replace(clean, noise_share=0.8).describe()


def test_mistakes_are_named() -> None:
    truth, mean = conjugate()
    with pytest.raises(PixelError, match="-1"):
        spread_factor(mean, 0 * mean - 1, truth)
    with pytest.raises(PixelError):
        spread_factor(mean, np.nan * mean, truth)
    with pytest.raises(SizeError):
        spread_factor(mean, mean[:5], truth)
    with pytest.raises(SizeError, match="1 sample;"):
        calibration_of_samples([(mean[None], truth)])
    with pytest.raises(SizeError, match="3 samples and 4 samples"):
        calibration_of_samples([(posterior_samples(mean, count), truth) for count in (3, 4)])
    with pytest.raises(SizeError):
        calibration_of_samples([])
    with pytest.raises(SizeError):
        calibration_of_moments([])
