"""Whether a fitted noise model fits is told by its pairs: where its sigma is wrong, and which kind is better."""

import numpy as np
import pytest

from quietscope.noise import ClipLevels, Gaussian, fit_noise, goodness_of_fit

GAIN, READ = 4.0, 6.0


def camera(num: int = 100_000) -> tuple[np.ndarray, np.ndarray]:
    """Signals of 10 to 400 with Poisson-Gaussian noise of variance 4 s + 36."""
    rng = np.random.default_rng(0)
    s = rng.uniform(10.0, 400.0, num)
    return s, GAIN * rng.poisson(s / GAIN) + rng.normal(0.0, READ, num)


def test_a_model_that_is_right_is_not_blamed() -> None:
    s, x = camera()
    found = goodness_of_fit(fit_noise("poisson-gaussian", s, x), s, x)
    assert (found.too_low, found.too_high, found.better) == (None, None, None)
    assert found.within < 0.1
    assert found.words().startswith("its sigma is right to ")


def test_the_wrong_kind_is_told_with_where_and_what_to_take() -> None:
    s, x = camera()
    found = goodness_of_fit(fit_noise("gaussian", s, x), s, x)
    sigma = np.sqrt(GAIN * s.mean() + READ**2)
    assert found.too_low is not None
    assert found.too_high is not None
    assert found.too_low.signal > 380
    assert found.too_low.share == pytest.approx(sigma / np.sqrt(GAIN * 390 + READ**2) - 1, abs=0.03)
    assert found.too_high.signal < 30
    assert found.too_high.share == pytest.approx(sigma / np.sqrt(GAIN * 20 + READ**2) - 1, rel=0.1)
    assert found.better == "poisson-gaussian"
    assert found.gain > 0.1
    assert "times too high" in found.words()
    assert '`model="poisson-gaussian"` predicts pixels better' in found.words()


def test_chance_and_clipping_are_no_fault_of_the_model() -> None:
    s, x = camera(400)
    assert goodness_of_fit(Gaussian.fit(s, x), s, x).too_low is None  # 20 pixels of a bin say too little
    s, x = camera()
    x = np.minimum(x, 300.0)
    found = goodness_of_fit(fit_noise("poisson-gaussian", s, x), s, x)
    assert (found.too_low, found.too_high) == (None, None)


def test_few_pairs_promise_little_and_clipped_ones_nothing() -> None:
    s, x = camera(100)  # half of them are too few for another model
    few = goodness_of_fit(fit_noise("poisson-gaussian", s, x), s, x)
    assert few.words() == "there are too few pixels to compare its sigma with"
    assert few.better is None
    s, x = camera(5000)
    x[::50] = 0.0
    low = goodness_of_fit(Gaussian.fit(s, x), s, x, clip=ClipLevels(low=0.0, high=np.inf))
    assert low.words().startswith("its sigma was not compared")
