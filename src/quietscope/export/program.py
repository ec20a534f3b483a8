"""Tracing of a graph with torch.export: every target is made from the traced program."""

import linecache
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch._dynamo.config import patch
from torch._subclasses.fake_tensor import FakeTensor
from torch.fx.experimental.symbolic_shapes import ShapeEnv
from torch.fx.graph_module import _loader

from quietscope.errors import ExportError
from quietscope.export.graph import Graph
from quietscope.io.atomic import DISK_FULL

_OPERATOR = re.compile(r"\b(?:aten|prims|quantized|torchvision)(?:\.|::)[a-z_0-9]+", re.IGNORECASE)
_LOGGERS = ("torch.onnx", "torch.export", "torch._export", "torch.__trace", "onnxscript", "onnx_ir")


@contextmanager
def traced(graph: Graph) -> Iterator[torch.export.ExportedProgram]:
    """Trace a graph, and let go of the program when the block ends; image size and number of samples stay variable.

    PyTorch keeps every traced program until the process ends: its sizes know where they come from, and are kept there,
    in parts outside Python that no garbage collector sees; and so is the code that is written on the way. A process
    that exports again and again would grow by 1 to 3 MiB each time.

    Args:
        graph: The graph.

    Yields:
        The program, for as long as the block lasts.

    Raises:
        ExportError: If the graph cannot be traced; the message names the unsupported operators.
    """
    written = {*_loader.eval_cache}
    with patch(fake_tensor_cache_enabled=False):  # what it remembers is kept for good, and takes longer to ask
        with quiet(), torch.no_grad(), as_export_errors("torch.export"):
            program = torch.export.export(graph, graph.example_inputs(), dynamic_shapes=graph.dynamic_shapes())
        try:
            yield program
        finally:
            for sizes in _sizes_of(program):
                vars(sizes).clear()
            for name in {*_loader.eval_cache} - written:
                del _loader.eval_cache[name]
                linecache.cache.pop(name, None)


def _sizes_of(program: torch.export.ExportedProgram) -> set[ShapeEnv]:
    """Return what a program has recorded of its variable sizes."""
    values = [node.meta.get("val") for node in program.graph_module.graph.nodes]
    modes = [value.fake_mode for value in values if isinstance(value, FakeTensor)]
    return {mode.shape_env for mode in modes if mode.shape_env is not None}


@contextmanager
def as_export_errors(target: str) -> Iterator[None]:
    """Turn any exception of an exporter into an `ExportError` with a message of one line.

    Args:
        target: Name of the file format or program to export to.

    Raises:
        ExportError: If the block raises an exception of any kind.
    """
    try:
        yield
    except ExportError:
        raise
    except OSError as error:
        if error.errno in DISK_FULL:
            raise
        raise ExportError(f"a model that {target} can write", str(error), "check disk and path") from error
    except Exception as error:  # every exporter has its own exception types
        operators = unsupported(error)
        if operators:
            raise ExportError(
                f"a model of operators that {target} has", ", ".join(operators), "export to another target, e.g. .pt2"
            ) from error
        words = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise ExportError(f"a model that {target} can hold", words, "export to another target") from error


def unsupported(error: BaseException) -> list[str]:
    """Return the names of operators in the messages of an exporter's exception and of the exceptions that caused it."""
    found: list[str] = []
    while True:
        found += [each for each in _OPERATOR.findall(str(error)) if each not in found]
        before = error.__cause__ or error.__context__
        if before is None:
            return found
        error = before


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the exporters, because their warnings concern their internals, not the user's model."""
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
