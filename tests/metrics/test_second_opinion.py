"""A mean squared error told by a second opinion, where that is the very posterior."""

import math

import numpy as np
import pytest

from quietscope.errors import SizeError
from quietscope.metrics import calibration_of_moments
from quietscope.metrics.second_opinion import OpinionSums

RNG = np.random.default_rng(0)
SHAPE = (3, 200, 200)


def test_the_error_is_that_of_the_truth_whatever_is_judged() -> None:
    posterior, width = RNG.normal(100, 30, SHAPE), RNG.uniform(1, 5, SHAPE)
    truth = RNG.normal(posterior, width)
    result = posterior + RNG.normal(4, 2, SHAPE)
    sums = OpinionSums()
    for planes in zip(result, np.full(SHAPE, 2.0), posterior, width, np.ones(SHAPE, bool), strict=True):
        sums.add(*planes)
    found = sums.error()
    assert found.mse == pytest.approx(np.mean((result - truth) ** 2), rel=0.02)
    assert abs(found.mse - np.mean((result - truth) ** 2)) < 4 * found.standard_error
    assert (found.claimed, found.num_pixels) == (4.0, truth.size)
    assert not found.doubt


def test_pixels_that_were_never_measured_do_not_count() -> None:
    known = np.ones((40, 50), bool)
    known[:, :35] = False
    zero, one = np.zeros(known.shape), np.ones(known.shape)
    sums = OpinionSums()
    sums.add(np.where(known, 3.0, np.nan), one, zero, one, known)
    found = sums.error()
    assert (found.mse, found.num_pixels, found.standard_error) == (10.0, 40 * 15, 0.0)
    empty = OpinionSums()
    empty.add(zero, one, zero, one, ~one.astype(bool))
    with pytest.raises(SizeError, match="none"):
        empty.error()


@pytest.mark.parametrize("drawn", [None, 12])
def test_the_factor_is_that_of_the_truth(drawn: int | None) -> None:
    posterior, width = RNG.normal(100, 30, SHAPE), RNG.uniform(1, 5, SHAPE)
    truth, claimed = RNG.normal(posterior, width), RNG.gamma(2, 1, SHAPE)
    result = posterior + RNG.normal(1, 3, SHAPE)
    sums = OpinionSums(drawn)
    sums.add(result, claimed, posterior, width, np.ones(SHAPE, bool))
    found, right = sums.calibration(), calibration_of_moments([(result, claimed, truth)], num_samples=drawn)
    assert found.nominal == right.nominal
    assert found.measured == pytest.approx(right.measured, abs=0.01)
    assert found.spread_factor == pytest.approx(right.spread_factor, rel=0.02)
    assert 0.0 < found.chance < 0.05


def test_no_factor_helps_where_no_deviation_is_claimed() -> None:
    sums = OpinionSums()
    one = np.ones((20, 20))
    sums.add(one, 0 * one, 0 * one, one, one.astype(bool))
    assert sums.calibration().spread_factor == math.inf
