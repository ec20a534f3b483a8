"""Files of ``torch.save``, those with whole pickled objects in them too: plain values and tensors come out.

Since PyTorch 1.6 such a file is a zip archive of one pickle, ``data.pkl``, and the numbers of every storage; before, it
was several pickles one after another, with the numbers behind them. Nothing is run, see `quietscope.outside.pickled`.
"""

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import torch
from torch import Tensor

from quietscope.errors import ModelFileError
from quietscope.outside.archive import ArchiveError, members, read_member, read_members
from quietscope.outside.pickled import MOST_BYTES, Name, PickledError, Record, Reference, read_pickle
from quietscope.outside.regular_file import check_regular, read_bounded

MOST_BYTES_OF_FILE = 1 << 32
EXPECTED = "a checkpoint that torch.save wrote"
FIX = "name the file that its authors' program wrote, such as cells_best_vae.net or last.ckpt"
_ZIP = b"PK\x03\x04"
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_TYPES: Mapping[str, torch.dtype] = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
_PARAMETERS = ("_rebuild_parameter", "_rebuild_parameter_with_state")
_TENSORS = ("_rebuild_tensor", "_rebuild_tensor_v2")
_MOST_AXES = 8
_PARTS = 5
_LENGTH_BYTES = 8


@dataclass(frozen=True)
class TorchFile:
    """What a file of ``torch.save`` holds.

    Attributes:
        path: The file.
        content: Its plain values, with records of tensors, see `is_tensor`.
        prefix: What the names of storages begin with in the archive; empty for the older format.
        places: In the older format, where in the file the numbers of a storage lie, by its key.
    """

    path: Path
    content: Any
    prefix: str
    places: Mapping[str, slice]

    def tensors(self, records: Mapping[str, Record]) -> dict[str, Tensor]:
        """Read tensors by name.

        Args:
            records: Records that `is_tensor`.

        Returns:
            The tensors, on the CPU and independent of the file and of each other.

        Raises:
            ModelFileError: If one of them cannot be read.
        """
        try:
            views = {name: _view_of(record) for name, record in records.items()}
            storages = {view.storage.key: view.storage for view in views.values()}
            if sum(storage.bytes for storage in storages.values()) > self.path.stat().st_size:
                raise PickledError("tensors larger than the file")
            numbers = self._numbers(storages)
            return {name: view.tensor(numbers[view.storage.key]) for name, view in views.items()}
        except (PickledError, ArchiveError, OSError) as error:
            raise refused(self.path, error) from error

    def _numbers(self, storages: Mapping[str, "_Storage"]) -> dict[str, bytes]:
        if self.prefix:
            names = {f"{self.prefix}data/{key}": storage.bytes for key, storage in storages.items()}
            found = read_members(self.path, names)
            return {key: found[f"{self.prefix}data/{key}"] for key in storages}
        content = self.path.read_bytes()
        return {key: content[self.places[key]] if key in self.places else b"" for key in storages}


def read_torch_file(path: Path) -> TorchFile:
    """Read a file of ``torch.save``, apart from the numbers of its tensors.

    Args:
        path: The file.

    Returns:
        What it holds.

    Raises:
        ModelFileError: If there is no such file, or it is damaged, too large, or no file of ``torch.save``.
    """
    check_regular(path, ModelFileError, EXPECTED)
    try:
        with path.open("rb") as file:
            is_archive = file.read(len(_ZIP)) == _ZIP
        return _of_archive(path) if is_archive else _of_pickles(path)
    except (FileNotFoundError, IsADirectoryError) as error:
        kind = "a folder" if path.is_dir() else "which does not exist"
        raise ModelFileError(EXPECTED, f"{path}, {kind}", "check the name") from error
    except (PickledError, ArchiveError, OSError) as error:
        raise refused(path, error) from error


def refused(path: Path, reason: object) -> ModelFileError:
    """Return the error for a file that cannot be read, or is not understood."""
    return ModelFileError(EXPECTED, f"{path}: {' '.join(str(reason).split())[:200]}", FIX)


def is_tensor(value: Any) -> TypeGuard[Record]:
    """Tell whether a value stands for a tensor or a parameter."""
    return isinstance(value, Record) and value.of.startswith("torch._utils._rebuild_") and bool(value.arguments)


@dataclass(frozen=True)
class _Storage:
    """Numbers of one type, by their key in the file."""

    key: str
    dtype: torch.dtype
    elements: int

    @property
    def bytes(self) -> int:
        return self.elements * self.dtype.itemsize


