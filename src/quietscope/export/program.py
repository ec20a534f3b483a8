"""Tracing a graph: the one program that every target is made of."""

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from quietscope.errors import ExportError
from quietscope.export.graph import Graph

_OPERATOR = re.compile(r"\b(?:aten|prims|quantized|torchvision)(?:\.|::)[a-z_0-9]+", re.IGNORECASE)
_LOGGERS = ("torch.onnx", "torch.export", "torch._export", "torch.__trace", "onnxscript", "onnx_ir")


def trace(graph: Graph) -> torch.export.ExportedProgram:
    """Trace a graph with free sizes.

    Args:
        graph: The graph.

    Returns:
        The program.

    Raises:
        ExportError: If it cannot be traced; the operators that stand in the way are named.
    """
    with quiet(), torch.no_grad(), told("torch.export"):
        return torch.export.export(graph, graph.example_inputs(), dynamic_shapes=graph.dynamic_shapes())


@contextmanager
def told(target: str) -> Iterator[None]:
    """Turn whatever an exporter raises into an error of one line.

    Args:
        target: What is being made.

    Raises:
        ExportError: In place of what was raised.
    """
    try:
        yield
    except ExportError:
        raise
    except Exception as error:  # every exporter has exceptions of its own
        operators = unsupported(error)
        if operators:
            raise ExportError(
                f"a model of operators that {target} has", ", ".join(operators), "export to another target, e.g. .pt2"
            ) from error
        words = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise ExportError(f"a model that {target} can hold", words, "export to another target") from error


def unsupported(error: BaseException) -> list[str]:
    """Return the names of operators in an exporter's complaint and in what caused it."""
    found: list[str] = []
    while True:
        found += [each for each in _OPERATOR.findall(str(error)) if each not in found]
        before = error.__cause__ or error.__context__
        if before is None:
            return found
        error = before


@contextmanager
def quiet() -> Iterator[None]:
    """Keep exporters from talking: what they warn of concerns their own workings."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [each.level for each in loggers]
    try:
        for each in loggers:
            each.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for each, level in zip(loggers, levels, strict=True):
            each.setLevel(level)
