"""Exported models run by ONNX Runtime; by OpenVINO where that is not installed."""

from pathlib import Path
from typing import Any, final

from quietscope.deploy.card import Card, damaged
from quietscope.deploy.openvino import open_openvino
from quietscope.deploy.session import Array, Session, missing, unknown_device
from quietscope.errors import ModelFileError

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
_ERRORS_ONLY = 3


@final
class ONNXSession(Session):
    """A model that ONNX Runtime has loaded.

    Args:
        card: What is to be known of it.
        path: Its file.
        runtime: The `onnxruntime.InferenceSession`.
    """

    def __init__(self, card: Card, path: Path, runtime: Any) -> None:
        super().__init__(card, path)
        self._runtime = runtime

    def _compute(self, inputs: dict[str, Array]) -> dict[str, Array]:
        names = list(self.card.outputs)
        return dict(zip(names, self._runtime.run(names, inputs), strict=True))


def open_onnx(card: Card, path: Path, device: str | None, content: bytes | None = None) -> Session:
    """Open an ONNX model.

    Args:
        card: Its card.
        path: Its file.
        device: "cpu", "cuda" or "cuda:1"; the CPU if None.
        content: The model, where it is not the file.

    Returns:
        The session.

    Raises:
        ModelFileError: If neither ONNX Runtime nor OpenVINO is installed, or the model cannot be read.
        SettingsError: If the device is not there.
    """
    try:
        import onnxruntime
    except ImportError as error:
        try:
            return open_openvino(card, path, device, path.read_bytes() if content is None else content)
        except ModelFileError as other:
            if "to be installed" not in other.expected:
                raise
            raise missing("onnxruntime", path) from error
    kind, _, number = (device or "cpu").lower().partition(":")
    known = [word for word, name in _PROVIDERS.items() if name in onnxruntime.get_available_providers()]
    if kind not in known or not (number.isdecimal() or not number):
        raise unknown_device(str(device), [f"`--device {word}`" for word in known])
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    providers: list[Any] = [_PROVIDERS["cpu"]]
    if kind != "cpu":
        providers.insert(0, (_PROVIDERS[kind], {"device_id": number or "0"}))
    try:
        runtime = onnxruntime.InferenceSession(str(path) if content is None else content, options, providers=providers)
    except Exception as error:  # its exceptions have no class of their own
        raise damaged(path, str(error)) from error
    return ONNXSession(card, path, runtime)
