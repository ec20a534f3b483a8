"""What an export target is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from quietscope.deploy.card import Card
from quietscope.export.graph import Graph
from quietscope.methods.base import Method


@dataclass(frozen=True, kw_only=True)
class Target:
    """A kind of file that other programs read.

    Attributes:
        name: What people call it.
        suffix: Its ending, which picks it.
        view: Turns a trained method into the one that this kind of file can hold.
        write: Writes a graph and its card to a path of that ending.
        companions: Endings of files that are written beside it.
        opset: Version of the operators, where the format counts it.
    """

    name: str
    suffix: str
    view: Callable[[Method], Method]
    write: Callable[[Graph, Path, Card], None]
    companions: tuple[str, ...] = ()
    opset: int | None = None


def whole(method: Method) -> Method:
    """Return the method as it is."""
    return method
