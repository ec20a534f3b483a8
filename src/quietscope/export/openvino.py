"""Graphs as OpenVINO models (IR: an .xml file with its weights beside it in a .bin)."""

import io
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from quietscope.deploy.card import KEY, Card
from quietscope.errors import ExportError
from quietscope.export.graph import IMAGE, Graph
from quietscope.export.onnx import to_onnx
from quietscope.export.program import as_export_errors
from quietscope.export.target import Target, whole
from quietscope.io.atomic import check_room
from quietscope.optional import imported

_CONVOLUTIONS = ("Convolution", "GroupConvolution", "ConvolutionBackpropData", "GroupConvolutionBackpropData")
_MOST_BYTES_OF_XML = 1 << 22
_KEEP = {"name": "DisablePrecisionConversion", "version": "0", "value": "dynamic:f16,bf16"}


def to_openvino(graph: Graph, beside: Path | None = None) -> Any:
    """Turn a graph into an OpenVINO model, by way of ONNX.

    Operations on the image before the first convolution are marked to stay in float32. Otherwise a runtime may choose
    bfloat16 or float16, and would round an intensity of 30,000 to steps of 128 or more. For the operations after the
    last convolution see `quietscope.export.export_scale.unmerged`.

    Args:
        graph: The graph.
        beside: Folder for what has to be written on the way; the system's temporary one if None.

    Returns:
        An `openvino.Model`.

    Raises:
        ExportError: If openvino, onnx or onnxscript is not installed, or an operator has no counterpart.
    """
    openvino = imported("openvino", ExportError)
    content = to_onnx(graph).SerializeToString()
    with as_export_errors("OpenVINO"):
        return _keep_precision(openvino, openvino.Core().read_model(io.BytesIO(content)), beside)


def save_openvino(model: Any, path: Path, card: Card) -> None:
    """Write an OpenVINO model with its card to `path`, and the weights to a file beside it that ends in .bin.

    Args:
        model: The `openvino.Model`.
        path: Where to write, ending in .xml.
        card: The model's card.
    """
    openvino = imported("openvino", ExportError)
    assert path.suffix == ".xml", path
    model.set_rt_info(card.to_json(), [KEY])
    _save(openvino, model, path)


def _save(openvino: Any, model: Any, path: Path) -> None:
    """Write a model; OpenVINO calls a full disk an "iostream error", or leaves the .xml cut short without a word."""
    weights = path.with_suffix(".bin")
    try:
        openvino.save_model(model, path, compress_to_fp16=False)
        ElementTree.parse(path)
    except (RuntimeError, ElementTree.ParseError):
        for each in (path, weights):
            each.unlink(missing_ok=True)
        constants = (each for each in model.get_ops() if each.get_type_name() == "Constant")
        check_room(path.parent, sum(each.data.nbytes for each in constants) + _MOST_BYTES_OF_XML)
        raise


def _keep_precision(openvino: Any, model: Any, beside: Path | None) -> Any:
    """Mark all operations between the image and the first convolutions; the mark can only be set in the model's XML."""
    with tempfile.TemporaryDirectory(dir=beside) as folder:
        path = Path(folder) / "model.xml"
        _save(openvino, model, path)
        root = ElementTree.parse(path).getroot()
        weights = np.fromfile(path.with_suffix(".bin"), np.uint8)
    for layer in _before_convolutions(root):
        marks = layer.find("rt_info")
        if marks is None:
            marks = ElementTree.Element("rt_info")
            layer.insert(1 if layer.find("data") is not None else 0, marks)
        ElementTree.SubElement(marks, "attribute", _KEEP)
    return openvino.Core().read_model(ElementTree.tostring(root), openvino.Tensor(weights))


def _before_convolutions(root: ElementTree.Element) -> Sequence[ElementTree.Element]:
    layers = {layer.get("id", ""): layer for layer in root.iterfind("layers/layer")}
    targets: dict[str, list[str]] = {}
    for edge in root.iterfind("edges/edge"):
        targets.setdefault(edge.get("from-layer", ""), []).append(edge.get("to-layer", ""))
    waiting = [n for n, layer in layers.items() if (layer.get("type"), layer.get("name")) == ("Parameter", IMAGE)]
    found: dict[str, ElementTree.Element] = {}
    while waiting:
        for n in targets.get(waiting.pop(), []):
            if n not in found and layers[n].get("type") not in (*_CONVOLUTIONS, "Result"):
                found[n] = layers[n]
                waiting.append(n)
    return list(found.values())


def _write(graph: Graph, path: Path, card: Card) -> None:
    save_openvino(to_openvino(graph, path.parent), path, card)


TARGET = Target(name="OpenVINO", suffix=".xml", view=whole, write=_write, companions=(".bin",))
