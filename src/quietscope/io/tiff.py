"""TIFF in its dialects (plain, ImageJ, OME, tifffile's own, LSM, MetaMorph STK), read lazily with tifffile."""

import logging
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from quietscope.errors import ImageFileError
from quietscope.io.declared_size import check_block, check_declared
from quietscope.io.derived import NO_OPACITY, is_opaque, signed, without_last_sample
from quietscope.io.first_bytes import is_tiff
from quietscope.io.format import Format
from quietscope.io.image import Image, LazyArray, Opened, check_series, damaged, truncated
from quietscope.io.tiff_chain import check_chain
from quietscope.io.tiff_metadata import caveats, is_signed, names_of_series, read_metadata
from quietscope.io.tiff_missing import FilesOfASet, FirstFrames, companion_of, missing_planes
from quietscope.io.tiff_vendors import without_thumbnails
from quietscope.io.tiff_writer import COMPRESSIONS, create, kept, layouts
from quietscope.io.zarr_tasks import settle
from quietscope.outside.regular_file import check_regular

_WRITTEN = (".ome.tif", ".ome.tiff", ".tif", ".tiff")

_NAMED_FILES = re.compile(r"""FileName\s*=\s*["']([^"']+)["']""")

# Messages that tifffile logs, instead of raising an error, if a page should lie beyond the end of the file.
_SIGNS_OF_TRUNCATION = ("invalid page offset", "corrupted tag list", "invalid offset to page")


def read(path: Path, series: int) -> Image:
    """Open one image series of a TIFF file.

    Args:
        path: The file.
        series: Index of the image; pyramids are read at full resolution.

    Returns:
        The image with lazy pixels.

    Raises:
        ImageFileError: If the file is not a TIFF, is truncated, or has no such series.
    """
    import tifffile

    check_chain(path)
    with _listening_to_tifffile() as said:
        try:
            tif = tifffile.TiffFile(path)
        except tifffile.TiffFileError as error:
            raise ImageFileError(
                "a TIFF image", f"{path}, which is not one", "give it the extension of its real format"
            ) from error
        with ExitStack() as files:
            files.enter_context(tif)
            companion = companion_of(path, tif.pages[0].description) if len(tif.pages) else None
            if companion is not None:
                tif = files.enter_context(tifffile.TiffFile(path, omexml=companion))
            _check_companions(path, tif)
            num_pages = len(tif.pages)
            all_series = without_thumbnails(tif)
            if not num_pages or not all_series:
                raise truncated(path, size=path.stat().st_size)
            check_series(path, series, len(all_series))
            chosen = all_series[series]
            _check_size(path, chosen)
            _check_complete(path, tif, chosen, said)
            count, recorded = missing_planes(path, chosen, said)
            metadata = read_metadata(tif, chosen, series)
            pixels, axes, told = _meant(_lazy(path, tif, series, chosen, companion, count), tif, chosen)
            return Image(
                pixels,
                axes,
                path=path,
                num_series=len(all_series),
                series_names=names_of_series(tif, all_series),
                mask=recorded,
                caveats=(*caveats(tif, chosen), *told),
                **metadata,
            )


def _meant(stored: LazyArray, tif: Any, series: Any) -> tuple[LazyArray, str, tuple[str, ...]]:
    """Return the pixels that the stored ones stand for, signed and without opacity, their axes, and what to tell."""
    axes = series.axes.upper()
    if is_signed(tif, series):
        return signed(stored), axes, ()
    extra = [getattr(kind, "name", str(kind)) for kind in series.keyframe.extrasamples]
    opacity = extra in (["ASSOCALPHA"], ["UNASSALPHA"]) and axes[-1:] == "S" and stored.shape[-1] in (2, 4)
    if opacity and stored.dtype.kind == "u" and is_opaque(stored):
        return without_last_sample(stored), axes if stored.shape[-1] == 4 else axes[:-1], (NO_OPACITY,)
    return stored, axes, ()


def _lazy(path: Path, tif: Any, index: int, series: Any, companion: str | None, count: int | None) -> LazyArray:
    shape = series.shape if count is None else (count, *series.shape[1:])
    if series.dataoffset is not None and not series.is_multifile and count is None:
        # Uncompressed and contiguous: a memory map can read a tile without reading the whole page.
        dtype = np.dtype(tif.byteorder + series.dtype.char)
        open_array = partial(_map_pixels, path, dtype, int(series.dataoffset), tuple(series.shape))
    else:
        open_array = partial(_open_series, path, index, companion, count)
    return LazyArray(open_array, shape, series.dtype, path)


