"""TIFF in tiles, compressed or not, with smaller versions in SubIFDs, written tile by tile in any order.

tifffile lays out all pages with tiles of no length. Tiles are added behind them as they come, and at the end the tables
of the pages are told where.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
import numpy.typing as npt

from quietscope.io.details import Details
from quietscope.io.gathered import Box, Gathered
from quietscope.io.image import Sink
from quietscope.io.ome_xml import describe_file
from quietscope.io.pyramid import Level
from quietscope.io.storage import Storage

_SIDE = 512
_TILE_MULTIPLE = 16  # as TIFF requires
_CLASSIC_LIMIT = 1 << 31  # half of what 32-bit file offsets reach: compressed noise may be larger than noise
_OFFSETS, _COUNTS = 324, 325
_WIDTHS: Mapping[int, str] = {3: "u2", 4: "u4", 16: "u8"}  # of the types that tables have

Pixels: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What is to be written.

    Attributes:
        levels: The image and the levels of its pyramid, axes ending in Y, X or Y, X, S.
        dtype: Type of the pixels.
        has_samples: Whether the last axis is that of samples.
        storage: Compression and size of tiles.
        options: What tifffile is told of the first level: dialect and metadata.
        page_options: What it is told of every level.
        details: What else goes into the document of an OME-TIFF.
    """

    levels: Sequence[Level]
    dtype: np.dtype[Any]
    has_samples: bool
    storage: Storage
    options: Mapping[str, Any]
    page_options: Mapping[str, Any]
    details: Details

    @property
    def is_big(self) -> bool:
        """Whether the file needs offsets of 64 bits."""
        return sum(prod(level.shape) for level in self.levels) * self.dtype.itemsize > _CLASSIC_LIMIT

    def plane(self, level: Level) -> tuple[int, int, int]:
        """Return height, width and samples of a page."""
        y, x, *samples = level.shape[-3:] if self.has_samples else level.shape[-2:]
        return y, x, samples[0] if samples else 1

    def tile(self, level: Level) -> tuple[int, int]:
        """Return height and width of the tiles of a level."""
        height, width, _ = self.plane(level)
        side = self.storage.chunk or _SIDE
        tile = tuple(min(side, -(-size // _TILE_MULTIPLE) * _TILE_MULTIPLE) for size in (height, width))
        if self.storage.compression in (None, "none") and tile == (height, width):
            return tile[0], tile[1] + _TILE_MULTIPLE  # tifffile writes no table for a tile that is the page itself
        return tile[0], tile[1]


@contextmanager
def create(path: Path, layout: Layout) -> Iterator[Sink]:
    """Start a tiled TIFF file, and provide its pixels as one array.

    Args:
        path: Temporary path to write to.
        layout: What is to be written.

    Yields:
        An array of the shape of the first level.

    Raises:
        ValueError: If tifffile cannot hold the data type or the axes.
        tifffile.OmeXmlError: If OME cannot.
    """
    _lay_out(path, layout)
    with path.open("r+b") as file:
        pages = [_Pages(file, layout, level) for level in layout.levels]
        sink = Gathered(layout.levels, pages)
        yield sink
        sink.finish()
        for each in pages:
            each.fill_gaps()
        _write_tables(path, file, pages)


def _lay_out(path: Path, layout: Layout) -> None:
    """Write all pages, with tiles of no length."""
    import tifffile

    alike: dict[str, Any] = {**layout.page_options, "dtype": layout.dtype}
    if layout.storage.compression not in (None, "none"):
        alike |= {"compression": layout.storage.compression, "predictor": _has_predictor(layout.dtype)}
    options = dict(layout.options)
    is_ome = bool(options.pop("ome"))
    with tifffile.TiffWriter(path, bigtiff=layout.is_big, ome=is_ome) as writer:
        for number, level in enumerate(layout.levels):
            own = {"subfiletype": 1, "metadata": None} if number else {"subifds": len(layout.levels) - 1, **options}
            writer.write(repeat(b""), shape=level.shape, tile=layout.tile(level), **own, **alike)
    if is_ome:
        describe_file(path, layout.details)


class _Pages:
    """The pages of one level, written by whole tiles."""

    def __init__(self, file: BinaryIO, layout: Layout, level: Level) -> None:
        height, width, samples = layout.plane(level)
        self._file, self._tile = file, (*layout.tile(level), samples)
        self._codec = _Codec(layout.storage.compression or "none", self._tile, layout.dtype)
        self._across = -(-width // self._tile[1])
        self.shape, self.dtype = level.shape, layout.dtype
        tail = (*self._tile[:2], samples) if layout.has_samples else self._tile[:2]
        self._leading = level.shape[: len(level.shape) - len(tail)]
        self.piece = (*(1,) * len(self._leading), *tail)
        self.offsets = np.zeros((prod(self._leading), -(-height // self._tile[0]) * self._across), np.uint64)
        self.counts = np.zeros_like(self.offsets)

    def write(self, box: Box, pixels: Pixels) -> None:
        """Add a tile to the file; one that was there and is not smaller gives its place."""
        rows, columns = (each.stop - each.start for each in box[len(self._leading) :][:2])
        whole = np.zeros(self._tile, self.dtype)
        whole[:rows, :columns] = pixels.reshape(rows, columns, -1)
        self._add(self._number(box), self._codec.encode(whole))

    def read(self, box: Box) -> Pixels:
        """Read a tile that has been added."""
        at = self._number(box)
        sizes = [each.stop - each.start for each in box]
        if not self.counts[at]:
            return np.zeros(sizes, self.dtype)
        self._file.seek(int(self.offsets[at]))
        whole = self._codec.decode(self._file.read(int(self.counts[at])))
        rows, columns = sizes[len(self._leading) :][:2]
        return whole[:rows, :columns].reshape(sizes)

    def fill_gaps(self) -> None:
        """Let all tiles that were never written be one of zeros."""
        empty = self.counts == 0
        if empty.any():
            first = tuple(int(each[0]) for each in np.nonzero(empty))
            self._add((first[0], first[1]), self._codec.encode(np.zeros(self._tile, self.dtype)))
            self.offsets[empty], self.counts[empty] = self.offsets[first], self.counts[first]

    def _add(self, at: tuple[int, int], data: bytes) -> None:
        if self.counts[at] < len(data):
            self._file.seek(0, 2)
            self.offsets[at] = self._file.tell()
        else:
            self._file.seek(int(self.offsets[at]))
        self._file.write(data)
        self.counts[at] = len(data)

    def _number(self, box: Box) -> tuple[int, int]:
        """Return page and tile of a box that is a tile."""
        leading = [each.start for each in box[: len(self._leading)]]
        page = int(np.ravel_multi_index(leading, self._leading)) if leading else 0
        y, x = (each.start for each in box[len(self._leading) :][:2])
        return page, y // self._tile[0] * self._across + x // self._tile[1]


@dataclass(frozen=True)
class _Codec:
    """What a tile becomes in the file: differences along rows where pixels are integers, compressed."""

    compression: str
    tile: tuple[int, int, int]
    dtype: np.dtype[Any]

    def encode(self, tile: Pixels) -> bytes:
        import imagecodecs

        if self.compression == "none":
            return tile.tobytes()
        pixels = imagecodecs.delta_encode(tile, axis=-2) if _has_predictor(self.dtype) else tile
        raw = np.ascontiguousarray(pixels).tobytes()
        return bytes(getattr(imagecodecs, f"{_CODECS[self.compression]}_encode")(raw))

    def decode(self, data: bytes) -> Pixels:
        import imagecodecs

        if self.compression == "none":
            return np.frombuffer(data, self.dtype).reshape(self.tile)
        size = prod(self.tile) * self.dtype.itemsize
        raw = getattr(imagecodecs, f"{_CODECS[self.compression]}_decode")(data, out=size)
        pixels = np.frombuffer(raw, self.dtype).reshape(self.tile)
        return np.asarray(imagecodecs.delta_decode(pixels, axis=-2)) if _has_predictor(self.dtype) else pixels


def _has_predictor(dtype: np.dtype[Any]) -> bool:
    """Tell whether differences are stored: of integers, as far as other programs know how."""
    return dtype.kind in "iu" and dtype.itemsize <= 4


_CODECS: Mapping[str, str] = {"zstd": "zstd", "lzw": "lzw", "deflate": "zlib"}


def _write_tables(path: Path, file: BinaryIO, levels: Sequence[_Pages]) -> None:
    """Tell each page where its tiles lie."""
    import tifffile

    file.flush()
    with tifffile.TiffFile(path) as tif:
        order = tif.byteorder
        for page, found in enumerate(_pages_of(tif)):
            for level, pages in zip(found, levels, strict=True):
                for code, table in ((_OFFSETS, pages.offsets), (_COUNTS, pages.counts)):
                    tag = level.tags[code]
                    assert tag.count == table.shape[1], "tifffile and we count tiles alike"
                    file.seek(tag.valueoffset)
                    file.write(table[page].astype(order + _WIDTHS[int(tag.dtype)]).tobytes())
    file.flush()


def _pages_of(tif: Any) -> Iterator[list[Any]]:
    """Yield each page with the pages of its smaller versions."""
    tif.pages.useframes = False
    for page in tif.pages:
        yield [page, *(page.pages or ())]
