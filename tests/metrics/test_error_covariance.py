"""The error of linear estimates of smooth scenes, told by neighbouring pixels, against the true one."""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from scipy.ndimage import gaussian_filter

from quietscope.errors import SizeError
from quietscope.metrics.error_covariance import ErrorSums, EstimatedError, Reexposed, calibration_of_error

Array = npt.NDArray[np.float64]
SHAPE = (600, 600)
SCENE: Array = np.asarray(100 + 80 * gaussian_filter(np.random.default_rng(0).normal(size=SHAPE), 2.0), np.float64)
Draw = Callable[[np.random.Generator], Array]


def gaussian(rng: np.random.Generator) -> Array:
    return np.asarray(rng.normal(SCENE, 10.0))


def skewed(rng: np.random.Generator) -> Array:
    """Photons of a weight of 50: noise with a skewness of 0.7."""
    return np.asarray(50.0 * rng.poisson(SCENE / 50.0))


def smeared(rng: np.random.Generator) -> Array:
    noise = rng.normal(0.0, 10.0, SHAPE)
    return SCENE + (noise + 0.05 * np.roll(noise, 1, 1))


def blur(x: Array) -> Array:
    return np.asarray(gaussian_filter(x, (1.6, 1.2)))


def curved(x: Array) -> Array:
    """A blur on the scale of a square root, which answers large steps upwards more weakly than small ones."""
    return np.asarray(gaussian_filter(np.sqrt(np.maximum(x, 0.0)), 2.0) ** 2)


def estimated(
    draw: Draw, estimate: Callable[[Array], Array], variance: float, *, again: Draw | None = None, seed: int = 1
) -> tuple[EstimatedError, float]:
    """Return the estimated error of an estimate, and the true one."""
    rng = np.random.default_rng(seed)
    x, fresh, new = draw(rng), (again or draw)(rng) - SCENE, rng.random(SHAPE) < 0.5
    mean = estimate(x)
    mixed = np.where(new, mean + fresh, x)
    sums = ErrorSums()
    part = Reexposed(
        residual=x - mean,
        fresh=fresh,
        is_new=new,
        change=estimate(mixed) - mean,
        variance=np.full(SHAPE, variance),
        std=np.full(SHAPE, 2.0),
    )
    sums.add(part)
    return sums.result(), float(np.mean((mean - SCENE) ** 2))


@pytest.mark.parametrize("estimate", [blur, curved])
@pytest.mark.parametrize(("draw", "variance"), [(gaussian, 100.0), (skewed, 5000.0)])
def test_the_error_is_the_true_one(draw: Draw, estimate: Callable[[Array], Array], variance: float) -> None:
    found, true = estimated(draw, estimate, variance)
    assert found.mse == pytest.approx(true, abs=4 * found.standard_error + 0.03 * true)
    assert found.noise_share == pytest.approx(1.0, abs=0.05)
    assert found.smeared == 0.0
    assert not found.doubt


def test_how_wide_the_noise_model_is_matters_little() -> None:
    """It is 10 % too wide: Stein's estimate would be too low by ten of the variance of 100, and the error is 11."""

    def wider(rng: np.random.Generator) -> Array:
        return rng.normal(SCENE, math.sqrt(110.0))

    found, true = estimated(gaussian, blur, 110.0, again=wider)
    assert found.mse == pytest.approx(true, rel=0.07)
    assert found.noise_share == pytest.approx(1 / 1.1, abs=0.02)


def test_noise_that_is_smeared_along_rows_is_noticed() -> None:
    found, true = estimated(smeared, blur, 100.0, again=gaussian)
    assert found.smeared == pytest.approx(0.05, abs=0.01)
    assert found.mse == pytest.approx(true, rel=0.07)


def test_it_is_told_how_chance_makes_it_differ() -> None:
    each = [estimated(gaussian, blur, 100.0, seed=seed) for seed in range(2, 8)]
    scatter = np.std([found.mse - true for found, true in each], ddof=1)
    assert 0.4 < scatter / each[0][0].standard_error < 2.0


@pytest.mark.parametrize(
    ("draw", "estimate", "words"),
    [
        (gaussian, lambda x: 0.5 * x + 0.5 * blur(x), "pass through"),
        (lambda rng: SCENE + 3 * blur(rng.normal(0.0, 10.0, SHAPE)), blur, "correlated"),
        (gaussian, lambda x: SCENE + 0.001 * blur(x), "too faint"),
    ],
    ids=["own pixel", "correlated noise", "perfect"],
)
def test_what_cannot_be_told_is_said(draw: Draw, estimate: Callable[[Array], Array], words: str) -> None:
    found, _ = estimated(draw, estimate, 100.0, again=gaussian)
    assert words in found.doubt


def test_nothing_measured_tells_nothing() -> None:
    nothing = np.full((20, 20), np.nan)
    sums = ErrorSums()
    sums.add(
        Reexposed(residual=nothing, fresh=nothing, is_new=np.zeros((20, 20), bool), change=nothing, variance=nothing)
    )
    with pytest.raises(SizeError, match="measured"):
        sums.result()


@pytest.mark.parametrize("count", [None, 10])
def test_the_factor_makes_deviation_and_error_equal(count: int | None) -> None:
    found, true = estimated(gaussian, blur, 100.0)
    calibration = calibration_of_error(found, num_samples=count)
    wider = 1.0 if count is None else 1.1
    assert calibration.spread_factor == pytest.approx(math.sqrt(true / (4.0 * wider)), rel=0.05)
    assert calibration.chance == pytest.approx(0.5 * found.standard_error / found.mse)
    assert "estimated" in calibration.describe()
    assert 0.5 < calibration.measured[2] < 0.9
