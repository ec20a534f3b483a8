"""Graphs as programs of torch.export (.pt2)."""

import io
from pathlib import Path

import torch

from quietscope.deploy.card import KEY, Card
from quietscope.export.graph import Graph
from quietscope.export.program import quiet, trace
from quietscope.export.target import Target, whole


def to_program(graph: Graph) -> torch.export.ExportedProgram:
    """Turn a graph into a program; image size and number of samples stay variable.

    Args:
        graph: The graph.

    Returns:
        The program.

    Raises:
        ExportError: If the graph cannot be traced.
    """
    return trace(graph)


def save_program(program: torch.export.ExportedProgram, path: Path, card: Card) -> None:
    """Write a program with its card.

    Args:
        program: The program.
        path: Where to write, ending in .pt2.
        card: The model's card.
    """
    made = io.BytesIO()  # in memory first: PyTorch ends the whole process where it finds the disk full
    with quiet():
        torch.export.save(program, made, extra_files={KEY: card.to_json()})
    path.write_bytes(made.getvalue())


def _write(graph: Graph, path: Path, card: Card) -> None:
    save_program(to_program(graph), path, card)


TARGET = Target(name="torch.export", suffix=".pt2", view=whole, write=_write)
