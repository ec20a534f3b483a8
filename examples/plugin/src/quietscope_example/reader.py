"""PGM: one grey picture of 8 or 16 bits as plain bytes, as many small camera programs write it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from quietscope.axes import reorder
from quietscope.errors import ImageFileError, OutputError
from quietscope.io.format import Format, WriteRequest
from quietscope.io.image import Image, LazyArray, Opened, Sink, check_series, truncated

# "P5", width, height and highest value, with white space and comments between them, then a single white space.
_GAP = rb"(?:\s+|#[^\n]*\n)+"
_HEADER = re.compile(rb"P5" + _GAP + rb"(\d+)" + _GAP + rb"(\d+)" + _GAP + rb"(\d+)\s")


def read(path: Path, series: int) -> Image:
    """Open a PGM file; its pixels stay in the file until asked for."""
    check_series(path, series)
    with path.open("rb") as file:
        header = _HEADER.match(file.read(4096))
    if header is None:
        raise ImageFileError("a binary PGM file", f"{path}, which does not begin as one", "save it as P5")
    width, height, most = (int(number) for number in header.groups())
    if not 0 < most < 1 << 16:
        raise ImageFileError("a highest value below 65536", f"{most} in {path}", "save it again")
    dtype = np.dtype(np.uint8 if most < 256 else ">u2")
    needed, size = header.end() + width * height * dtype.itemsize, path.stat().st_size
    if size < needed:
        raise truncated(path, needed, size)
    pixels = partial(_map, path, dtype, header.end(), (height, width))
    return Image(LazyArray(pixels, (height, width), dtype, path), "YX", path=path)


@contextmanager
def create(path: Path, request: WriteRequest) -> Iterator[Sink]:
    """Collect one grey plane in memory, and write it at the end."""
    if sorted(request.axes) != ["X", "Y"] or request.dtype not in (np.uint8, np.uint16):
        raise OutputError(
            "one plane of uint8 or uint16 for a .pgm",
            f"{request.axes} of {request.dtype}",
            f"write to {request.path.with_suffix('.tif').name} instead",
        )
    pixels = np.zeros(request.shape, request.dtype)
    yield pixels
    plane = np.asarray(reorder(pixels, request.axes, "YX"))
    header = f"P5\n{plane.shape[1]} {plane.shape[0]}\n{np.iinfo(plane.dtype).max}\n".encode()
    path.write_bytes(header + plane.astype(plane.dtype.newbyteorder(">")).tobytes())


def _map(path: Path, dtype: np.dtype[np.generic], offset: int, shape: tuple[int, int]) -> Opened:
    return Opened(np.memmap(path, dtype, "r", offset, shape))


FORMAT = Format(name="PGM", suffixes=(".pgm",), written=(".pgm",), read=read, create=create)
