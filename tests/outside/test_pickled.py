"""The reader of pickles runs nothing, and ends within bounds."""

import collections
import io
import os
import pickle
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quietscope.outside import pickled
from quietscope.outside.pickled import Name, PickledError, Record, Reference, read_pickle

PLAIN = {
    "a": [1, -2.5, None, True],
    "b": ("x", b"y", 2**40),
    "c": {3: {"deep": [()]}},
    "d": 300,
    "e": 70_000,
    "": False,
}


class Thing:
    """An object with a state, and one inside that refers back to it."""

    def __init__(self) -> None:
        self.name, self.parts, self.me = "cells", [1, 2], self


class Runs:
    """An object whose pickle runs a command where Python opens it."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (self.command,)


def read(content: bytes) -> Any:
    return read_pickle(io.BytesIO(content))


@pytest.mark.parametrize("protocol", range(1, 6))
def test_plain_values_come_out(protocol: int) -> None:
    assert read(pickle.dumps(PLAIN, protocol)) == PLAIN
    ordered = collections.OrderedDict(PLAIN)
    assert read(pickle.dumps(ordered, protocol)) == PLAIN
    assert sorted(read(pickle.dumps({1, 2}, protocol))) == [1, 2]


@pytest.mark.parametrize("protocol", [2, 5])
def test_objects_are_records_of_what_they_would_be(protocol: int) -> None:
    found = read(pickle.dumps(Thing(), protocol))
    assert isinstance(found, Record)
    assert found.of.endswith("test_pickled.Thing")
    assert found.state["name"] == "cells"
    assert found.state["parts"] == [1, 2]
    assert found.state["me"] is found
    scalar = read(pickle.dumps(np.float32(1.5), protocol))
    assert scalar.of.endswith("multiarray.scalar")


@pytest.mark.parametrize("protocol", range(6))
def test_nothing_is_run(tmp_path: Path, protocol: int) -> None:
    victim = tmp_path / "run"
    content = pickle.dumps([Runs(f"touch {victim}")], protocol)
    if protocol:
        [found] = read(content)
        assert found.maker in (Name("posix", "system"), Name("nt", "system"))
        assert found.arguments == (f"touch {victim}",)
    else:
        with pytest.raises(PickledError):
            read(b"(S'touch x'\nios\nsystem\n.")
    assert not victim.exists()


def test_references_are_told(tmp_path: Path) -> None:
    class Refers(pickle.Pickler):
        def persistent_id(self, value: Any) -> Any:
            return ("storage", 7) if isinstance(value, Thing) else None

    content, told = io.BytesIO(), list[Reference]()
    Refers(content, 2).dump([Thing()])
    [found] = read_pickle(io.BytesIO(content.getvalue()), told)
    assert found == Reference(("storage", 7))
    assert told == [found]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "damaged pickle"),
        (b"\x80\x02]", "damaged pickle"),
        (b"\x80\x02(.", "a mark where a value belongs"),
        (b"\x80\x02]K\x01s.", "damaged pickle"),
        (b"\x80\x02K\x01K\x02K\x03s.", "entries of what is no dict"),
        (b"\x80\x02K\x01K\x02a.", "elements of what is no list"),
        (b"\x80\x02K\x01}b.", "a state for what has none"),
        (b"\x80\x02}(K\x01u.", "a key without a value"),
        (b"\x80\x02K\x01K\x02\x93.", "a name that is no text"),
        (b"\x80\x02\x8a\x0f" + b"\x7f" * 15 + b".", "more than 80 bits"),
        (b"\x80\x02h\x05.", "damaged pickle"),
        (b"\x82\x01.", "the instruction EXT1"),
        (b"\x80\x02X\xff\xff\xff\x7fabc.", "damaged pickle"),
    ],
)
def test_damage_is_one_short_line(content: bytes, words: str) -> None:
    with pytest.raises(PickledError) as caught:
        read(content)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_bombs_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nested tuples as keys take for ever to hash, deep lists a stack to walk, instructions without end no end."""
    doubled = b"\x80\x02K\x01" + b"2\x86" * 60  # each tuple holds the one before twice
    started = time.monotonic()
    assert read(b"\x80\x02}K\x01" + b"q\x00h\x00\x86" * 60 + b"K\x05s.") == {}
    assert isinstance(read(b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b"."), list)
    assert time.monotonic() - started < 10.0
    with pytest.raises(PickledError):
        read(doubled + b".")
    monkeypatch.setattr(pickled, "MOST_INSTRUCTIONS", 1000)
    with pytest.raises(PickledError, match="more than 1,000 instructions"):
        read(b"\x80\x02" + b"N" * 1001 + b".")


def test_copies_of_copies_end() -> None:
    """One long list, made a set again and again, would fill any memory within few instructions."""
    long = b"\x80\x02](" + b"N" * 200_000 + b"eq\x00"
    again = b"cbuiltins\nset\nh\x00\x85R" * 1000
    with pytest.raises(PickledError, match="copies of more than"):
        read(long + again + b".")
