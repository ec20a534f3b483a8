"""Words of different samples meet at one place, whatever way each sample cut its lines into words."""

from collections.abc import Sequence

import numpy as np
import pytest

from quietscope.consensus.reading_places import crowds, cut, places_of, spans_of
from quietscope.consensus.reading_record import voted
from quietscope.consensus.reading_words import Word, distance, mean_confidence

WIDTH, HEIGHT = 8.0, 10.0


def line_of(text: str, *, row: float = 0.0, left: float = 0.0, number: int = 0, sure: float = 0.9) -> list[Word]:
    """Words of one line, each letter and each space as wide as the other; an underscore is a space within a word."""
    words, at = [], left
    for word in text.split(" "):
        right = at + WIDTH * len(word)
        words.append(Word(word.replace("_", ""), sure, (at, row, right, row + HEIGHT), number))
        at = right + WIDTH
    return words


def texts(samples: Sequence[Sequence[Word]]) -> list[str]:
    return [place.text for place in voted(samples)]


def test_words_meet_by_their_boxes_and_the_majority_is_read() -> None:
    samples = [line_of("the cat sat", left=shift) for shift in (0.0, 1.5, -1.0)] + [line_of("the cot sat")]
    places = voted(samples)
    assert [place.text for place in places] == ["the", "cat", "sat"]
    assert [(each.text, each.count) for each in places[1].readings] == [("cat", 3), ("cot", 1)]
    assert places[1].probability == pytest.approx(0.75)
    assert places[1].box == pytest.approx((32.0, 0.0, 56.0, 10.0), abs=1.6)


def test_a_word_that_fell_apart_is_put_together() -> None:
    samples = [line_of("a football game")] * 3
    apart = [
        Word("a", 0.9, (0, 0, 8, 10)),
        Word("foot", 0.9, (16, 0, 47, 10)),
        Word("ball", 0.9, (49, 0, 80, 10)),
        Word("game", 0.9, (88, 0, 120, 10)),
    ]
    places = voted([*samples, apart])
    assert [place.text for place in places] == ["a", "football", "game"]
    assert {each.text for each in places[1].readings} == {"football", "foot ball"}


def test_words_that_ran_together_are_cut_where_others_part_them() -> None:
    merged = line_of("small_table here")
    assert merged[0].text == "smalltable"
    places = voted([*[line_of("small table here")] * 2, merged])
    assert [place.text for place in places] == ["small", "table", "here"]
    assert [each.probability for each in places[0].readings] == [pytest.approx(1.0)]


def test_a_cut_follows_what_others_read_rather_than_even_letters() -> None:
    narrow_and_wide = Word("illmow", 0.9, (0.0, 0.0, 60.0, 10.0))  # three narrow letters in 20 pixels, three wide in 40
    assert cut(narrow_and_wide, [(0.0, 18.0), (22.0, 60.0)], ["ill", "mow"]) == ["ill", "mow"]
    assert cut(narrow_and_wide, [(0.0, 18.0), (22.0, 60.0)], ["", ""]) == ["il", "lmow"]
    assert cut(narrow_and_wide, [(0.0, 60.0)], ["ill"]) == ["illmow"]
    assert cut(narrow_and_wide, [], []) == []


def test_one_sample_that_sees_a_single_long_word_joins_nothing() -> None:
    joined = [Word("onetwothree", 0.9, (0.0, 0.0, 104.0, 10.0))]
    assert texts([*[line_of("one two three")] * 2, joined]) == ["one", "two", "three"]
    assert len(spans_of([joined, *[line_of("one two three")] * 2])) == 3


def test_lines_are_told_apart_where_they_crowd() -> None:
    def page(jitter: float) -> list[Word]:
        return [*line_of("upper line", row=jitter), *line_of("lower line", row=18.0 - jitter, number=1)]

    places = places_of([page(each) for each in (0.0, 1.0, -1.0, 0.5)])
    assert [place.line for place in places] == [0, 0, 1, 1]
    assert texts([page(each) for each in (0.0, 1.0, -1.0, 0.5)]) == ["upper", "line", "lower", "line"]


def test_crowds_are_modes() -> None:
    rows = np.array([10.0, 10.5, 9.8, 30.0, 30.4, 49.0])
    assert crowds(rows, np.ones(6), 12.0) == pytest.approx([10.1, 30.2, 49.0], abs=0.5)
    near = np.array([10.0, 13.0])  # within half a height: one line
    assert len(crowds(near, np.array([5.0, 1.0]), 12.0)) == 1


def test_further_images_say_what_stands_at_places_and_where_none_are() -> None:
    samples = [line_of("the cat sat")] * 3
    joined = line_of("the catsat", left=1.0)
    places = voted(
        samples, [line_of("the cot sat"), joined, [*line_of("the cat"), *line_of("far", row=60.0, number=1)]]
    )
    assert [place.text for place in places] == ["the", "cat", "sat"]
    assert {each.text: each.count for each in places[1].readings} == {"cat": 5, "cot": 1}
    assert {each.text: each.count for each in places[2].readings} == {"sat": 5, "": 1}
    assert [place.box for place in places] == [place.box for place in voted(samples)]
    assert voted([[], []], [line_of("word")]) == ()


def test_what_one_sample_alone_sees_is_a_place_without_text() -> None:
    noise = [*line_of("real words"), *line_of("speck", row=40.0, number=1, sure=0.2)]
    places = voted([line_of("real words"), line_of("real words"), noise])
    assert [place.text for place in places] == ["real", "words", ""]
    assert places[2].readings[0].text == ""
    assert places[2].readings[0].probability == pytest.approx(1.8 / 2.0, abs=0.05)


def test_a_sample_that_reads_nothing_has_no_say_of_what_is_there() -> None:
    """Tesseract gives no confidence of nothing: a blank page counts as little as its reader was sure."""
    (place,) = voted([*[line_of("word")] * 3, []])
    assert [(each.text, each.count, each.probability) for each in place.readings] == [
        ("word", 3, pytest.approx(1.0)),
        ("", 1, 0.0),
    ]
    assert voted([[], []]) == ()


def test_distances_and_confidences() -> None:
    assert [distance("casts", each) for each in ("casts", "costs", "cast", "", "tsac")] == [0, 1, 1, 5, 4]
    assert distance("", "ab") == 2
    assert mean_confidence([]) == 0.0
    words = [Word("a", 1.0, (0, 0, 1, 1)), Word("abc", 0.0, (0, 0, 1, 1))]
    assert mean_confidence(words) == pytest.approx(0.25)
