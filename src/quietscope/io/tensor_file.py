"""Tensors with a JSON header in one safetensors file; models and noise models are stored in such files.

The header is one metadata entry, ``quietscope``, with JSON text. It has at least ``kind`` (what the file contains) and
``format_version`` (which reader it needs). Nothing is unpickled.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from quietscope.io.atomic import atomic_path

HEADER_KEY = "quietscope"


class TensorFileError(ValueError):
    """A file that is in another format, truncated, or without QuietScope's header."""


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
    with atomic_path(path, overwrite=overwrite) as temporary:
        save_file(copies, temporary, metadata={HEADER_KEY: text})
        # safetensors makes files readable by their owner only; ours get the usual permissions, by the user's umask.
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)


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
    with Path(path).open("rb"):  # raises the usual OSError if the file is missing, a folder, or not readable
        pass
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            names = file.keys()
            tensors = {name: file.get_tensor(name).clone() for name in names}
    except SafetensorError as error:
        raise TensorFileError(f"a damaged or foreign file ({error})") from error
    return tensors, _parse_header(metadata.get(HEADER_KEY))


def _parse_header(text: str | None) -> dict[str, Any]:
    if text is None:
        raise TensorFileError("a safetensors file without a QuietScope header")
    try:
        header = json.loads(text)
    except json.JSONDecodeError as error:
        raise TensorFileError(f"a QuietScope header that is not JSON ({error})") from error
    if not (
        isinstance(header, dict)
        and isinstance(header.get("kind"), str)
        and isinstance(header.get("format_version"), int)
    ):
        raise TensorFileError("a QuietScope header without kind and format_version")
    return header
