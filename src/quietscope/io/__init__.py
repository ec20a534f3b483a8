"""Reading and writing images: lazy pixels, axes, pixel size, channel names.

A new format is one new file that defines a `Format`, and one line in `FORMATS`; another package declares its own in
the entry-point group "quietscope.formats".
"""

import os
import shlex
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from quietscope.axes import check_axes, guess_axes
from quietscope.errors import (
    CaveatWarning,
    ImageFileError,
    LeftOutWarning,
    OutputError,
    QuietScopeError,
    SeriesWarning,
)
from quietscope.io import n5, ngff, npy, png, tiff
from quietscope.io.atomic import atomic_path, write_bytes_atomically
from quietscope.io.choice import by_suffix, read_series
from quietscope.io.details import NO_DETAILS, Details
from quietscope.io.format import Format, WriteRequest
from quietscope.io.image import ArrayLike, Image, LazyArray, Sink, damaged
from quietscope.io.one_of_many import OneOfMany
from quietscope.io.part import Part
from quietscope.io.pixel_check import check_pixels, saturated_share
from quietscope.io.storage import USUAL_STORAGE, Storage
from quietscope.io.vendors import czi, dv, hdf5, lif, mrc, nd2, oif, vsi
from quietscope.registry import Registry, record
from quietscope.wording import typed

__all__ = [
    "FORMATS",
    "ArrayLike",
    "Details",
    "Format",
    "Image",
    "ImageSource",
    "LazyArray",
    "Part",
    "Sink",
    "Storage",
    "WriteRequest",
    "as_image",
    "as_images",
    "atomic_path",
    "check_pixels",
    "check_storage",
    "is_shared",
    "open_writer",
    "read_image",
    "saturated_share",
    "series_beside",
    "write_bytes_atomically",
    "write_image",
    "write_request",
]

_OWN = {"tiff": tiff.FORMAT, "ome-zarr": ngff.FORMAT, "n5": n5.FORMAT, "npy": npy.FORMAT, "png": png.FORMAT}
# What libraries of their own read, each in an extra; where first bytes fit several, the first is taken.
_BY_EXTRAS = {
    "czi": czi.FORMAT,
    "nd2": nd2.FORMAT,
    "lif": lif.FORMAT,
    "hdf5": hdf5.FORMAT,
    "oif": oif.FORMAT,
    "vsi": vsi.FORMAT,
    "dv": dv.FORMAT,
    "mrc": mrc.FORMAT,
}


def _declared_format(name: str, member: object) -> Format:
    """Check what a package declares: its files are to end in something that QuietScope itself reads by no extra."""
    found = record(Format)(name, member)
    taken = {suffix for own in _OWN.values() for suffix in own.suffixes} & {*found.suffixes}
    if taken:
        raise TypeError(f"it reads {' '.join(sorted(taken))}, which QuietScope reads by itself")
    return found


FORMATS: Registry[Format] = Registry("quietscope.formats", _OWN | _BY_EXTRAS, _declared_format)
"""Every format by name."""


def read_image(path: str | os.PathLike[str], axes: str | None = None, *, series: int | str | None = None) -> Image:
    """Open an image; its pixels are read when they are indexed.

    Args:
        path: A file or a Zarr folder.
        axes: One letter per dimension, if the file does not name its axes or names them wrongly.
        series: Number, from 0, or name of the image, if the file holds several; the first, with a `SeriesWarning`, if
            None.

    Returns:
        The image.

    Raises:
        ImageFileError: If the file is missing, empty, truncated, damaged, or not an image of a supported format.
        AxesError: If the axes do not fit the shape, or neither the file nor the shape tells what they are.
    """
    path = Path(path)
    try:
        image = read_series(path, series, FORMATS)
    except QuietScopeError:
        raise
    except PermissionError as error:
        expected = f"permission to read {path}"
        raise ImageFileError(
            expected, "a file that only others may read", f"run `chmod +r {shlex.quote(str(path))}`"
        ) from error
    except Exception as error:  # parsers of damaged files can raise anything
        raise damaged(path, error) from error
    _check_dtype(image.dtype, path)
    if series is None and image.num_series > 1:
        warnings.warn(
            f"{path} holds {image.num_series} images (series 0 to {image.num_series - 1}); series 0 is taken: "
            f"pass e.g. `{typed(series=1)}` to choose.",
            SeriesWarning,
            stacklevel=2,
        )
    for caveat in image.caveats:
        warnings.warn(f"{path}: {caveat}", CaveatWarning, stacklevel=2)
    if axes is not None:
        return replace(image, axes=check_axes(axes, image.shape))
    if not image.axes or len(set(image.axes)) != len(image.axes):
        return replace(image, axes=guess_axes(image.shape))
    return replace(image, axes=check_axes(image.axes, image.shape))