def _map_pixels(path: Path, dtype: np.dtype[Any], offset: int, shape: tuple[int, ...]) -> Opened:
    return Opened(np.memmap(path, dtype, "r", offset, shape))


def _open_series(path: Path, index: int, companion: str | None = None, count: int | None = None) -> Opened:
    import tifffile
    import zarr

    with _listening_to_tifffile(), ExitStack() as files:
        tif = files.enter_context(tifffile.TiffFile(path, omexml=companion))
        store = files.enter_context(tif.series[index].aszarr(level=0))
        array: Any = zarr.open_array(store, mode="r")
        if tif.series[index].is_multifile:
            array = FilesOfASet(array, partial(_first_damaged, path, tif.series[index].pages))
        return Opened(array if count is None else FirstFrames(array, count), files.pop_all().close, settle)


def _first_damaged(path: Path, pages: Any) -> ImageFileError | None:
    """Return the error for the first file of a set that cannot be decoded; None if all can."""
    for page in pages:
        try:
            if page is not None:
                page.asarray()
        except Exception as error:  # decoders of damaged files can raise anything
            return damaged(_file_of(page, path), error)
    return None


def _check_companions(path: Path, tif: Any) -> None:
    """Refuse a set of OME-TIFF files of which one is a pipe or the like, before tifffile opens them all."""
    for name in _NAMED_FILES.findall(tif.ome_metadata or ""):
        check_regular(path.parent / name, ImageFileError, f"files in the set of {path}")


def _check_size(path: Path, series: Any) -> None:
    """Refuse declared sizes that no file has, and pieces that cannot be decoded in memory."""
    check_declared(path, series.shape, series.dtype)
    page = series.keyframe
    if series.dataoffset is None or series.is_multifile:
        kind = "tile" if page.is_tiled else "strip"
        check_block(path, page.chunks, series.dtype, kind)


def _check_complete(path: Path, tif: Any, series: Any, said: list[str]) -> None:
    """Raise an error for a truncated file when it is opened, not when its thousandth frame is read."""
    if any(sign in line for line in said for sign in _SIGNS_OF_TRUNCATION):
        raise truncated(path, size=path.stat().st_size)
    if tif.is_imagej and series.kind != "imagej":
        counts = tif.imagej_metadata or {}
        planes = counts.get("channels", 1) * counts.get("slices", 1) * counts.get("frames", 1)
        if planes > len(tif.pages):  # a large ImageJ stack has one page for all its planes, and planes are missing
            raise truncated(path, size=path.stat().st_size)
    if series.dataoffset is not None and not series.is_multifile:
        ends = [(path, tif.filehandle.size, int(series.dataoffset) + series.size * series.dtype.itemsize)]
    else:
        ends = [
            (_file_of(page, path), page.parent.filehandle.size, offset + count)
            for page in series.pages
            if page is not None
            for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False)
        ]
    for file, size, end in ends:
        if end > size:
            raise truncated(file, needed=end, size=size)


def _file_of(page: Any, path: Path) -> Path:
    """Return the file of a set that a page lies in, named as the one that was opened."""
    name = Path(page.parent.filehandle.name).name
    return path if name == path.name else path.with_name(name)


@contextmanager
def _listening_to_tifffile() -> Iterator[list[str]]:
    """Collect the messages that tifffile logs about a file, and keep them off the user's terminal."""
    said: list[str] = []

    class _Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    logger, collect = logging.getLogger("tifffile"), _Collect(logging.WARNING)
    propagate = logger.propagate
    logger.addHandler(collect)
    logger.propagate = False
    try:
        yield said
    finally:
        logger.removeHandler(collect)
        logger.propagate = propagate


FORMAT = Format(
    name="TIFF",
    suffixes=(*_WRITTEN, ".ome.btf", ".btf", ".tf2", ".tf8", ".lsm", ".stk", ".svs", ".ndpi", ".scn", ".qptiff"),
    written=_WRITTEN,
    read=read,
    create=create,
    keeps=kept,
    compressions=COMPRESSIONS,
    layouts=layouts,
    begins=is_tiff,
)
