"""Quantisation: what is calibrated on, what stays in floating point, and that images survive it."""

from typing import Any

import numpy as np
import pytest
import torch

from quietscope.compression.backend import BACKENDS, check_backend
from quietscope.compression.calibration import NUM_PATCHES, calibration_inputs
from quietscope.data.frames import Frames
from quietscope.errors import CompressionError
from quietscope.export.graph import Graph
from quietscope.io import as_images
from tests.compression.networks import build


def frames_of(planes: np.ndarray, axes: str = "QYX", dims: int = 2) -> Frames:
    return Frames.of(as_images(planes, axes), dims)


def test_calibration_sees_the_brightest_pixels_and_all_frames(planes: np.ndarray) -> None:
    bright = np.tile(planes, (1, 4, 4))
    bright[:, 100, 30] = 5000 + np.arange(12)
    graph = Graph.of(build("noise2void").method)
    inputs = list(calibration_inputs(graph, frames_of(bright), range(12), 0))
    assert len(inputs) == NUM_PATCHES
    assert {each["x"].shape for each in inputs} == {(1, 1, 128, 128)}
    assert {int(each["x"].max()) for each in inputs[1::2]} == set(range(5000, 5012))


def test_calibration_brings_noise_for_methods_that_sample(planes: np.ndarray) -> None:
    graph = Graph.of(build("hdn").method)
    first = next(calibration_inputs(graph, frames_of(planes), range(12), 0))
    assert first.keys() == set(graph.input_names)
    assert first["x"].shape == (1, 1, 128, 128)  # frames of 48 x 48, mirrored
    assert first["noise_1"].shape == (1, 4, 32, 32)


def test_volumes_are_calibrated_in_blocks() -> None:
    volumes = np.random.default_rng(0).poisson(150, (2, 6, 40, 40)).astype(np.uint16)
    graph = Graph.of(build("divnoising 3-D").method)
    first = next(calibration_inputs(graph, frames_of(volumes, "QZYX", 3), range(2), 0))
    assert first["x"].shape == (1, 1, 16, 64, 64)


@pytest.mark.parametrize(
    ("name", "backend"),
    [
        ("divnoising", "openvino"),
        ("direct", "onnx"),
        ("pn2v", "openvino"),
        ("pn2v", "onnx"),
        ("direct quick", "openvino"),
        ("direct quick", "onnx"),
    ],
)
def test_int8_answers_nearly_as_float(planes: np.ndarray, name: str, backend: str) -> None:
    graph = Graph.of(build(name).method)
    library = BACKENDS[backend]
    model = library.convert(graph)
    inputs = list(calibration_inputs(graph, frames_of(planes), range(12), 0))[:3]
    eight = library.quantize(model, inputs, graph.num_channels)
    check_image_convolutions(eight, backend)
    x, *noise = graph.example_inputs((48, 64), num_samples=2)
    given = {name: each.numpy() for name, each in zip(graph.input_names[1:], noise, strict=True)}
    with torch.no_grad():
        wanted = graph(x, *noise)
    for each, tolerance in ((model, 1e-4), (eight, 0.1)):
        found = library.load(each, graph.output_names, "float32")(x.numpy(), given)
        assert list(found) == list(graph.output_names)
        for out, want in zip(found.values(), wanted, strict=True):
            error = np.sqrt(np.mean((out - want.numpy()) ** 2)) / float(want.std())
            assert error < tolerance, (name, backend, error)


def check_image_convolutions(model: Any, backend: str) -> None:
    """The first and the last convolutions read no 8-bit numbers, nor does a scale."""
    if backend == "onnx":
        makers = {output: node for node in model.graph.node for output in node.output}
        convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
        sources = [makers[node.input[0]].op_type for node in convolutions]
        tables = [node for node in model.graph.node if node.op_type == "Gather"]
        read = {makers[name].op_type for node in tables for name in node.input if name in makers}
        eight = "DequantizeLinear"
    else:
        nodes = model.get_ordered_ops()
        convolutions = [node for node in nodes if node.get_type_name() in ("Convolution", "GroupConvolution")]
        sources = [node.input(0).get_source_output().get_node().get_type_name() for node in convolutions]
        tables = [node for node in nodes if node.get_type_name() == "Gather"]
        inputs = [value for node in tables for value in node.inputs()]
        read = {value.get_source_output().get_node().get_type_name() for value in inputs}
        eight = "FakeQuantize"
    assert eight not in {sources[0], sources[-1]}
    assert sources.count(eight) >= 3
    assert eight not in read


def test_backends_that_cannot_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    with pytest.raises(CompressionError, match="openvino, onnx or torch"):
        check_backend("tensorrt", is_pruned=False, int8=True)
    with pytest.raises(CompressionError, match="lost its quantiser"):
        check_backend("torch", is_pruned=True, int8=True)
    with pytest.raises(CompressionError, match=r"share=0\.5"):
        check_backend("torch", is_pruned=False, int8=False)
    check_backend("torch", is_pruned=True, int8=False)
    monkeypatch.setitem(sys.modules, "nncf", None)
    with pytest.raises(CompressionError, match=r'nncf.*pip install "quietscope\[export\]"'):
        check_backend("openvino", is_pruned=False, int8=True)