ImageSource: TypeAlias = Any
"""One image: a path, an `Image`, or an array (NumPy, Dask, Zarr); axes of an array are passed or guessed."""


def as_image(source: ImageSource, axes: str | None = None, series: int | str | None = None) -> Image:
    """Turn a path, an array or an `Image` into an `Image`.

    Args:
        source: The image.
        axes: Its axes, if the source does not name them or names them wrongly.
        series: Number or name of the image in a file that holds several; see `read_image`.

    Returns:
        The image; only headers have been read.

    Raises:
        ImageFileError: If a file is missing or not an image, the source is none of these types, or its pixels are no
            real numbers.
        AxesError: If the axes do not fit the shape.
    """
    if isinstance(source, OneOfMany):
        return read_image(source.path, axes, series=source.series)
    if isinstance(source, str | os.PathLike):
        return read_image(source, axes, series=series)
    if np.ma.is_masked(source):
        fix = "pass `array.data`, with `mask=~array.mask` where that is taken"
        raise ImageFileError("an array without a mask of its own", "a masked array of NumPy", fix)
    _check_kind(source)
    if isinstance(source, Image):
        return source if axes is None else replace(source, axes=check_axes(axes, source.shape))
    if not (hasattr(source, "shape") and hasattr(source, "dtype")):
        raise ImageFileError(
            "a path, an array or an Image", f"{type(source).__name__}", "pass e.g. `numpy.asarray(it)`"
        )
    shape = tuple(int(size) for size in source.shape)
    return Image(source, check_axes(axes, shape) if axes else guess_axes(shape))


def as_images(
    sources: ImageSource | Sequence[ImageSource], axes: str | None = None, series: int | str | None = None
) -> list[Image]:
    """Turn one image, or a list or tuple of them, into a list of `Image`; see `as_image`."""
    return [as_image(source, axes, series) for source in (sources if isinstance(sources, list | tuple) else [sources])]


def series_beside(source: ImageSource, series: int | str | None, axes: str | None = None) -> int | str | None:
    """Return which image of its file goes with another image; alone in its file it goes with every one.

    Args:
        source: The image that goes with another.
        series: Which image of its file the other one is, by number or name; None where nobody said.
        axes: Axes of the source, where it does not name them.

    Returns:
        What to pass to `as_image`, None where nobody said.

    Raises:
        QuietScopeError: If the source cannot be opened.
    """
    return 0 if series is not None and as_image(source, axes, 0).num_series == 1 else series


@contextmanager
def open_writer(
    path: str | os.PathLike[str],
    shape: Sequence[int],
    dtype: Any,
    axes: str,
    *,
    pixel_size_um: Mapping[str, float] | None = None,
    channel_names: Sequence[str] = (),
    frame_interval_s: float | None = None,
    details: Details = NO_DETAILS,
    storage: Storage = USUAL_STORAGE,
    overwrite: bool = False,
) -> Iterator[Sink]:
    """Write an image block by block, in any order and in bounded memory.

    The file gets its name when the ``with`` block ends without an error; otherwise no file is left.

    Args:
        path: File or folder to write; its extension determines the format.
        shape: Shape of the whole array.
        dtype: Data type: bool, integer or floating, at most 64 bits.
        axes: One letter per dimension.
        pixel_size_um: Micrometres per pixel for those of X, Y and Z that are known.
        channel_names: One name per channel, or empty.
        frame_interval_s: Seconds between time points, if known.
        details: What else is known of the image, such as `Image.details`; a `LeftOutWarning` names what the format has
            no place for.
        storage: Compression, pyramid and size of pieces; what is usual with the format where nothing is said.
        overwrite: Whether an existing result may be replaced.

    Yields:
        The writer: ``writer[index] = block``, with integers and slices in the order of `axes`.

    Raises:
        OutputError: If the target exists or cannot be written, the format cannot hold the data, or the disk is full.
        AxesError: If the axes do not fit the shape.
    """
    path = Path(path)
    chosen = _writer(path)
    request = write_request(
        path,
        shape,
        dtype,
        axes,
        pixel_size_um=pixel_size_um,
        channel_names=channel_names,
        frame_interval_s=frame_interval_s,
        details=details,
        storage=storage,
    )
    _tell_what_is_left_out(chosen, request)
    assert chosen.create is not None
    replaceable = chosen.recognises if chosen.is_folder else None
    with (
        atomic_path(path, overwrite=overwrite, replaceable=replaceable) as temporary,
        chosen.create(temporary, request) as writer,
    ):
        yield writer


