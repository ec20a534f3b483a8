"""What the fault runs rest on: good files of every kind, damage that can be repeated, outcomes told apart."""

from collections.abc import Callable
from pathlib import Path

import pytest

from quietscope.errors import ImageFileError
from quietscope.testing.corpus import subjects
from quietscope.testing.mutations import READ, REFUSED, mutated, outcome


def test_every_kind_is_read_whole_and_damaged_again_in_the_same_way(tmp_path: Path) -> None:
    made = subjects(tmp_path)
    assert len({each.name for each in made}) == len(made) > 15
    for subject in made:
        whole = subject.file.read_bytes()
        assert outcome(subject.read) == READ, subject.name
        changed = [mutated(subject, whole, f"{subject.name} {number}") for number in range(8)]
        assert changed == [mutated(subject, whole, f"{subject.name} {number}") for number in range(8)]
        assert len({whole, *changed}) > 5  # a mutation may come out as what was there
        subject.file.write_bytes(changed[0])
        assert outcome(subject.read) in (READ, REFUSED), subject.name
        subject.file.write_bytes(whole)


def _refuse() -> None:
    raise ImageFileError(expected="a TIFF file", got="noise", fix="save it again")


def _fill_memory() -> None:
    raise MemoryError


def _fail() -> None:
    raise ValueError("too many values to unpack")


@pytest.mark.parametrize("read", [_refuse, _fill_memory])
def test_a_refusal_is_no_fault(read: Callable[[], None]) -> None:
    assert outcome(read) == REFUSED


def test_any_other_exception_is_one_and_is_told_with_its_place() -> None:
    assert outcome(lambda: 3) == READ
    told = outcome(_fail)
    assert told.startswith("ValueError at test_mutations.py:")
    assert told.endswith("(too many values to unpack)")
