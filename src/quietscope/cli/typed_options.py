"""Options of a verb as they are typed, for whatever calls it later."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from inspect import signature
from typing import Any, get_type_hints

from cyclopts import Parameter


def words_of(verb: Callable[..., object], values: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what to type after a verb, so that it is called with these values.

    Args:
        verb: The function of the verb.
        values: Values of some of its options, by the names of the parameters; groups of options as a whole.

    Returns:
        Options and their values; none for what has its default.
    """
    hints, defaults = get_type_hints(verb, include_extras=True), signature(verb).parameters
    return tuple(
        word for name, value in values.items() for word in _words(name, hints[name], value, defaults[name].default)
    )


def _words(name: str, hint: Any, value: Any, default: Any) -> Iterator[str]:
    if value == default:
        return
    if is_dataclass(value) and not isinstance(value, type):
        hints = get_type_hints(type(value), include_extras=True)
        for each in fields(value):
            yield from _words(each.name, hints[each.name], getattr(value, each.name), each.default)
        return
    given = [each for each in getattr(hint, "__metadata__", ()) if isinstance(each, Parameter)]
    option = next((word for each in given for word in each.name or ()), "--" + name.replace("_", "-"))
    if value is True:
        yield option
    elif value is False:
        yield next(word for each in given for word in each.negative or ())
    else:
        for one in value if isinstance(value, list) else [value]:
            yield from (f"{option}={one}",) if str(one).startswith("-") else (option, str(one))
