"""The one reader of JSON and YAML that others wrote: plain values come out, or an error of one line.

A kilobyte of YAML aliases can stand for a terabyte of lists, and a number of a million digits takes minutes to read. So
size, nesting, number of values (aliases counted as often as they stand for something) and numbers are bounded.
"""

import json
import math
import re
from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, TypeVar

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError

Plain: TypeAlias = bool | int | float | str | list[Any] | dict[str, Any] | None

MOST_BYTES_OF_YAML = 1 << 16
MOST_BYTES_OF_JSON = 1 << 22
DEEPEST = 64
MOST_VALUES = 100_000
LARGEST_INTEGER = 2**63
_SHOWN = 60
_BRACKETS = re.compile(r"[\[\]{}]")

T = TypeVar("T")


class MalformedError(ValueError):
    """Text that is not JSON or YAML, or not within bounds; the message is one short line without a file's name."""


def parse_json(text: str | bytes | bytearray, *, most_bytes: int = MOST_BYTES_OF_JSON, deepest: int = DEEPEST) -> Plain:
    """Read JSON.

    Args:
        text: The text, UTF-8 if it is bytes.
        most_bytes: Its largest length.
        deepest: Deepest nesting.

    Returns:
        Its value: every number finite, every integer below 2^63.

    Raises:
        MalformedError: If it is no JSON, or beyond a bound.
    """
    _check_length(text, most_bytes)
    try:
        found = json.loads(text, parse_constant=_refuse_constant, parse_int=_integer)
    except MalformedError:
        raise
    except RecursionError as error:
        raise MalformedError("nested too deeply") from error
    except ValueError as error:
        raise MalformedError(f"no JSON: {_brief(error)}") from error
    return _plain(found, deepest)


def parse_yaml(text: str | bytes, *, most_bytes: int = MOST_BYTES_OF_YAML) -> Plain:
    """Read YAML, with nothing but plain values in it.

    Args:
        text: The text, UTF-8 if it is bytes.
        most_bytes: Its largest length.

    Returns:
        Its value: every number finite, every integer below 2^63, dates as text.

    Raises:
        MalformedError: If it is no YAML, or beyond a bound.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    _check_length(text, most_bytes)
    yaml = YAML(typ="safe", pure=True)
    try:
        words = text.decode() if isinstance(text, bytes) else text
        _check_brackets(words)
        node = yaml.compose(words)
        _check_expanded(node)
        found = None if node is None else yaml.constructor.construct_document(node)
    except MalformedError:
        raise
    except RecursionError as error:
        raise MalformedError("nested too deeply") from error
    except YAMLError as error:
        raise MalformedError(f"no YAML: {_brief(error)}") from error
    except Exception as error:  # numbers, dates and tags that only look like ones
        raise MalformedError(f"a value that cannot be read: {_brief(error)}") from error
    return _plain(found, DEEPEST)


def validated(kind: type[T], values: Any) -> T:
    """Make a record of plain values.

    Args:
        kind: What to make: a pydantic model, or a dataclass whose fields have types of `quietscope.outside.bounded`.
        values: What `parse_json` or `parse_yaml` returned.

    Returns:
        The record.

    Raises:
        MalformedError: If a value is missing, of another type or out of range; the message names the first.
    """
    from pydantic import ValidationError  # imported here because a short command should not wait for it

    try:
        found: T = _adapter(kind).validate_python(values)
        return found
    except ValidationError as error:
        raise MalformedError(first_fault(error)) from error


def _adapter(kind: type[Any]) -> "TypeAdapter[Any]":
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def first_fault(error: "ValidationError") -> str:
    """Return the first fault that pydantic found, in one short line: which value, what it is, what is wrong with it."""
    fault = error.errors(include_url=False)[0]
    words = " ".join(str(fault["msg"]).removeprefix("Value error, ").split())[: 4 * _SHOWN]
    name = ".".join(str(part) for part in fault["loc"])[:_SHOWN]
    return f"{name} = {brief(fault['input'])} ({words})" if name else words


def brief(value: Any) -> str:
    """Return a value as Python writes it, cut to what fits a message."""
    words = repr(value) if isinstance(value, str | int | float | list | tuple | None) else type(value).__name__
    return words if len(words) <= _SHOWN else words[:_SHOWN] + "..."


def _check_length(text: str | bytes | bytearray, most: int) -> None:
    if len(text) > most:
        raise MalformedError(f"{len(text):,} bytes, where at most {most:,} make sense")


def _refuse_constant(word: str) -> NoReturn:
    raise MalformedError(f"the number {word}")


def _integer(digits: str) -> int:
    if len(digits) > len(str(LARGEST_INTEGER)) + 1:
        raise MalformedError(f"an integer of {len(digits):,} digits")
    return int(digits)


def _check_brackets(text: str) -> None:
    """Refuse brackets in brackets in brackets before they are parsed, which takes the square of their number."""
    depth = 0
    for bracket in _BRACKETS.findall(text):
        depth = depth + 1 if bracket in "[{" else max(0, depth - 1)
        if depth > DEEPEST:
            raise MalformedError("nested too deeply")


def _check_expanded(root: Any) -> None:
    """Refuse a tree of YAML nodes that is too large or too deep once every alias is replaced by what it stands for."""
    sizes: dict[int, int] = {}

    def size(node: Any, depth: int) -> int:
        if depth > DEEPEST:
            raise MalformedError("nested too deeply, or an alias inside what it stands for")
        known = sizes.get(id(node))
        if known is None:
            inside = node.value if isinstance(node.value, list) else []
            parts = [each for part in inside for each in (part if isinstance(part, tuple) else (part,))]
            known = sizes[id(node)] = 1 + sum(size(each, depth + 1) for each in parts)
        if known > MOST_VALUES:
            raise MalformedError(f"aliases that stand for more than {MOST_VALUES:,} values")
        return known

    if root is not None:
        size(root, 0)


def _plain(value: Any, deepest: int) -> Plain:
    """Return a copy of nothing but plain values, and refuse anything else."""
    if deepest < 0:
        raise MalformedError("nested too deeply")
    if isinstance(value, str | bool | None):
        return value
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [_plain(each, deepest - 1) for each in value]
    if isinstance(value, Mapping):
        return {_key(name): _plain(each, deepest - 1) for name, each in value.items()}
    raise MalformedError(f"a value of type {type(value).__name__}")


def _number(value: int | float) -> int | float:
    if isinstance(value, int) and abs(value) >= LARGEST_INTEGER:
        raise MalformedError("an integer of more than 64 bits")
    if not math.isfinite(value):
        raise MalformedError(f"the number {value}")
    return value


def _key(name: Any) -> str:
    if isinstance(name, str):
        return str(name)
    if isinstance(name, bool | int | float | None):
        return str(name)
    raise MalformedError("a name that is no text")


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[: 3 * _SHOWN] or type(error).__name__
