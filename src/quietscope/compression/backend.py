"""Libraries that run compressed models; each makes a float model, an int8 model and a model file."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeAlias, final

import numpy as np
import numpy.typing as npt
import torch

from quietscope.compression.calibration import Inputs
from quietscope.compression.gate import Runner
from quietscope.compression.quantize import quantize_onnx, quantize_openvino
from quietscope.deploy.card import Card
from quietscope.errors import CompressionError
from quietscope.export.graph import Graph
from quietscope.export.onnx import save_onnx, to_onnx
from quietscope.export.openvino import save_openvino, to_openvino
from quietscope.methods.abilities import respond
from quietscope.methods.base import Method
from quietscope.nn.hardware import place
from quietscope.optional import imported
from quietscope.wording import typed

BackendName: TypeAlias = Literal["openvino", "onnx", "torch"]
Array: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True)
class TorchRunner:
    """A method in evaluation mode on the CPU.

    Attributes:
        method: The method.
        lower: Whether networks run in bfloat16.
    """

    method: Method
    lower: bool

    @classmethod
    def eager(cls, method: Method) -> "TorchRunner":
        """Make the reference for times and losses: a copy in float32 and PyTorch's default memory format."""
        own = copy.deepcopy(method).to("cpu").eval()
        for parameter in own.parameters():
            parameter.data = parameter.data.contiguous()
        return cls(own, lower=False)

    @classmethod
    def as_predicted(cls, method: Method, lower: bool) -> "TorchRunner":
        """Make a copy that runs as in prediction: channels last, and in bfloat16 if `lower` is true."""
        own = copy.deepcopy(method).eval()
        place(own, "cpu", own.spatial_dims)
        return cls(own, lower=lower)

    def __call__(self, x: Array, noise: Mapping[str, Array]) -> dict[str, Array]:
        """Turn an image (1, C, *S) and noise per input name into images (K, C, *S) by output name."""
        image = torch.from_numpy(np.ascontiguousarray(x))
        drawn = [torch.from_numpy(each) for each in noise.values()]
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=self.lower):
            return {name: out.float().numpy() for name, out in respond(self.method, image, drawn).items()}


class Backend(ABC):
    """A library that runs exported models.

    Models are objects of the library, such as an `openvino.Model`; code outside the backend only passes them on.
    """

    name: ClassVar[BackendName]
    title: ClassVar[str]
    file: ClassVar[str]
    """Name of the model file in a compressed folder."""

    @abstractmethod
    def check(self) -> None:
        """Import every library that the backend needs, before any work is done.

        Raises:
            CompressionError: If a library is missing.
        """

    @abstractmethod
    def precisions(self, lower: bool) -> Sequence[str]:
        """Return the precisions that float models may compute in, the fastest first.

        Args:
            lower: Whether the CPU is faster in bfloat16.
        """

    @abstractmethod
    def convert(self, graph: Graph, beside: Path | None = None) -> Any:
        """Make the float model of a graph; `beside` is where files may lie meanwhile."""

    @abstractmethod
    def quantize(self, model: Any, inputs: Sequence[Inputs], num_channels: int) -> Any:
        """Make the int8 model of a float model."""

    @abstractmethod
    def load(self, model: Any, output_names: Sequence[str], precision: str) -> Runner:
        """Make a model ready to run on the CPU; layers other than int8 compute in "float32" or "bfloat16"."""

    @abstractmethod
    def save(self, model: Any, folder: Path, card: Card) -> None:
        """Write a model with its card into a folder."""


