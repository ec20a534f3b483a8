"""Tensors with a JSON header in one safetensors file; models and noise models are stored in such files.

The header is one metadata entry, ``quietscope``, with JSON text. It has at least ``kind`` (what the file contains) and
``format_version`` (which reader it needs). Nothing is unpickled.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from quietscope.io.atomic import write_bytes_atomically
from quietscope.outside.bounded import Word
from quietscope.outside.plain_data import MalformedError, parse_json, validated
from quietscope.outside.regular_file import irregular

HEADER_KEY = "quietscope"


class TensorFileError(ValueError):
    """A file that is in another format, truncated, or without QuietScope's header."""


class _Origin(BaseModel):
    """A member of a registry that the file cannot be read without, and the package that declares it."""

    group: Word
    member: Word
    package: Word
    version: Word


class _Header(BaseModel):
    """What every header has."""

    model_config = ConfigDict(extra="allow")

    kind: Word
    format_version: int = Field(ge=1, le=1000, strict=True)
    origins: list[_Origin] = []


def write_tensor_file(
    path: str | os.PathLike[str], tensors: Mapping[str, Tensor], header: Mapping[str, Any], *, overwrite: bool = False
) -> None:
    """Write tensors and their header; a failed write leaves no file behind.

    Args:
        path: Path of the file.
        tensors: Tensors by name, on any device.
        header: JSON values, including ``kind`` (str) and ``format_version`` (int).
        overwrite: Whether an existing file may be replaced.

    Raises:
        OutputError: If the target exists and must not be replaced, or cannot be written.
        ValueError: If the header is not valid JSON, for example because a number is NaN or infinite.
    """
    assert isinstance(header.get("kind"), str)
    assert isinstance(header.get("format_version"), int)
    text = json.dumps(dict(header), allow_nan=False)
    # Copies, because safetensors refuses tensors that share memory or are not contiguous.
    copies = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
    # Written by Python, because safetensors reports a full disk as an error in the data.
    write_bytes_atomically(path, save(copies, metadata={HEADER_KEY: text}), overwrite=overwrite)


def read_tensor_file(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read tensors and their header.

    Args:
        path: A file written by ``write_tensor_file``.

    Returns:
        Tensors by name, on the CPU and independent of the file, and the header.

    Raises:
        OSError: If the file does not exist or cannot be read.
        TensorFileError: If the file is damaged, or of another kind.
    """
    kind = irregular(path)
    if kind is not None:
        raise TensorFileError(kind)
    content = Path(path).read_bytes()  # by Python, because safetensors opens no name that is not UTF-8
    try:
        tensors = {name: tensor.clone() for name, tensor in load(content).items()}
        foreign = parse_json(content[8 : 8 + int.from_bytes(content[:8], "little")])
    except (SafetensorError, ValueError, TypeError, KeyError, RuntimeError, OverflowError) as error:
        words = " ".join(str(error).split())[:200]
        raise TensorFileError(f"a damaged or foreign file ({words})") from error
    metadata = foreign.get("__metadata__") if isinstance(foreign, dict) else None
    text = metadata.get(HEADER_KEY) if isinstance(metadata, dict) else None
    return tensors, _parse_header(text if isinstance(text, str) else None)


def _parse_header(text: str | None) -> dict[str, Any]:
    if text is None:
        raise TensorFileError("a safetensors file without a QuietScope header")
    try:
        header = parse_json(text)
        validated(_Header, header)
    except MalformedError as error:
        raise TensorFileError(f"a QuietScope header that cannot be used ({error})") from error
    assert isinstance(header, dict), "validated"
    return header
