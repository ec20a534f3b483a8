"""OpenVINO models: their card, and OpenVINO to run them."""

import io
from pathlib import Path
from typing import Any, final
from xml.etree import ElementTree

import numpy as np

from quietscope.deploy.card import KEY, Card, damaged
from quietscope.deploy.runtime import Runtime
from quietscope.deploy.session import Array, Session, missing, unknown_device
from quietscope.deploy.threads import num_threads
from quietscope.wording import typed

_MOST_BYTES = 1 << 28
"""Largest size of the .xml file: the weights are beside it."""


@final
class OpenVINOSession(Session):
    """A model that OpenVINO has compiled.

    Args:
        card: What is known of it.
        path: Its file.
        model: The `openvino.Model`.
        core: The `openvino.Core`.
        device: Name of the device, as OpenVINO has it.
    """

    def __init__(self, card: Card, path: Path, model: Any, core: Any, device: str) -> None:
        super().__init__(card, path)
        hints: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
        if device.partition(".")[0] == "CPU":
            hints["ENABLE_CPU_PINNING"] = False  # processes beside each other would all be tied to the first cores
            told = num_threads()
            if told is not None:
                hints["INFERENCE_NUM_THREADS"] = told
        if card.precision == "float32":
            hints["INFERENCE_PRECISION_HINT"] = "f32"
        self._compiled = core.compile_model(model, device, hints)

    def _compute(self, inputs: dict[str, Array]) -> dict[str, Array]:
        found = self._compiled(inputs)
        # Copies: the next run writes into the same memory.
        return {name: np.array(found[name]) for name in self.card.outputs}


def open_openvino(card: Card, path: Path, device: str | None, content: bytes | None = None) -> Session:
    """Open a model with OpenVINO.

    Args:
        card: Its card.
        path: Its file.
        device: "cpu" or "gpu"; the CPU if None.
        content: An ONNX model to read in place of the file.

    Returns:
        The session.

    Raises:
        ModelFileError: If OpenVINO is not installed, or cannot read the model.
        SettingsError: If the device is not there.
    """
    try:
        import openvino
    except ImportError as error:
        raise missing("openvino", path) from error
    core = openvino.Core()
    chosen = (device or "cpu").upper()
    known = [name for name in core.available_devices if name != "NPU"]
    if chosen.partition(".")[0] not in {name.partition(".")[0] for name in known}:
        raise unknown_device(str(device), [f"`{typed(device=name.lower())}`" for name in known])
    if path.suffix.lower() == ".xml" and not path.with_suffix(".bin").is_file():
        raise damaged(path, f"its weights, {path.with_suffix('.bin').name}, are not beside it")
    try:
        model = core.read_model(path if content is None else io.BytesIO(content))
        return OpenVINOSession(card, path, model, core, chosen)
    except RuntimeError as error:
        raise damaged(path, str(error)) from error


def card_text(path: Path) -> str | None:
    """Return the card in the .xml file of a model."""
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError(f"an .xml file of more than {_MOST_BYTES:,} bytes")
    root = ElementTree.parse(path).getroot()
    if root.tag != "net":  # OpenVINO would try to read it as models of other libraries, which complain by themselves
        raise ValueError("no OpenVINO model")
    entry = root.find(f"rt_info/{KEY}")
    return None if entry is None else entry.get("value")


RUNTIME = Runtime(name="OpenVINO", suffix=".xml", card_text=card_text, open=open_openvino)
