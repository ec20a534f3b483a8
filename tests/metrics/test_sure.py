"""Stein's estimate against linear estimates of Gaussian pixels, whose errors and derivatives are known."""

import math

import numpy as np
import pytest

from quietscope.errors import SizeError
from quietscope.metrics.coverage import calibration_of_moments
from quietscope.metrics.sure import SteinPart, calibration_by_stein, stein_error

NOISE, PRIOR, SHAPE = 3.0, 2.0, (400, 500)
STD = 1 / math.sqrt(1 / NOISE**2 + 1 / PRIOR**2)
RNG = np.random.default_rng(0)
TRUTH = RNG.normal(100, PRIOR, SHAPE)
NOISY = RNG.normal(TRUTH, NOISE)


def linear(share: float, std: np.ndarray | None = None, variance: float = NOISE**2) -> tuple[np.ndarray, SteinPart]:
    """Shrink every pixel towards 100: the estimate, and what Stein's equation needs of it."""
    estimate = 100 + share * (NOISY - 100)
    full = np.full(SHAPE, variance)
    return estimate, SteinPart(residual=NOISY - estimate, variance=full, pull=share * full, std=std)


@pytest.mark.parametrize("share", [0.0, PRIOR**2 / (PRIOR**2 + NOISE**2), 0.8, 1.0])
def test_the_error_is_the_true_one(share: float) -> None:
    estimate, part = linear(share)
    found = stein_error([part])
    chance = 5 * (found.standard_error + NOISE**2 * math.sqrt(2 / TRUTH.size))
    assert found.mse == pytest.approx(np.mean((estimate - TRUTH) ** 2), abs=chance)
    assert found.mse == pytest.approx(share**2 * NOISE**2 + (1 - share) ** 2 * PRIOR**2, rel=0.02)


def test_it_says_what_a_wrong_noise_model_does() -> None:
    _, right = linear(0.3)
    _, high = linear(0.3, variance=1.01 * NOISE**2)
    told = stein_error([right])
    assert told.mse - stein_error([high]).mse == pytest.approx(told.per_percent, rel=1e-6)


@pytest.mark.parametrize("claimed", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("count", [None, 10])
def test_the_factor_is_that_of_the_truth(claimed: float, count: int | None) -> None:
    mean, _ = linear(PRIOR**2 / (PRIOR**2 + NOISE**2))
    std, estimate = np.full(SHAPE, claimed * STD), mean
    part = SteinPart(residual=NOISY - mean, variance=np.full(SHAPE, NOISE**2), pull=np.full(SHAPE, STD**2), std=std)
    if count is not None:
        samples = mean + claimed * STD * RNG.normal(size=(count, *SHAPE))
        estimate, std = samples.mean(0), samples.std(0, ddof=1)
        part = SteinPart(residual=NOISY - estimate, variance=part.variance, pull=part.pull, std=std)
    found = calibration_by_stein([part], num_samples=count)
    best = claimed if count is None else math.sqrt((1 + claimed**2 / count) / (1 + 1 / count)) / claimed
    assert found.spread_factor == pytest.approx(1 / claimed if count is None else best, rel=0.05)
    truth = calibration_of_moments([(estimate, std, TRUTH)], num_samples=count)
    np.testing.assert_allclose(found.measured, truth.measured, atol=0.03)
    corrected = calibration_of_moments([(estimate, found.spread_factor * std, TRUTH)], num_samples=count)
    assert corrected.measured[2] == pytest.approx(0.9, abs=0.02)
    assert "estimated" in found.describe()


def test_what_cannot_be_told_is_said() -> None:
    mean, part = linear(0.3, std=np.zeros(SHAPE))
    assert calibration_by_stein([part]).spread_factor == math.inf
    too_wide = SteinPart(residual=NOISY - mean, variance=np.full(SHAPE, 100.0), pull=part.pull, std=np.ones(SHAPE))
    found = calibration_by_stein([too_wide])
    assert found.spread_factor == 0.0
    assert "noise alone covers" in found.describe()
    for judge in (stein_error, calibration_by_stein):
        with pytest.raises(SizeError, match="measured"):
            judge([])
