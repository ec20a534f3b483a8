"""Correction of probabilities of existing."""

import numpy as np
import pytest

from quietscope.consensus.existence import ExistenceCorrection, fit_existence
from quietscope.errors import SizeError


def test_no_correction_leaves_probabilities_as_they_are() -> None:
    p = np.linspace(0.05, 0.95, 7)
    np.testing.assert_allclose(ExistenceCorrection().apply(p), p)


def test_probabilities_that_are_too_high_are_lowered_to_what_is_real() -> None:
    random = np.random.default_rng(0)
    p = random.uniform(0.1, 0.95, 4000)
    true = ExistenceCorrection(1.5, -1.0)
    found = fit_existence(p, random.uniform(size=4000) < true.apply(p))
    assert found.slope == pytest.approx(1.5, abs=0.15)
    assert found.shift == pytest.approx(-1.0, abs=0.15)


def test_honest_probabilities_are_left_alone() -> None:
    random = np.random.default_rng(1)
    p = random.uniform(0.1, 0.95, 4000)
    found = fit_existence(p, random.uniform(size=4000) < p)
    np.testing.assert_allclose(found.apply(p), p, atol=0.05)


@pytest.mark.parametrize(("num", "answers"), [(3, 3), (20, 19)])
def test_too_little_is_refused(num: int, answers: int) -> None:
    with pytest.raises(SizeError, match="at least 10 objects"):
        fit_existence(np.full(num, 0.5), np.ones(answers))