@dataclass(frozen=True)
class _View:
    """A tensor as it lies in its storage: sizes and strides in elements."""

    storage: _Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]

    def tensor(self, numbers: bytes) -> Tensor:
        if len(numbers) != self.storage.bytes:
            raise PickledError(f"a storage of {len(numbers):,} bytes where {self.storage.bytes:,} belong")
        if not numbers:
            return torch.zeros(self.size, dtype=self.storage.dtype)
        flat = torch.frombuffer(bytearray(numbers), dtype=self.storage.dtype)
        return flat.as_strided(self.size, self.stride, self.offset).clone().contiguous()


def _view_of(record: Record) -> _View:
    kind = record.of.rpartition(".")[2]
    arguments = record.arguments if isinstance(record.arguments, tuple) else ()
    if kind in _PARAMETERS and arguments and is_tensor(arguments[0]):
        inner = arguments[0]
        kind, arguments = inner.of.rpartition(".")[2], inner.arguments
    if kind not in _TENSORS or not isinstance(arguments, tuple) or len(arguments) < len(_View.__dataclass_fields__):
        raise PickledError(f"a tensor made by {kind[:60]}")
    reference, offset, size, stride = arguments[:4]
    if not (
        isinstance(reference, Reference) and _are_lengths((offset,)) and _are_lengths(size) and _are_lengths(stride)
    ):
        raise PickledError("a tensor without a storage, or of no sizes")
    storage = _storage_of(reference)
    used = math.prod(size)
    last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=False))
    if len(size) != len(stride) or len(size) > _MOST_AXES or used > storage.elements:
        raise PickledError("a tensor of more numbers than its storage")
    if used and last >= storage.elements:
        raise PickledError("a tensor that reaches beyond its storage")
    return _View(storage, offset, size, stride)


def _storage_of(reference: Reference) -> _Storage:
    parts = reference.key if isinstance(reference.key, tuple) else ()
    filled: list[Any] = [*parts, *[None] * (_PARTS - len(parts))]
    word, kind, key, _device, elements, *view = filled
    dtype = _TYPES.get(kind.name) if isinstance(kind, Name) and kind.module.startswith("torch") else None
    if word != "storage" or dtype is None or not isinstance(key, str) or not _are_lengths((elements,)):
        raise PickledError("a tensor of a type that networks have no use for")
    if any(each is not None for each in view):
        raise PickledError("a part of a storage")
    return _Storage(key, dtype, elements)


def _are_lengths(values: Any) -> bool:
    return isinstance(values, tuple) and all(type(each) is int and 0 <= each < MOST_BYTES_OF_FILE for each in values)


def _of_archive(path: Path) -> TorchFile:
    found = [name for name in members(path) if name.endswith("/data.pkl")]
    if len(found) != 1:
        raise PickledError("an archive without data.pkl, or with several")
    prefix = found[0].removesuffix("data.pkl")
    if f"{prefix}byteorder" in members(path) and read_member(path, f"{prefix}byteorder", _LENGTH_BYTES) != b"little":
        raise PickledError("numbers whose highest byte comes first")
    return TorchFile(path, read_pickle(io.BytesIO(read_member(path, found[0], MOST_BYTES))), prefix, {})


def _of_pickles(path: Path) -> TorchFile:
    content = read_bounded(path, MOST_BYTES_OF_FILE, ModelFileError, EXPECTED)
    stream = io.BytesIO(content)
    if read_pickle(stream) != _MAGIC or read_pickle(stream) != _PROTOCOL:
        raise PickledError("another kind of pickle")
    read_pickle(stream)  # sizes of numbers on the machine that wrote it
    references: list[Reference] = []
    held = read_pickle(stream, references)
    keys = read_pickle(stream)
    if not (isinstance(keys, list) and all(isinstance(key, str) for key in keys)):
        raise PickledError("storages without names")
    storages = {storage.key: storage for storage in map(_storage_of, references)}
    places, at = {}, stream.tell()
    for key in keys:
        if key not in storages:
            raise PickledError("a storage that nothing refers to")
        size = storages[key].bytes
        if int.from_bytes(content[at : at + _LENGTH_BYTES], "little") != storages[key].elements:
            raise PickledError("a storage of another size than its tensors say")
        places[key] = slice(at + _LENGTH_BYTES, at + _LENGTH_BYTES + size)
        at += _LENGTH_BYTES + size
    return TorchFile(path, held, "", places)
