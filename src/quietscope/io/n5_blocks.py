"""Pixels of N5 datasets: blocks in files of their own, big-endian, X fastest; https://github.com/saalfeldlab/n5."""

import bz2
import lzma
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.errors import ImageFileError
from quietscope.io.image import damaged, truncated
from quietscope.io.vendors.block_array import Box
from quietscope.outside.regular_file import read_bounded

DTYPES = frozenset(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)) | {"float32", "float64"}
COMPRESSIONS = ("raw", "gzip", "bzip2", "xz", "lz4", "blosc", "zstd")
_PLAIN, _VARYING = 0, 1
_BLOSC = struct.Struct("<4xI4xI")
_LZ4 = struct.Struct("<8sBiii")
_LZ4_RAW = 0x10


@dataclass(frozen=True)
class N5Dataset:
    """A dataset of N5, in the order of axes that NumPy has: X last.

    Attributes:
        folder: Where it lies.
        shape: Its shape.
        block: Shape of a block.
        dtype: Data type, big-endian.
        compression: The parameters of the compression, its "type" among them.
    """

    folder: Path
    shape: tuple[int, ...]
    block: tuple[int, ...]
    dtype: np.dtype[Any]
    compression: Mapping[str, Any]

    def read(self, box: Box) -> npt.NDArray[Any]:
        """Read a box of pixels; blocks that are not there are 0.

        Args:
            box: One slice per axis, within the shape, in steps of 1.

        Returns:
            The pixels.

        Raises:
            ImageFileError: If a block is damaged.
        """
        found = np.zeros([part.stop - part.start for part in box], self.dtype)
        spans = zip(box, self.block, strict=True)
        for place in product(*(range(part.start // side, -(-part.stop // side)) for part, side in spans)):
            pixels = self._block(place)
            if pixels is None:
                continue
            starts = [at * side for at, side in zip(place, self.block, strict=True)]
            ends = [start + size for start, size in zip(starts, pixels.shape, strict=True)]
            shared = [
                (max(part.start, start), min(part.stop, end))
                for part, start, end in zip(box, starts, ends, strict=True)
            ]
            if all(low < high for low, high in shared):
                found[_moved(shared, [part.start for part in box])] = pixels[_moved(shared, starts)]
        return found

    def _block(self, place: Sequence[int]) -> npt.NDArray[Any] | None:
        path = self.folder.joinpath(*map(str, reversed(place)))
        most = prod(self.block) * self.dtype.itemsize
        try:
            data = read_bounded(path, 2 * most + (1 << 16), ImageFileError, "a block of an N5 dataset")
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return None
        try:
            return self._decoded(path, data)
        except ImageFileError:
            raise
        except Exception as error:  # decoders of damaged blocks can raise anything
            raise damaged(path, error) from error

    def _decoded(self, path: Path, data: bytes) -> npt.NDArray[Any]:
        mode, ndim = struct.unpack_from(">HH", data)
        if mode not in (_PLAIN, _VARYING) or ndim != len(self.shape):
            raise ImageFileError(f"a block of {len(self.shape)} axes in {path}", f"kind {mode}, {ndim} axes", _AGAIN)
        sizes = struct.unpack_from(f">{ndim}I", data, 4)[::-1]
        start = 4 + 4 * ndim + (4 if mode == _VARYING else 0)
        if any(not 0 < size <= side for size, side in zip(sizes, self.block, strict=True)):
            raise ImageFileError(f"a block of at most {self.block} in {path}", f"{sizes}", _AGAIN)
        wanted = prod(sizes) * self.dtype.itemsize
        pixels = _decompressed(data[start:], self.compression, wanted)
        if len(pixels) < wanted:
            raise truncated(path, wanted, len(pixels))
        return np.frombuffer(pixels, self.dtype, prod(sizes)).reshape(sizes)


def _moved(spans: Sequence[tuple[int, int]], starts: Sequence[int]) -> Box:
    """Return spans as seen from where an array begins."""
    return tuple(slice(low - start, high - start) for (low, high), start in zip(spans, starts, strict=True))


_AGAIN = "it may be damaged; copy or export it again"


def _decompressed(data: bytes, compression: Mapping[str, Any], wanted: int) -> bytes:
    """Return the bytes of a block, of which at most so many are wanted."""
    match compression.get("type"):
        case "raw":
            return data
        case "gzip":
            return zlib.decompressobj(15 if compression.get("useZlib") else 31).decompress(data, wanted)
        case "bzip2":
            return bz2.BZ2Decompressor().decompress(data, wanted)
        case "xz":
            return lzma.LZMADecompressor().decompress(data, wanted)
        case "lz4":
            return _lz4(data, wanted)
        case "blosc":
            return _blosc(data, wanted)
    from numcodecs import Zstd

    return bytes(Zstd().decode(data, out=np.empty(wanted, np.uint8)))


def _blosc(data: bytes, wanted: int) -> bytes:
    """Return the bytes of a buffer of Blosc, whose library takes its header's word for how long it is."""
    from numcodecs import Blosc

    size, packed = _BLOSC.unpack_from(data)
    if packed > len(data) or size != wanted:
        return b""
    return bytes(Blosc().decode(data, out=np.empty(wanted, np.uint8)))


def _lz4(data: bytes, wanted: int) -> bytes:
    """Return the bytes of a stream of LZ4 blocks, as Java's LZ4BlockOutputStream writes it."""
    from numcodecs import LZ4

    found, at = bytearray(), 0
    while len(found) < wanted:
        magic, token, packed, size, _ = _LZ4.unpack_from(data, at)
        at += _LZ4.size
        if magic != b"LZ4Block" or not 0 < size <= wanted - len(found) or packed < 0:
            break
        piece = data[at : at + packed]
        found += piece if token & 0xF0 == _LZ4_RAW else LZ4().decode(struct.pack("<I", size) + piece)
        at += packed
    return bytes(found)
