"""MRC and CCP4 maps of electron microscopy, whose headers mrcfile reads; pixels are mapped."""

import io
import math
import struct
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from quietscope.errors import ImageFileError
from quietscope.io.declared_size import check_declared
from quietscope.io.format import Format
from quietscope.io.image import Image, LazyArray, Opened, check_series, truncated
from quietscope.io.units import micrometres
from quietscope.optional import imported

_HEADER, _MODE, _AXES, _EXTENDED, _IMOD, _MAP = 1024, 12, 64, 92, 152, 208
_MODES = (0, 1, 2, 3, 4, 6, 12, 101)
_IMOD_STAMP, _SIGNED_BYTES = 1146047817, 1
_LONGEST_SIDE = 1 << 20
_VOLUMES = (".rec", ".map", ".ccp4")
"""Extensions of what is a volume, whatever the space group says: older programs leave it at 0."""


def read(path: Path, series: int) -> Image:
    """Open an MRC file: a plane, a volume (ZYX), a stack of images (TYX) or a stack of volumes (QZYX).

    Args:
        path: The file.
        series: Index of the image; must be 0.

    Returns:
        The image with lazy pixels.

    Raises:
        ImageFileError: If the file is cut, or its pixels are of half a byte.
    """
    imported("mrcfile", ImageFileError, "mrc")
    check_series(path, series)
    with path.open("rb") as file:
        raw = file.read(_HEADER)
    size = path.stat().st_size
    if len(raw) < _HEADER:
        raise truncated(path, _HEADER, size)
    header = _header(raw)
    dtype = _dtype(path, header, raw)
    start = _HEADER + _number(header, raw, _EXTENDED)
    axes, shape = _axes(path, header)
    check_declared(path, shape, dtype)
    needed = start + math.prod(shape) * dtype.itemsize
    if start < _HEADER or size < needed:
        raise truncated(path, needed, size)
    if shape[0] == 1 and len(shape) > 2:
        axes, shape = axes[1:], shape[1:]
    return Image(
        LazyArray(partial(_map, path, dtype, start, shape), shape, dtype, path),
        axes,
        pixel_size_um={letter: step for letter, step in _steps(header).items() if letter in axes},
        path=path,
    )


def _header(raw: bytes) -> Any:
    """Read the header; an extended one, which may claim any length, is left out."""
    interpreter = imported("mrcfile.mrcinterpreter", ImageFileError, "mrc")
    alone = raw[:_EXTENDED] + bytes(4) + raw[_EXTENDED + 4 :]
    with warnings.catch_warnings(action="ignore"):
        return interpreter.MrcInterpreter(io.BytesIO(alone), permissive=True, header_only=True).header


def _number(header: Any, raw: bytes, at: int) -> int:
    """Return a whole number of the header that the library does not name."""
    return int(np.frombuffer(raw, header.mode.dtype, 1, at)[0])


def _dtype(path: Path, header: Any, raw: bytes) -> np.dtype[Any]:
    mode = int(header.mode)
    if mode == 101:
        raise ImageFileError(f"whole bytes per pixel in {path}", "4 bits (mode 101)", "run `newstack -mode 0` on it")
    dtype: np.dtype[Any] = imported("mrcfile.utils", ImageFileError, "mrc").data_dtype_from_header(header)
    by_imod = _number(header, raw, _IMOD) == _IMOD_STAMP
    if mode == 0 and by_imod and not _number(header, raw, _IMOD + 4) & _SIGNED_BYTES:
        return np.dtype(np.uint8)
    return dtype


def _axes(path: Path, header: Any) -> tuple[str, tuple[int, ...]]:
    columns, rows, sections, slices = (int(header[name]) for name in ("nx", "ny", "nz", "mz"))
    order = [int(header[name]) for name in ("maps", "mapr", "mapc")]
    space = "".join("XYZ"[number - 1] for number in order) if sorted(order) == [1, 2, 3] else "ZYX"
    group = int(header.ispg)
    if 401 <= group <= 630 and slices > 0 and sections % slices == 0:
        return f"Q{space}", (sections // slices, slices, rows, columns)
    is_volume = group > 0 or path.name.lower().endswith(_VOLUMES)
    return (space if is_volume or space != "ZYX" else "TYX"), (sections, rows, columns)


def _steps(header: Any) -> dict[str, float]:
    steps = {}
    for letter in "XYZ":
        cells, length = int(header[f"m{letter.lower()}"]), float(header.cella[letter.lower()])
        step = micrometres(length / cells, "angstrom") if cells > 0 else None
        if step is not None:
            steps[letter] = step
    return steps


def _map(path: Path, dtype: np.dtype[Any], start: int, shape: tuple[int, ...]) -> Opened:
    return Opened(np.memmap(path, dtype, "r", start, shape))


def _is_mrc(head: bytes) -> bool:
    """Return whether a header is one, by its mark, or, in old files, which have none, by its numbers."""
    if len(head) < _HEADER:
        return False
    if head[_MAP : _MAP + 3] == b"MAP":
        return True
    for order in "<>":
        *sides, mode = struct.unpack_from(f"{order}4i", head)
        axes = struct.unpack_from(f"{order}3i", head, _AXES)
        if all(0 < side <= _LONGEST_SIDE for side in sides) and mode in _MODES and sorted(axes) == [1, 2, 3]:
            return True
    return False


FORMAT = Format(
    name="MRC",
    suffixes=(".mrc", ".mrcs", ".rec", ".map", ".ccp4", ".st", ".ali", ".preali"),
    read=read,
    begins=_is_mrc,
)
