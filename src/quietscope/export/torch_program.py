"""Graphs as programs of torch.export (.pt2)."""

import io
from pathlib import Path

import torch

from quietscope.deploy.card import KEY, Card
from quietscope.export.graph import Graph
from quietscope.export.program import quiet, traced
from quietscope.export.target import Target, whole


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
    with traced(graph) as program:
        save_program(program, path, card)


TARGET = Target(name="torch.export", suffix=".pt2", view=whole, write=_write)
