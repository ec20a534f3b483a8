"""Correction of probabilities of existing."""

from typing import Any

import numpy as np
import pytest

from quietscope.consensus import consensus_labels
from quietscope.consensus.existence import ExistenceCorrection, fit_existence, object_features
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


def test_features_tell_what_probabilities_do_not() -> None:
    random = np.random.default_rng(2)
    p, size = random.uniform(0.5, 0.95, 3000), random.normal(5.0, 2.0, 3000)
    chance = ExistenceCorrection(1.0, -0.5, (1.5, 0.0), (5.0, 0.0), (2.0, 1.0))
    given = np.stack([size, random.normal(size=3000)], axis=1)
    found = fit_existence(p, random.uniform(size=3000) < chance.apply(p, given), given)
    np.testing.assert_allclose(found.apply(p, given), chance.apply(p, given), atol=0.08)
    assert abs(found.weights[1]) < 0.2


@pytest.mark.parametrize("features", [None, np.zeros((12, 1)), np.zeros((11, 2)), np.zeros(12)])
def test_other_features_than_were_learnt_from_are_refused(features: Any) -> None:
    learnt = fit_existence(np.full(12, 0.5), np.arange(12) % 2, np.ones((12, 2)))
    with pytest.raises(SizeError, match=r"features of the shape \(12, 2\)"):
        learnt.apply(np.full(12, 0.5), features)


@pytest.mark.parametrize("dims", [2, 3])
def test_features_are_size_and_contrast(dims: int) -> None:
    labels = np.zeros((24,) * dims, int)
    labels[(slice(2, 8),) * dims], labels[(slice(14, 22),) * dims] = 1, 2
    image = np.where(labels == 2, 30.0, np.where(labels == 1, 10.0, 5.0))
    found = object_features(consensus_labels([labels, labels]), image)
    np.testing.assert_allclose(found[:, 0], np.log([6.0**dims, 8.0**dims]))
    np.testing.assert_allclose(found[:, 1], np.array([5.0, 25.0]) / image.std())


def test_an_object_without_surroundings_is_compared_with_the_image() -> None:
    found = object_features(consensus_labels([np.ones((4, 4), int)]), np.full((4, 4), 3.0))
    assert found.tolist() == [[np.log(16), 0.0]]