def write_request(
    path: Path,
    shape: Sequence[int],
    dtype: Any,
    axes: str,
    *,
    pixel_size_um: Mapping[str, float] | None = None,
    channel_names: Sequence[str] = (),
    frame_interval_s: float | None = None,
    details: Details = NO_DETAILS,
    storage: Storage = USUAL_STORAGE,
) -> WriteRequest:
    """Describe an image that is to be written; arguments as for `open_writer`.

    Raises:
        OutputError: If the format cannot hold the data, or store them in the way that is asked for.
        AxesError: If the axes do not fit the shape.
    """
    chosen = _writer(path)
    storage.check(path.name, chosen.compressions, chosen.layouts(path.name))
    kind = np.dtype(dtype).newbyteorder("=")
    if kind.kind not in "buif" or kind.itemsize > 8:
        raise OutputError(
            f"integers or floating-point numbers for {path.name}", str(kind), "convert with `.astype('float32')`"
        )
    sizes = tuple(int(size) for size in shape)
    return WriteRequest(
        path=path,
        shape=sizes,
        dtype=kind,
        axes=check_axes(axes, sizes),
        pixel_size_um={letter: float(size) for letter, size in (pixel_size_um or {}).items() if letter in "XYZ"},
        channel_names=tuple(channel_names),
        frame_interval_s=frame_interval_s,
        details=details,
        storage=storage,
    )


def write_image(
    path: str | os.PathLike[str],
    array: Any,
    axes: str,
    *,
    pixel_size_um: Mapping[str, float] | None = None,
    channel_names: Sequence[str] = (),
    frame_interval_s: float | None = None,
    details: Details = NO_DETAILS,
    storage: Storage = USUAL_STORAGE,
    overwrite: bool = False,
) -> None:
    """Write a whole image.

    Args:
        path: File or folder to write; its extension determines the format.
        array: The pixels.
        axes: One letter per dimension.
        pixel_size_um: Micrometres per pixel for those of X, Y and Z that are known.
        channel_names: One name per channel, or empty.
        frame_interval_s: Seconds between time points, if known.
        details: What else is known of the image, such as `Image.details`; a `LeftOutWarning` names what the format has
            no place for.
        storage: Compression, pyramid and size of pieces; what is usual with the format where nothing is said.
        overwrite: Whether an existing result may be replaced.

    Raises:
        OutputError: If the target exists or cannot be written, the format cannot hold the data, or the disk is full.
        AxesError: If the axes do not fit the shape.
    """
    array = np.asarray(array)
    with open_writer(
        path,
        array.shape,
        array.dtype,
        axes,
        pixel_size_um=pixel_size_um,
        channel_names=channel_names,
        frame_interval_s=frame_interval_s,
        details=details,
        storage=storage,
        overwrite=overwrite,
    ) as writer:
        writer[...] = array


def _writer(path: Path) -> Format:
    chosen = by_suffix(path, [(suffix, each) for each in FORMATS.values() for suffix in each.written])
    if chosen is None:
        supported = " ".join(sorted({suffix for each in FORMATS.values() for suffix in each.written}))
        raise OutputError(
            f"a name that ends in one of {supported}", str(path), f"write to {path.stem or 'result'}.ome.tif"
        )
    return chosen


def is_shared(path: Path) -> bool:
    """Tell whether several processes can write a result of that name at once, see `quietscope.io.shared_result`."""
    return _writer(path) is FORMATS["ome-zarr"]


def check_storage(ending: str, storage: Storage) -> None:
    """Refuse to store pixels in a way that the format of an ending lacks.

    Raises:
        OutputError: If it lacks a compression, or what else is asked for.
    """
    name = f"result.{ending.strip().lstrip('.')}"
    chosen = _writer(Path(name))
    storage.check(f"{ending} files", chosen.compressions, chosen.layouts(name))


def _tell_what_is_left_out(chosen: Format, request: WriteRequest) -> None:
    left = () if chosen.keeps is None else request.left_out(chosen.keeps(request))
    if left:
        suffix = max((each for each in chosen.written if request.path.name.lower().endswith(each)), key=len)
        warnings.warn(
            f"{suffix} files have no place for what is known of the image: {', '.join(left)}; that is left out.",
            LeftOutWarning,
            stacklevel=3,
        )


def _check_kind(source: Any) -> None:
    """Refuse pixels in memory that are no real numbers; arrays of other libraries than NumPy say less of theirs."""
    dtype = getattr(source, "dtype", None)
    kind = getattr(dtype, "kind", "f")
    if kind == "c":
        raise ImageFileError("real numbers", f"complex ones ({dtype})", "pass their magnitude, `numpy.abs`")
    if kind not in "buif":
        raise ImageFileError("integers or floating-point numbers", str(dtype), "convert it to float32")


def _check_dtype(dtype: np.dtype[Any], path: Path) -> None:
    if dtype.kind == "c":
        raise ImageFileError(f"real numbers in {path}", f"complex ones ({dtype})", "save their magnitude, `numpy.abs`")
    if dtype.kind not in "buif" or dtype.itemsize > 8:
        raise ImageFileError(f"integers or floating-point numbers in {path}", str(dtype), "convert it to float32")
