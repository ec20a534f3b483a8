"""What a run reads, so that nothing that it writes can take its place.

`overwrite` allows to replace results, never what a run reads: while a run lasts, `reading` holds its inputs, and
`quietscope.io.atomic.check_target`, which every result passes before any work is done for it, asks `check_apart`.
"""

import inspect
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import fields, is_dataclass
from functools import cached_property, wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from quietscope.errors import OutputError
from quietscope.wording import elsewhere

Given = ParamSpec("Given")
Made = TypeVar("Made")

OUTPUTS = ("output", "folder", "script")
"""Parameters that name results; what else is the name of a file that exists is read."""

_INSIDES = ("zarr.json", ".zgroup", ".zarray", ".zattrs", "attributes.json")


class _Inputs:
    """Files and folders that are read, ordered when the first result asks, so that a hundred thousand take no time."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = tuple(paths)

    @cached_property
    def places(self) -> dict[str, Path]:
        """The inputs by where they lie, links followed."""
        return {os.path.realpath(path): path for path in self._paths}

    @cached_property
    def above(self) -> dict[str, Path]:
        """An input in each of the folders that hold any, by that folder."""
        return {str(folder): path for place, path in self.places.items() for folder in Path(place).parents}

    @cached_property
    def identities(self) -> frozenset[tuple[int, int]]:
        """What tells the inputs from other files, whatever their names."""
        return frozenset(identity for path in self._paths if (identity := _identity(path)) is not None)


_SOURCES: ContextVar[tuple[_Inputs, ...]] = ContextVar("sources", default=())


@contextmanager
def reading(arguments: Mapping[str, Any]) -> Iterator[None]:
    """Protect what a run reads for as long as the block lasts.

    Args:
        arguments: The arguments of the run by name: paths and texts, alone, in collections and in dataclasses. All that
            name a file or folder that exists are protected, but for those of `OUTPUTS`.
    """
    inputs = _Inputs(_paths({k: v for k, v in arguments.items() if k not in OUTPUTS}))
    token = _SOURCES.set((*_SOURCES.get(), inputs))
    try:
        yield
    finally:
        _SOURCES.reset(token)


def protecting(function: Callable[Given, Made]) -> Callable[Given, Made]:
    """Protect what the arguments of a function name, while it checks where its results are to go."""

    @wraps(function)
    def protected(*arguments: Given.args, **options: Given.kwargs) -> Made:
        with reading(inspect.signature(function).bind(*arguments, **options).arguments):
            return function(*arguments, **options)

    return protected


def check_apart(target: Path) -> None:
    """Refuse a result that would take the place of an input of the run.

    Args:
        target: Where the result is to be.

    Raises:
        OutputError: If it is an input under this or another name (a link), lies inside an image that is a folder, or is
            a folder that contains an input.
    """
    real = os.path.realpath(target)
    identity = _identity(target)
    for inputs in _SOURCES.get():
        image = next((place for each in Path(real).parents if _is_image(place := str(each), inputs)), None)
        if real in inputs.places or identity in inputs.identities:
            relation = "which is an input of this run"
        elif image is not None:
            relation = f"which lies inside an input of this run, {inputs.places[image]}"
        elif real in inputs.above:
            relation = f"a folder that contains an input of this run, {inputs.above[real]}"
        else:
            continue
        raise OutputError("a result beside what is read", f"{target}, {relation}", elsewhere("name"))


def _is_image(place: str, inputs: _Inputs) -> bool:
    """Tell whether a folder is an input, and an image rather than a folder of images."""
    return place in inputs.places and any(Path(place, name).exists() for name in _INSIDES)


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from others, whatever its name; None where there is none."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return (found.st_dev, found.st_ino)


def _paths(value: Any) -> Iterable[Path]:
    if isinstance(value, str | os.PathLike):
        path = Path(os.fspath(value))
        if _exists(path):
            yield path
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _paths(each)
    elif isinstance(value, list | tuple | set):
        for each in value:
            yield from _paths(each)
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from _paths(getattr(value, field.name))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a text that is too long for a name, or has a zero in it
        return False
