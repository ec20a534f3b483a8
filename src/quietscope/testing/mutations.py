"""Damaged files: mutations of good ones, and what a reader makes of them.

A reader of other people's files may say that a file is damaged, in one line, or read something. It may not fail in any
other way. `outcome` tells which it was.
"""

import random
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quietscope.errors import QuietScopeError

READ, REFUSED = "read", "refused"
_HEADER = 2048
_EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**32 - 1, 2**63 - 1, 2**64 - 1)
_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 3, 7, 100, 10**6, 10**8, 2**31, 2**63, 10**20, -(10**9), 0.0, -0.5, 0.3, 1e-300),
    *(1e300, 1e308, float("nan"), float("inf"), "", "x", "1", "abc" * 1000, "\x1b[31m", "\udcff", "../..", [], {}),
    *([[]], [None], [1, 2, 3], [0] * 1000, [10**8] * 3, {"": ""}, {"share": 0.5}, "hdn", "dvlae", "int64", "gzip"),
)
_TOKENS = (
    *(b"-1", b"0", b"1e400", b"NaN", b"-Infinity", b"null", b"true", b'"x"', b"[]", b"{}", b"[[[[", b"]", b"9" * 40),
    *(b"\x00", b"\xff\xfe", b"\x1b[31m", b"../../x", b"&a [*a]", b": ", b"\n", b"99999999999", b"0.0", b"-7"),
)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A kind of file, and its reader.

    Attributes:
        name: What the kind is called.
        file: A good file; for a format that is a folder, one of the files in it.
        read: Reads the file, or the folder that it lies in.
        header: The JSON values in it, where it has any: half of its mutations change one of them, and nothing else.
        pack: Puts changed values into the contents of a file.
    """

    name: str
    file: Path
    read: Callable[[], Any]
    header: Any = None
    pack: Callable[[Any], bytes] | None = None


def mutated(subject: Subject, content: bytes, seed: str) -> bytes:
    """Return a damaged copy of a file's contents: always the same for one seed.

    Args:
        subject: The file.
        content: What is in it while it is whole.
        seed: Anything.

    Returns:
        The contents after one to four changes, most of them near the start, where headers are.
    """
    drawn, made = random.Random(seed), bytearray(content)
    if subject.pack is not None and drawn.random() < 0.5:
        return subject.pack(_other_value(subject.header, drawn))
    for _ in range(drawn.randint(1, 4)):
        _change(made, drawn)
    return bytes(made)


def _other_value(value: Any, drawn: random.Random) -> Any:
    """Return a copy of JSON values of which one is another, or missing."""
    if isinstance(value, dict) and value and drawn.random() < 0.95:
        name = drawn.choice(sorted(value))
        if drawn.random() < 0.1:
            return {each: value[each] for each in value if each != name}
        return {**value, name: _other_value(value[name], drawn)}
    if isinstance(value, list) and value and drawn.random() < 0.8:
        at = drawn.randrange(len(value))
        return [*value[:at], _other_value(value[at], drawn), *value[at + 1 :]]
    return drawn.choice((*_VALUES, [value], [value] * 3, {"a": value}))


def _change(made: bytearray, drawn: random.Random) -> None:
    reach = min(len(made), _HEADER) if drawn.random() < 0.7 else len(made)
    at = drawn.randrange(reach) if reach else 0
    match drawn.randrange(7):
        case 0:
            made[at : at + 1] = bytes([drawn.randrange(256)])
        case 1:
            width = drawn.choice((1, 2, 4, 8))
            number = drawn.choice(_EXTREMES) % 256**width
            made[at : at + width] = number.to_bytes(width, drawn.choice(("little", "big")))
        case 2:
            del made[at:]
        case 3:
            del made[at : at + drawn.randint(1, 64)]
        case 4:
            made[at:at] = drawn.choice(_TOKENS)
        case 5:
            made[at:at] = made[at : at + drawn.randint(1, 64)] * drawn.choice((1, 2, 30))
        case _:
            _replace_number(made, at, drawn)


def _replace_number(made: bytearray, at: int, drawn: random.Random) -> None:
    """Put a token in place of the next run of digits, which in text is a number of a header."""
    start = next((n for n in range(at, min(at + 400, len(made))) if chr(made[n]).isdigit()), at)
    end = start
    while end < len(made) and chr(made[end]).isdigit():
        end += 1
    made[start:end] = drawn.choice(_TOKENS)


def outcome(read: Callable[[], Any]) -> str:
    """Say what a reader made of a file.

    Args:
        read: Reads it.

    Returns:
        `READ`, `REFUSED`, or the exception and the place in the code where it was raised.
    """
    try:
        read()
    except (QuietScopeError, MemoryError):
        return REFUSED
    except Exception as error:
        raised = list(traceback.extract_tb(error.__traceback__))
        raised = raised[1:] or raised  # the first is the call above
        last = ([frame for frame in raised if "quietscope" in frame.filename] or raised)[-1]
        return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno} ({str(error)[:80]})"
    return READ
