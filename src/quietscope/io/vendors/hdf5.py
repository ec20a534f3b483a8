"""HDF5, read with h5py: Imaris, BigDataViewer, and any other file by its datasets, each of them a series."""

import json
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from quietscope.axes import guess_axes
from quietscope.errors import ImageFileError
from quietscope.io.declared_size import check_declared
from quietscope.io.first_bytes import is_hdf5
from quietscope.io.format import Format
from quietscope.io.image import Image, LazyArray, Opened, check_series
from quietscope.io.units import micrometres
from quietscope.io.vendors.bigdataviewer import is_bdv, read_bdv
from quietscope.io.vendors.block_array import Blocks
from quietscope.io.vendors.h5_file import check_readable, open_h5, read_box, text_of
from quietscope.io.vendors.imaris import is_imaris, read_imaris

_NAMES = {"TIME": "T", "CHANNEL": "C", "CHANNELS": "C", "DEPTH": "Z", "HEIGHT": "Y", "WIDTH": "X", "FRAME": "T"}


def read(path: Path, series: int) -> Image:
    """Open one image of an HDF5 file.

    Args:
        path: The file.
        series: Index of the image: a setup of BigDataViewer, or one of the datasets of at least two axes, by name.

    Returns:
        The image with lazy pixels.

    Raises:
        ImageFileError: If the file is cut, has no such image, or is compressed by what is not installed.
    """
    with ExitStack() as files:
        file = open_h5(path, files)
        if is_imaris(file):
            return read_imaris(path, series, file)
        if is_bdv(file):
            return read_bdv(path, series, file)
        return _read_dataset(path, series, file)


def _read_dataset(path: Path, series: int, file: Any) -> Image:
    names = _images(file)
    if not names:
        raise ImageFileError(f"a dataset of at least two axes in {path}", "none", "look into it with `h5dump -n`")
    check_series(path, series, len(names))
    dataset = file[names[series]]
    check_readable(path, dataset)
    check_declared(path, dataset.shape, dataset.dtype)
    axes = _axes(dataset)
    steps = _steps(dataset, axes)
    return Image(
        LazyArray(partial(_open, path, names[series]), dataset.shape, dataset.dtype, path),
        axes,
        pixel_size_um=steps,
        path=path,
        num_series=len(names),
        series_names=names,
    )


def _images(file: Any) -> tuple[str, ...]:
    """Return the names of all datasets that can be images; links to elsewhere are not followed."""
    found: list[str] = []

    def note(name: str, each: Any) -> None:
        dtype = getattr(each, "dtype", None)
        if dtype is not None and dtype.kind in "buifc" and each.ndim >= 2 and each.size:
            found.append(name)

    file.visititems(note)
    return tuple(found)


def _axes(dataset: Any) -> str:
    """Return the axes that a dataset names, in one of the ways that programs have; guessed where it does not."""
    for letters in (_labels(dataset), _tags(dataset), text_of(dataset.attrs.get("axes")), _order(dataset)):
        axes = letters.upper()
        if len(axes) == dataset.ndim and axes.isalpha() and len(set(axes)) == len(axes) and {"Y", "X"} <= set(axes):
            return axes
    return guess_axes(dataset.shape) if dataset.ndim in (2, 3) else ""


def _order(dataset: Any) -> str:
    return text_of(dataset.attrs.get("axis_order") or dataset.attrs.get("dimension_order"))


def _labels(dataset: Any) -> str:
    """Return the axes by HDF5's own labels of dimensions."""
    labels = [str(dimension.label).strip().upper() for dimension in dataset.dims]
    return "".join(_NAMES.get(label, label[:1]) for label in labels) if all(labels) else ""


def _tags(dataset: Any) -> str:
    """Return the axes by the tags that ilastik writes."""
    try:
        tags = json.loads(text_of(dataset.attrs.get("axistags")))["axes"]
        return "".join(str(tag["key"]) for tag in tags)
    except (KeyError, TypeError, ValueError):
        return ""


def _steps(dataset: Any, axes: str) -> dict[str, float]:
    """Return micrometres per pixel, as Fiji's HDF5 plugin and PlantSeg write them: Z, Y and X."""
    sizes = np.ravel(dataset.attrs.get("element_size_um", ()))
    space = "ZYX"[3 - len(sizes) :] if len(sizes) in (2, 3) else ""
    found = {letter: micrometres(size, "um") for letter, size in zip(space, sizes, strict=False)}
    return {letter: step for letter, step in found.items() if step is not None and letter in axes}


def _open(path: Path, name: str) -> Opened:
    with ExitStack() as files:
        dataset = open_h5(path, files)[name]
        pixels = Blocks(partial(read_box, {(): dataset}, dataset.dtype), (), dataset.shape, dataset.dtype)
        return Opened(pixels, files.pop_all().close)


FORMAT = Format(name="HDF5", suffixes=(".ims", ".h5", ".hdf5", ".hdf", ".he5"), read=read, begins=is_hdf5)
