"""ONNX models: their card, and ONNX Runtime to run them; OpenVINO where that is not installed."""

from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any, final

from quietscope.deploy.card import KEY, MOST_BYTES, Card, damaged
from quietscope.deploy.openvino import open_openvino
from quietscope.deploy.runtime import Runtime
from quietscope.deploy.session import Array, Session, missing, unknown_device
from quietscope.deploy.threads import num_threads
from quietscope.errors import ModelFileError
from quietscope.wording import typed

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
_FATAL_ONLY = 4  # everything else comes as an exception, and is told in one line
# Field numbers of onnx.proto: ModelProto.metadata_props, and the two of its entries.
_METADATA, _ENTRY_KEY, _ENTRY_VALUE = 14, 1, 2
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


@final
class ONNXSession(Session):
    """A model that ONNX Runtime has loaded.

    Args:
        card: What is known of it.
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
        raise unknown_device(str(device), [f"`{typed(device=word)}`" for word in known])
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _FATAL_ONLY
    providers: list[Any] = [_PROVIDERS["cpu"]]
    if kind != "cpu":
        providers.insert(0, (_PROVIDERS[kind], {"device_id": number or "0"}))
    try:
        if content is None and not _is_utf8(path):  # ONNX Runtime opens no other names
            content = path.read_bytes()
        options.intra_op_num_threads = num_threads() or 0  # 0: as many as there are cores
        runtime = onnxruntime.InferenceSession(
            str(path) if content is None else content,
            options,
            providers=providers,
            enable_fallback=int(kind != "cpu"),  # it would print, and try the CPU once more
        )
    except Exception as error:  # its exceptions have no class of their own
        raise damaged(path, str(error)) from error
    return ONNXSession(card, path, runtime)


def card_text(path: Path) -> str | None:
    """Return the card, which lies beside the graph; the graph, which holds the weights, is stepped over."""
    with path.open("rb") as file:
        for entry in _fields(file, _METADATA, path.stat().st_size):
            name, value = b"", b""
            for field, content in _inner_fields(entry):
                name = content if field == _ENTRY_KEY else name
                value = content if field == _ENTRY_VALUE else value
            if name == KEY.encode():
                return value.decode()
    return None


def _is_utf8(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _fields(file: BufferedReader, wanted: int, size: int) -> Iterator[bytes]:
    """Yield the contents of one field of a protocol buffer."""
    while file.tell() < size:
        tag = _varint(file)
        field, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            _varint(file)
            continue
        length = {_FIXED64: 8, _FIXED32: 4}.get(kind)
        if kind == _LENGTH:
            length = _varint(file)
        if length is None or file.tell() + length > size:
            raise ValueError("it is cut short, or no ONNX file")
        if field == wanted and kind == _LENGTH and length <= 2 * MOST_BYTES:
            yield file.read(length)
        else:
            file.seek(length, 1)


def _inner_fields(entry: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(entry):
        field, at = entry[at] >> 3, at + 1
        length, shift = 0, 0
        while entry[at] & 0x80:
            length, shift, at = length | (entry[at] & 0x7F) << shift, shift + 7, at + 1
        length, at = length | entry[at] << shift, at + 1
        yield field, entry[at : at + length]
        at += length


def _varint(file: BufferedReader) -> int:
    value, shift = 0, 0
    while True:
        byte = file.read(1)[0]
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return value


RUNTIME = Runtime(name="ONNX", suffix=".onnx", card_text=card_text, open=open_onnx)
