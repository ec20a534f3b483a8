"""Consensus of segmentations with known answers."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from quietscope.consensus import consensus_labels
from quietscope.consensus.fusion import FUSIONS
from quietscope.consensus.instances import Way
from quietscope.consensus.overlay import Overlay
from quietscope.errors import SettingsError

Labels = npt.NDArray[np.int64]
WAYS = pytest.mark.parametrize("way", sorted(FUSIONS))
SEGMENTATIONS = arrays.arrays(
    np.int64, st.tuples(st.integers(1, 4), st.integers(3, 9), st.integers(3, 9)), elements=st.integers(0, 3)
)


def disc(centre: tuple[float, ...], radius: float, shape: tuple[int, ...] = (64, 64)) -> npt.NDArray[np.bool_]:
    offsets = (grid - at for grid, at in zip(np.indices(shape), centre, strict=True))
    return np.asarray(sum(np.square(each) for each in offsets) <= radius**2)


def jittered(num: int, shape: tuple[int, ...] = (64, 64)) -> tuple[Labels, list[Labels]]:
    """Two discs, and segmentations of them that are off by up to two pixels."""
    random = np.random.default_rng(0)
    middle = shape[0] / 2
    centres = [(middle,) * (len(shape) - 1) + (at,) for at in (18.0, 46.0)]

    def drawn(scatter: float) -> Labels:
        labels = np.zeros(shape, np.int64)
        for number, centre in enumerate(centres, 1):
            at = tuple(np.array(centre) + random.uniform(-scatter, scatter, len(shape)))
            labels[disc(at, 9.0, shape)] = number
        return labels

    return drawn(0.0), [drawn(2.0) for _ in range(num)]


def test_of_one_segmentation_it_is_that() -> None:
    truth, _ = jittered(1)
    found = consensus_labels([truth * 7])
    np.testing.assert_array_equal(found.labels, truth)
    assert found.existence.tolist() == [1.0, 1.0]
    assert (found.agreement == 1.0).all()


@WAYS
@pytest.mark.parametrize("shape", [(64, 64), (20, 24, 64)])
def test_errors_of_outlines_cancel(way: Way, shape: tuple[int, ...]) -> None:
    truth, segmentations = jittered(15, shape)
    found = consensus_labels(segmentations, consensus=way)
    assert found.num_objects == 2
    assert found.existence.tolist() == [1.0, 1.0]
    left = int(found.labels[tuple(length // 2 for length in shape[:-1])][18])
    wrong = (np.where(found.labels > 0, 1 + (found.labels != left), 0) != truth).mean()
    assert wrong < np.mean([(each != truth).mean() for each in segmentations]) / 2


@WAYS
def test_noise_is_left_out_and_what_most_have_is_kept(way: Way) -> None:
    truth, segmentations = jittered(10)
    for number, labels in enumerate(segmentations):
        labels[disc((8.0, 6.0 + 5.0 * number), 3.0)] = 9  # every time elsewhere
        if number < 3:
            labels[truth == 2] = 0
    found = consensus_labels(segmentations, consensus=way)
    assert found.num_objects == 2
    assert sorted(found.existence.tolist()) == [0.7, 1.0]


@pytest.mark.parametrize(("num_split", "expected"), [(6, 2), (4, 1)])
def test_touching_objects_are_parted_where_most_part_them(num_split: int, expected: int) -> None:
    whole = np.zeros((40, 60), np.int64)
    whole[10:30, 10:50] = 1
    split = whole.copy()
    split[10:30, 30:50] = 2
    found = consensus_labels([split] * num_split + [whole] * (10 - num_split))
    assert found.num_objects == expected
    assert (found.labels > 0).sum() == (whole > 0).sum()
    assert found.existence.max() == pytest.approx(max(num_split, 10 - num_split) / 10)


def test_a_doubt_about_the_parting_is_no_doubt_of_the_existence() -> None:
    """Four say one object, three each of two other partings: none has half, and something is there all the same."""
    whole = np.zeros((40, 80), np.int64)
    whole[10:30, 10:70] = 1
    halves, thirds = whole.copy(), whole.copy()
    halves[10:30, 40:70] = 2
    thirds[10:30, 30:50], thirds[10:30, 50:70] = 2, 3
    found = consensus_labels([whole] * 4 + [halves] * 3 + [thirds] * 3, least_probability=0.25)
    assert found.num_objects >= 1
    assert (found.probability[10:30, 10:70] == 1.0).all()
    assert (found.labels[10:30, 10:70] > 0).mean() > 0.9


def test_a_proposal_gives_outlines_and_has_no_vote() -> None:
    truth, segmentations = jittered(5)
    proposal = truth.copy()
    proposal[disc((6.0, 6.0), 4.0)] = 3
    found = consensus_labels(segmentations, proposal=proposal)
    np.testing.assert_array_equal(found.labels > 0, truth > 0)
    assert found.existence.tolist() == [1.0, 1.0]
    assert found.partners.shape == (2, 5)
    everything = consensus_labels(segmentations, proposal=proposal, least_probability=0.0)
    assert everything.num_objects == 2  # most segmentations see the background there


def test_what_is_less_likely_than_asked_for_is_left_out() -> None:
    truth, _ = jittered(1)
    one = np.where(truth == 1, 1, 0)
    segmentations = [truth] * 6 + [one] * 4
    assert consensus_labels(segmentations).num_objects == 2
    assert consensus_labels(segmentations, least_probability=0.7).num_objects == 1
    with pytest.raises(SettingsError, match="from 0 to 1"):
        consensus_labels(segmentations, least_probability=1.5)


def test_partners_name_the_objects_of_each_segmentation() -> None:
    _, segmentations = jittered(4)
    segmentations[2][segmentations[2] == 1] = 0
    found = consensus_labels(segmentations)
    left = int(found.labels[32, 18])
    assert found.partners[left - 1].tolist() == [1, 1, 0, 1]
    assert found.counts.tolist() == [2, 2, 1, 2]


def test_agreement_is_the_share_that_is_of_one_mind() -> None:
    truth, _ = jittered(1)
    found = consensus_labels([truth, truth, truth, np.zeros_like(truth)])
    np.testing.assert_allclose(found.agreement, np.where(truth > 0, 0.75, 1.0))
    np.testing.assert_allclose(found.probability, np.where(truth > 0, 0.75, 0.0))


@WAYS
@settings(max_examples=30, deadline=None)
@given(segmentations=SEGMENTATIONS)
def test_whatever_comes_the_answer_is_whole(way: Way, segmentations: Labels) -> None:
    found = consensus_labels(segmentations, consensus=way)
    assert found.labels.shape == segmentations.shape[1:]
    assert np.unique(found.labels[found.labels > 0]).tolist() == list(range(1, found.num_objects + 1))
    assert ((found.existence >= 0) & (found.existence <= 1)).all()
    assert found.partners.shape == (found.num_objects, len(segmentations))
    np.testing.assert_allclose(found.probability, (segmentations > 0).mean(axis=0), atol=1e-6)
    assert (found.agreement <= np.where(found.labels > 0, found.probability, 1.0) + 1e-6).all()


@settings(max_examples=30, deadline=None)
@given(segmentations=SEGMENTATIONS)
def test_nothing_is_lost_where_segmentations_are_laid_over_each_other(segmentations: Labels) -> None:
    overlay = Overlay(segmentations.shape[1:])
    for labels in segmentations:
        overlay.add(labels)
    kept = overlay.done()
    for labels, row in zip(segmentations, kept.labels, strict=True):
        again = kept.painted(row)
        assert len(np.unique(np.stack([labels.ravel(), again.ravel()]), axis=1).T) == len(np.unique(labels))
        np.testing.assert_array_equal(again > 0, labels > 0)


def test_what_is_kept_hardly_grows_with_the_number() -> None:
    """Shifted outlines of 24 objects: a map and a few thousand patches, not one more map for each segmentation."""
    random = np.random.default_rng(1)
    base = ndimage.zoom(np.arange(1, 25).reshape(4, 6), 40, order=0)
    overlay = Overlay(base.shape)
    for _ in range(20):
        overlay.add(np.roll(base, random.integers(-2, 3, 2), (0, 1)))
    kept = overlay.done()
    assert kept.labels.nbytes + kept.patch.nbytes < 2 * base.astype(np.int32).nbytes


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (np.zeros((4, 4)), "got float64"),
        (np.zeros((4, 5), int), "got 4 x 5"),
        (np.full((4, 4), -3), "got -3"),
    ],
)
def test_what_is_no_segmentation_is_refused(wrong: Any, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        consensus_labels([np.ones((4, 4), int), wrong])


def test_none_at_all_is_refused() -> None:
    with pytest.raises(SettingsError, match="at least one segmentation"):
        consensus_labels([])


def test_an_unknown_way_is_refused() -> None:
    way: Any = "guess"
    with pytest.raises(SettingsError, match="vote or average or bic"):
        consensus_labels([np.ones((4, 4), int)], consensus=way)
