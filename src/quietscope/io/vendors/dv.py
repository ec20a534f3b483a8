"""DeltaVision DV, whose header mrc reads; pixels are mapped."""

import math
import struct
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from quietscope.errors import ImageFileError
from quietscope.io.declared_size import check_declared
from quietscope.io.details import Details, valid_wavelengths
from quietscope.io.format import Format
from quietscope.io.image import Image, LazyArray, Opened, check_series, truncated
from quietscope.io.units import micrometres, seconds
from quietscope.optional import imported

_HEADER, _MARK = 1024, 96
_LITTLE, _BIG = b"\xa0\xc0", b"\xc0\xa0"
_TIME = 1  # which of the numbers of a plane is its time
_DTYPES = {0: "u1", 1: "i2", 2: "f4", 4: "c8", 5: "i2", 6: "u2", 7: "i4"}


def read(path: Path, series: int) -> Image:
    """Open a DV file.

    Args:
        path: The file.
        series: Index of the image; must be 0.

    Returns:
        The image with lazy pixels; channels are called by their wavelengths. Axes of length 1 are left out.

    Raises:
        ImageFileError: If the file is cut, or its pixels are of another type.
    """
    file = _header(path)
    check_series(path, series)
    header = file.hdr
    order = "<" if _start(path)[_MARK : _MARK + 2] == _LITTLE else ">"
    if header.pixel_type not in _DTYPES:
        raise ImageFileError(f"real numbers in {path}", f"pixels of type {header.pixel_type}", "save it as 16 bits")
    dtype = np.dtype(order + _DTYPES[header.pixel_type])
    channels, times = max(int(header.nc), 1), max(int(header.nt), 1)
    sizes = {"C": channels, "T": times, "Z": int(header.n_sections) // (channels * times)}
    sizes |= {"Y": int(header.height), "X": int(header.width)}
    stored = f"{header.sequence_order}YX"
    if sizes["Z"] * channels * times != int(header.n_sections):
        raise ImageFileError(
            f"as many planes in {path} as {channels} channels at {times} times have",
            f"{header.n_sections} planes",
            "the acquisition may have been stopped: save the complete times as a new file",
        )
    start, axes = _HEADER + int(header.ext_hdr_len), "".join(x for x in stored if sizes[x] > 1 or x in "YX")
    shape = tuple(sizes[letter] for letter in axes)
    check_declared(path, shape, dtype)
    needed, size = start + math.prod(shape) * dtype.itemsize, path.stat().st_size
    if start < _HEADER or size < needed:
        raise truncated(path, needed, size)
    waves = [int(getattr(header, f"wave{number}")) for number in range(1, min(channels, 5) + 1)]
    known = waves if len(waves) == channels and any(wave > 0 for wave in waves) else []
    steps = {"X": header.dx, "Y": header.dy, "Z": header.dz}
    found = {letter: micrometres(abs(step), "um") for letter, step in steps.items() if letter in axes}
    return Image(
        LazyArray(partial(_map, path, dtype, start, shape), shape, dtype, path),
        axes,
        pixel_size_um={letter: step for letter, step in found.items() if step is not None},
        channel_names=tuple(f"{wave} nm" if wave > 0 else "" for wave in known),
        path=path,
        frame_interval_s=_interval(file, order, stored, sizes) if times > 1 else None,
        details=Details(emission_nm=valid_wavelengths((wave, "nm") for wave in known)),
    )


def _header(path: Path) -> Any:
    """Read the header alone: the library maps the pixels at once, which a file that is cut does not have."""
    mrc = imported("mrc", ImageFileError, "dv")
    if len(_start(path)) < _HEADER:
        raise truncated(path, _HEADER, path.stat().st_size)
    header_alone = type("HeaderAlone", (mrc.DVFile,), {"open": lambda self: None})
    return header_alone(path)


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEADER)


def _interval(file: Any, order: str, stored: str, sizes: dict[str, int]) -> float | None:
    """Return seconds from the first time point to the last by their number, as far as the planes keep their times."""
    if file.ext_hdr is None:
        return None
    header, inner = file.hdr, math.prod(sizes[letter] for letter in stored[stored.index("T") + 1 : -2])
    section, at = 4 * (header.n_ints + header.n_floats), 4 * (header.n_ints + _TIME)
    try:
        ends = (number * inner * section + at for number in (0, sizes["T"] - 1))
        first, last = (struct.unpack_from(f"{order}f", file.ext_hdr.buffer, end)[0] for end in ends)
    except struct.error:  # an extended header of another layout
        return None
    return seconds((last - first) / (sizes["T"] - 1), "s")


def _map(path: Path, dtype: np.dtype[Any], start: int, shape: tuple[int, ...]) -> Opened:
    return Opened(np.memmap(path, dtype, "r", start, shape))


FORMAT = Format(
    name="DeltaVision",
    suffixes=(".dv", ".r3d"),
    read=read,
    begins=lambda head: head[_MARK : _MARK + 2] in (_LITTLE, _BIG) and len(head) >= _HEADER,
)
