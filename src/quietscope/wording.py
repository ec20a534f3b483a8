"""What to type to set something: an argument in Python, an option once the command line has said that it is asking.

A window, which has fields and buttons, says itself what they are called, see `worded_by`.

Messages are made below the command line, for both. They name a setting by what it is called in Python, and `typed` puts
it into the words of whoever reads them.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

_INSIDE = {"direction": "network", "deterministic_levels": "network", "precision": "training"}
"""Settings that Python takes in a dictionary."""

_SETTINGS_ONLY = ("precision",)
"""Settings that have no option: the command line takes them from a file."""

_OPTIONS = {
    "num_samples": "samples",
    "start": "from",
    "kinds": "save",
    "share": "prune",
    "numerical_aperture": "na",
    "patterns": "pattern",
}
"""Options whose names are shorter than those of Python."""

_asking = 0
"""How many blocks of `for_the_command_line` are open, in threads of their own among them."""


class Wording(Protocol):
    """What the settings are called where somebody sets them by other means than Python and the command line."""

    def typed(self, names: Sequence[str], values: Mapping[str, object]) -> str:
        """Return what to set, to be put between backticks, as the function of that name does."""

    def elsewhere(self, what: str) -> str:
        """Return what to do where a result cannot be written: "choose another place"."""


_others = list[Wording]()
"""The wordings of the blocks of `worded_by` that are open; the last one counts."""


@contextmanager
def worded_by(wording: Wording) -> Iterator[None]:
    """Word everything as somebody else says for as long as the block lasts; it goes before the command line."""
    _others.append(wording)
    try:
        yield
    finally:
        _others.remove(wording)


@contextmanager
def for_the_command_line() -> Iterator[None]:
    """Word everything in options of the command line for as long as the block lasts: a process has one reader."""
    global _asking
    _asking += 1
    try:
        yield
    finally:
        _asking -= 1


def typed(*names: str, **values: object) -> str:
    """Return what to type, to be put between backticks.

    Args:
        names: Settings that are named without a value.
        values: Settings with their values, by the names that they have in Python; True for a mere switch.

    Returns:
        ``method="hdn", steps=300`` in Python, ``--method hdn --steps 300`` on the command line.
    """
    if _others:
        return _others[-1].typed(names, values)
    if _asking:
        return " ".join([*map(option, names), *(option(name, value) for name, value in values.items())])
    return ", ".join([*names, *(_argument(name, value) for name, value in values.items())])


def numbered(count: int, what: str) -> str:
    """Return how many there are of a thing: "1 chunk", "2,000 chunks"."""
    return f"{count:,} {what}{'s' * (count != 1)}"


def elsewhere(what: str = "place") -> str:
    """Return what to do where a result cannot be written: "choose another place"."""
    if _others:
        return _others[-1].elsewhere(what)
    return f"choose another {what}" + (" with `--output`" if _asking else "")


def typed_box(sides: Sequence[int]) -> str:
    """Return what to type for the sides of a box: ``size=(21, 35, 35)``, or ``--size 35 --size-z 21``."""
    if not _asking and not _others:
        return typed(size=tuple(sides))
    return typed(size=sides[-1], **({"size_z": sides[0]} if len(sides) == 3 else {}))


def option(name: str, value: object = True) -> str:
    """Return the option of the command line that sets something, with its value unless that is True."""
    if name in _SETTINGS_ONLY:
        return f"{_INSIDE[name]}: {{{name}: {value}}}, in the file of --config"
    flag = "--" + _OPTIONS.get(name, name).replace("_", "-")
    if value is True:
        return flag
    return f"{flag} {' '.join(map(_word, value)) if isinstance(value, list) else _word(value)}"


def _word(value: object) -> str:
    """Return a word for a shell, in quotes where it would make others of it."""
    word = str(value)
    return f'"{word}"' if set(word).intersection("*?[ ") else word


def _argument(name: str, value: object) -> str:
    words = f"[{', '.join(map(_literal, value))}]" if isinstance(value, list) else _literal(value)
    return f'{_INSIDE[name]}={{"{name}": {words}}}' if name in _INSIDE else f"{name}={words}"


def _literal(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)
