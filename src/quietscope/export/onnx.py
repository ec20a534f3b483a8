"""Graphs as ONNX models."""

from pathlib import Path
from typing import Any

import torch

from quietscope.deploy.card import KEY, Card
from quietscope.errors import ExportError
from quietscope.export.graph import Graph
from quietscope.export.program import as_export_errors, quiet, traced
from quietscope.export.target import Target, whole
from quietscope.optional import imported

OPSET = 18
"""Version of ONNX's operator set; PyTorch's exporter writes this version without conversion."""

_AXES = {2: ("height", "width"), 3: ("depth", "height", "width")}


def to_onnx(graph: Graph) -> Any:
    """Turn a graph into an ONNX model of opset `OPSET`; image size and number of samples stay variable.

    Args:
        graph: The graph.

    Returns:
        An `onnx.ModelProto`.

    Raises:
        ExportError: If onnx or onnxscript is not installed, or ONNX lacks an operator.
    """
    for library in ("onnx", "onnxscript"):
        imported(library, ExportError)
    with traced(graph) as program, quiet(), torch.no_grad(), as_export_errors("ONNX"):
        made = torch.onnx.export(
            program,
            input_names=list(graph.input_names),
            output_names=list(graph.output_names),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
        assert made is not None
        model = made.model_proto
    _name_axes(model, graph)
    return model


def save_onnx(model: Any, path: Path, card: Card) -> None:
    """Write an ONNX model with its card.

    Args:
        model: The `onnx.ModelProto`.
        path: Where to write.
        card: The model's card.
    """
    onnx = imported("onnx", ExportError)
    onnx.helper.set_model_props(model, {KEY: card.to_json()})
    path.write_bytes(model.SerializeToString())


def _name_axes(model: Any, graph: Graph) -> None:
    """Replace the tracer's names of variable sizes by readable names, such as "height"."""
    del model.graph.value_info[:]
    axes = _AXES[graph.spatial_dims]
    for value in (*model.graph.input, *model.graph.output):
        prefix = "" if not value.name.startswith("noise") else f"{value.name}_"
        for number, size in enumerate(value.type.tensor_type.shape.dim):
            if size.dim_param:
                size.dim_param = "samples" if number == 0 else prefix + axes[number - 2]


def _write(graph: Graph, path: Path, card: Card) -> None:
    save_onnx(to_onnx(graph), path, card)


TARGET = Target(name="ONNX", suffix=".onnx", view=whole, write=_write, opset=OPSET)
