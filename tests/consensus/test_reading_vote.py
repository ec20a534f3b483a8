"""Readings vote: shares weighted by confidence, and the text of least expected error."""

import pytest

from quietscope.consensus.reading_vote import (
    FURTHER_SHARE,
    Ballot,
    Reading,
    agreed,
    aligned,
    by_character,
    joined,
    ranked,
)


def readings(**probabilities: float) -> list[Reading]:
    given = [Reading(text, share, 1) for text, share in probabilities.items()]
    return sorted(given, key=lambda each: -each.probability)


def test_further_readings_count_little_and_are_ranked_anew() -> None:
    near, apart = readings(casts=0.6, costs=0.4), readings(costs=0.7, cents=0.3)
    found = joined(near, apart)
    shares = {"casts": 0.6 * (1 - FURTHER_SHARE), "costs": 0.4 + 0.3 * FURTHER_SHARE, "cents": 0.3 * FURTHER_SHARE}
    assert {each.text: each.probability for each in found} == pytest.approx(shares)
    assert [(each.text, each.count) for each in found] == [("casts", 1), ("costs", 2), ("cents", 1)]
    assert joined(near, ()) == tuple(near)


def test_readings_are_ranked_by_weighted_shares() -> None:
    found = ranked([Ballot("casts", 0.9), Ballot("costs", 0.4), Ballot("costs", 0.2), Ballot("", 0.5)])
    assert [(each.text, each.count) for each in found] == [("casts", 1), ("costs", 2), ("", 1)]
    assert [each.probability for each in found] == [pytest.approx(each) for each in (0.45, 0.3, 0.25)]
    assert sum(each.probability for each in found) == pytest.approx(1.0)


def test_where_nobody_is_sure_samples_count() -> None:
    found = ranked([Ballot("b", 0.0), Ballot("a", 0.0), Ballot("b", 0.0), Ballot("", 0.0)])
    assert [(each.text, each.probability) for each in found] == [("b", 0.5), ("", 0.25), ("a", 0.25)]


def test_one_reading_is_the_text() -> None:
    assert agreed([Reading("word", 1.0, 5)]) == "word"


def test_the_text_need_not_be_the_most_frequent_reading() -> None:
    """Three ways to spell it nearly right outvote one that is all wrong, though that is the most frequent."""
    assert agreed(readings(xyzzy=0.28, mother=0.24, mothor=0.24, mothers=0.24)) == "mother"


def test_the_text_may_be_one_that_no_sample_has() -> None:
    assert agreed(readings(aotton=0.25, cottom=0.25, cqtton=0.25, cottcn=0.25)) == "cotton"
    assert agreed(readings(Xotton=1 / 3, cXtton=1 / 3, cottoX=1 / 3)) == "cotton"


def test_nothing_wins_where_most_see_nothing() -> None:
    assert agreed([Reading("", 0.7, 7), Reading("'", 0.3, 3)]) == ""


def test_a_vote_by_character_puts_in_and_takes_out() -> None:
    assert by_character("moter", {"moter": 0.2, "mother": 0.5, "mothers": 0.3}) == "mother"
    assert by_character("mothher", {"mothher": 0.3, "mother": 0.7}) == "mother"


@pytest.mark.parametrize(
    ("pivot", "text", "instead", "added"),
    [
        ("cat", "cat", ["c", "a", "t"], ["", "", "", ""]),
        ("cat", "cut", ["c", "u", "t"], ["", "", "", ""]),
        ("cat", "ct", ["c", "", "t"], ["", "", "", ""]),
        ("cat", "coast", ["c", "a", "t"], ["", "o", "s", ""]),
        ("", "ab", [], ["ab"]),
        ("ab", "", ["", ""], ["", "", ""]),
    ],
)
def test_alignment(pivot: str, text: str, instead: list[str], added: list[str]) -> None:
    assert aligned(pivot, text) == (instead, added)
