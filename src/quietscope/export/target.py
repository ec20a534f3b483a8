"""The record that describes an export target."""

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
        name: Name of the format, for messages.
        suffix: File ending, by which the target is chosen.
        view: Turns a trained method into a method that this kind of file can hold.
        write: Writes a graph and its card to a path with that ending.
        companions: Endings of further files that are written beside the model file.
        opset: Version of the operator set; None if the format has no such version.
    """

    name: str
    suffix: str
    view: Callable[[Method], Method]
    write: Callable[[Graph, Path, Card], None]
    companions: tuple[str, ...] = ()
    opset: int | None = None


def whole(method: Method) -> Method:
    """Return the method unchanged, for formats that can hold every method."""
    return method
