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
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from quietscope.errors import OutputError
from quietscope.wording import elsewhere

Given = ParamSpec("Given")
Made = TypeVar("Made")

OUTPUTS = ("output", "folder")
"""Parameters that name results; what else is the name of a file that exists is read."""

_INSIDES = ("zarr.json", ".zgroup", ".zarray", ".zattrs")
_SOURCES: ContextVar[tuple[Path, ...]] = ContextVar("sources", default=())


@contextmanager
def reading(arguments: Mapping[str, Any]) -> Iterator[None]:
    """Protect what a run reads for as long as the block lasts.

    Args:
        arguments: The arguments of the run by name: paths and texts, alone, in collections and in dataclasses. All that
            name a file or folder that exists are protected, but for those of `OUTPUTS`.
    """
    token = _SOURCES.set((*_SOURCES.get(), *_paths({k: v for k, v in arguments.items() if k not in OUTPUTS})))
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
    real = Path(os.path.realpath(target))
    for source in _SOURCES.get():
        place = Path(os.path.realpath(source))
        if real == place or (target.exists() and source.exists() and target.samefile(source)):
            relation = "which is an input of this run"
        elif place in real.parents and any((place / name).exists() for name in _INSIDES):
            relation = f"which lies inside an input of this run, {source}"
        elif real in place.parents:
            relation = f"a folder that contains an input of this run, {source}"
        else:
            continue
        raise OutputError("a result beside what is read", f"{target}, {relation}", elsewhere("name"))


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