@final
class OpenVinoBackend(Backend):
    """OpenVINO, for CPUs."""

    name: ClassVar[BackendName] = "openvino"
    title: ClassVar[str] = "OpenVINO"
    file: ClassVar[str] = "model.xml"

    def check(self) -> None:
        """Import OpenVINO and NNCF."""
        imported("openvino", CompressionError)
        imported("nncf", CompressionError)

    def precisions(self, lower: bool) -> Sequence[str]:
        """Return bfloat16 (only if the CPU is faster in it) and float32."""
        return ("bfloat16", "float32") if lower else ("float32",)

    def convert(self, graph: Graph, beside: Path | None = None) -> Any:
        """Make an `openvino.Model`."""
        return to_openvino(graph, beside)

    def quantize(self, model: Any, inputs: Sequence[Inputs], num_channels: int) -> Any:
        """Make an `openvino.Model` with FakeQuantize nodes."""
        return quantize_openvino(model, inputs, num_channels)

    def load(self, model: Any, output_names: Sequence[str], precision: str) -> Runner:
        """Compile for the latency of one image, with as many threads as PyTorch uses, so that times can be compared."""
        options = {
            "INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[precision],
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "PERFORMANCE_HINT": "LATENCY",
        }
        request = (
            imported("openvino", CompressionError).Core().compile_model(model, "CPU", options).create_infer_request()
        )

        def run(x: Array, noise: Mapping[str, Array]) -> dict[str, Array]:
            found = request.infer({"x": x, **noise})
            return {name: np.array(found[n]) for n, name in enumerate(output_names)}

        return run

    def save(self, model: Any, folder: Path, card: Card) -> None:
        """Write ``model.xml`` and ``model.bin``."""
        save_openvino(model, folder / self.file, card)


@final
class OnnxBackend(Backend):
    """ONNX, for ONNX Runtime and, with its pairs of quantising and dequantising nodes, TensorRT."""

    name: ClassVar[BackendName] = "onnx"
    title: ClassVar[str] = "ONNX"
    file: ClassVar[str] = "model.onnx"

    def check(self) -> None:
        """Import ONNX, ONNX Runtime and NNCF."""
        for name in ("onnx", "onnxscript", "onnxruntime", "nncf"):
            imported(name, CompressionError)

    def precisions(self, lower: bool) -> Sequence[str]:
        """Return float32 only: ONNX Runtime's CPU kernels do not support bfloat16."""
        return ("float32",)

    def convert(self, graph: Graph, beside: Path | None = None) -> Any:
        """Make an `onnx.ModelProto`."""
        return to_onnx(graph)

    def quantize(self, model: Any, inputs: Sequence[Inputs], num_channels: int) -> Any:
        """Make an `onnx.ModelProto` with QuantizeLinear and DequantizeLinear nodes."""
        return quantize_onnx(model, inputs, num_channels)

    def load(self, model: Any, output_names: Sequence[str], precision: str) -> Runner:
        """Open a session with as many threads as PyTorch uses, so that times can be compared."""
        runtime = imported("onnxruntime", CompressionError)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        session = runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

        def run(x: Array, noise: Mapping[str, Array]) -> dict[str, Array]:
            return dict(zip(output_names, session.run(list(output_names), {"x": x, **noise}), strict=True))

        return run

    def save(self, model: Any, folder: Path, card: Card) -> None:
        """Write ``model.onnx``."""
        save_onnx(model, folder / self.file, card)


BACKENDS: dict[str, Backend] = {each.name: each for each in (OpenVinoBackend(), OnnxBackend())}
"""Backends that run an exported graph, by name; "torch" is not among them, it keeps an ordinary model file."""


def check_backend(name: str, *, is_pruned: bool, int8: bool) -> None:
    """Refuse a backend that does not exist, is not installed, or does not support the requested compression.

    Args:
        name: Name of the backend.
        is_pruned: Whether channels are to be removed.
        int8: Whether to quantise.

    Raises:
        CompressionError: If the backend is unknown, a library is missing, or the backend cannot do this compression.
    """
    if name in BACKENDS:
        BACKENDS[name].check()
        return
    if name != "torch":
        raise CompressionError(
            "openvino, onnx or torch", f"backend {name!r}", f"pass e.g. `{typed(backend='openvino')}`"
        )
    if int8:
        raise CompressionError(
            "a backend that has int8",
            "torch, which has lost its quantiser",
            f"choose `{typed(backend='openvino')}` (CPU) or `{typed(backend='onnx')}` (GPU)",
        )
    if not is_pruned:
        raise CompressionError(
            "something to do",
            "an unchanged model for PyTorch",
            f"add `{typed(share=0.5)}`, or choose `{typed(backend='openvino')}`",
        )
