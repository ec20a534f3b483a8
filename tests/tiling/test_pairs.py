"""Which samples pair, which of them an estimate sees, and what a request chooses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietscope.axes import Layout
from quietscope.errors import SettingsError
from quietscope.tiling.antithetic import NO_PAIRS, Pairs, last_pairs, usual_pairs
from quietscope.tiling.request import SAMPLES_FOR_A_MEAN, USUAL_SAMPLES, Request, usual_samples
from quietscope.tiling.walk import walk
from quietscope.wording import for_the_command_line
from tests.tiling.test_walk import Engine

COUNTS = st.integers(1, 60).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n // 2)))


@given(COUNTS)
def test_the_second_of_a_pair_turns_the_sign_of_the_first(counts: tuple[int, int]) -> None:
    num_samples, count = counts
    pairs = last_pairs(num_samples, count)
    seconds = [n for n in range(num_samples) if pairs.source(n)[1] < 0]
    assert len(seconds) == count
    assert all(n % 2 == 1 and pairs.source(n) == (n - 1, -1.0) for n in seconds)
    others = [n for n in range(num_samples) if n not in seconds]
    assert [pairs.source(n) for n in others] == [(n, 1.0) for n in others]
    assert not seconds or seconds[0] > num_samples - 2 * count - 1  # the first samples are independent


@given(COUNTS)
def test_expectations_see_pairs_and_everything_else_what_is_independent(counts: tuple[int, int]) -> None:
    num_samples, count = counts
    pairs = last_pairs(num_samples, count)
    for expectation in (False, True):
        seen = [n for n in range(num_samples) if pairs.serves(n, expectation=expectation)]
        assert len(seen) == pairs.seen(num_samples, expectation=expectation)
        sources = [pairs.source(n)[0] for n in seen]
        assert len(set(sources)) == (len(seen) if not (expectation and count) else count)
        if expectation and count:
            assert sum(pairs.source(n)[1] for n in seen) == 0


@given(COUNTS, st.integers(1, 8))
def test_turns_share_the_samples_and_split_no_pair(counts: tuple[int, int], num_turns: int) -> None:
    num_samples, count = counts
    pairs = last_pairs(num_samples, count)
    shares = [list(pairs.of_turn(turn, num_turns, num_samples)) for turn in range(num_turns)]
    assert sorted(n for share in shares for n in share) == list(range(num_samples))
    for share in shares:
        assert all(pairs.source(n)[0] in share for n in share)
    assert list(NO_PAIRS.of_turn(1, 4, 10)) == [1, 5, 9]


@pytest.mark.parametrize(
    ("num_samples", "kinds", "drawn", "pairs"),
    [
        (10, ["mean"], 10, 5),
        (11, ["mean"], 10, 5),
        (1, ["mean"], 1, 0),
        (50, ["mean", "deconvolved"], 50, 25),
        (3, ["mean", "std"], 3, 0),
        (4, ["mean", "std"], 4, 1),
        (10, ["mean", "std"], 10, 2),
        (20, ["mean", "map"], 20, 5),
        (50, ["mean", "std", "quantiles"], 50, 5),
        (200, ["mean", "std"], 200, 20),
        (50, ["std"], 50, 0),
        (50, ["quantiles", "map"], 50, 0),
        (50, ["samples"], 50, 0),
        (50, ["mean", "std", "samples"], 50, 0),
        (50, [], 50, 0),
    ],
)
def test_pairs_follow_from_what_is_wanted(num_samples: int, kinds: list[str], drawn: int, pairs: int) -> None:
    found = Request(num_samples=num_samples).settled(kinds)
    assert (found.num_samples, found.pairs) == (drawn, pairs)
    assert found.settled(kinds) == found
    assert found.drawn_pairs.count == pairs


def test_every_orientation_gets_a_pair() -> None:
    for request in (Request(augment=True), Request(num_samples=16, augment=True)):
        settled = request.settled(["mean", "std"] if request.num_samples == 50 else ["mean"])
        pairs = settled.drawn_pairs
        assert pairs.count == 8
        for turn in range(8):
            assert sum(pairs.serves(n, expectation=True) for n in pairs.of_turn(turn, 8, settled.num_samples)) == 2


def test_whoever_chooses_the_pairs_gets_them() -> None:
    assert Request(num_samples=50, pairs=0).settled(["mean"]) == Request(num_samples=50, pairs=0)
    assert Request(num_samples=6, pairs=3).settled(["mean", "samples"]).drawn_pairs == Pairs(first=0, count=3)
    assert Request(num_samples=9, pairs=2).settled(["mean"]).num_samples == 4  # nothing is drawn in vain
    assert Request(num_samples=9, pairs=2).settled(["mean", "std"]).drawn_pairs == Pairs(first=4, count=2)
    assert Request(num_samples=9).drawn_pairs == NO_PAIRS
    for pairs in (-1, 5):
        with pytest.raises(SettingsError, match=r"from 0 to 4 pairs among 9 samples.*pairs=0"):
            Request(num_samples=9, pairs=pairs)
    with for_the_command_line(), pytest.raises(SettingsError, match="--pairs 0"):
        Request(num_samples=1, pairs=1)


def test_a_mean_alone_takes_fewer_samples() -> None:
    assert usual_samples(["mean"]) == SAMPLES_FOR_A_MEAN == 10
    for kinds in (["mean", "std"], ["map"], ["samples"]):
        assert usual_samples(kinds) == USUAL_SAMPLES == 50
    assert usual_samples(["mean"], augment=True) == 16
    assert [usual_pairs(n, alone=False) for n in (1, 3, 4, 20, 50, 100)] == [0, 0, 1, 5, 5, 10]


def test_each_estimate_is_shown_its_share_whatever_the_batches() -> None:
    image = np.zeros((1, 16, 16), np.float32)
    sinks = {kind: np.full(image.shape, np.nan) for kind in ("mean", "std", "deconvolved")}
    sinks["samples"] = np.full((9, *image.shape), np.nan)
    # Sample k is k: pairs 4, 5 and 6, 7; independent of each other are 0 to 4, 6 and 8.
    walk(Engine(9, Pairs(first=4, count=2)), Layout.of("TYX", image.shape), image, sinks, Request(num_samples=9))
    np.testing.assert_allclose(sinks["mean"], np.mean([4, 5, 6, 7]))
    np.testing.assert_allclose(sinks["deconvolved"], 2 * np.mean([4, 5, 6, 7]))
    np.testing.assert_allclose(sinks["std"], np.std([0, 1, 2, 3, 4, 6, 8], ddof=1), rtol=1e-6)
    np.testing.assert_allclose(sinks["samples"][:, 0, 3, 3], np.arange(9))
