"""Olympus VSI of cellSens, read with bioio-vsi: its pixels lie in .ets files, in a folder beside it."""

import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.errors import ImageFileError
from quietscope.io.declared_size import check_declared
from quietscope.io.details import Details, valid_name, valid_wavelengths
from quietscope.io.first_bytes import is_tiff
from quietscope.io.format import Format
from quietscope.io.image import Image, LazyArray, Opened, check_series
from quietscope.io.units import micrometres, seconds
from quietscope.io.vendors.block_array import Blocks, Box
from quietscope.optional import imported
from quietscope.outside.regular_file import check_regular


def read(path: Path, series: int) -> Image:
    """Open a VSI file of one image.

    Args:
        path: The file.
        series: Index of the image; must be 0.

    Returns:
        The image with lazy pixels; axes of length 1 are left out.

    Raises:
        ImageFileError: If its folder is not there, or it holds several images, which the library does not read.
    """
    check_series(path, series)
    vsi = imported("bioio_vsi", ImageFileError, "vsi")
    folder = path.with_name(f"_{path.stem}_")
    if not folder.is_dir():
        raise ImageFileError(f"the folder {folder}, which has the pixels of {path.name}", "none", "copy it beside it")
    for each in folder.rglob("*.ets"):
        check_regular(each, ImageFileError, f"the pixels of {path}")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        image = vsi.open_vsi(str(path))
    counts = dict(zip("TCZ", map(int, image.shape_tcz), strict=True))
    height, width = map(int, image.level_shape(0)[-2:])
    axes = "".join(letter for letter, size in counts.items() if size > 1)
    colour = image.read_region(0, 0, 1, 1).shape[2:]
    block = (height, width, *colour)
    shape, dtype = (*(counts[letter] for letter in axes), *block), np.dtype(image.dtype)
    check_declared(path, shape, dtype)
    size = image.pixel_size_um
    steps = {"X": getattr(size, "x", None), "Y": getattr(size, "y", None)}
    steps |= {"Z": abs(image.z_step_um)} if "Z" in axes and image.z_step_um else {}
    found = {letter: micrometres(step, "um") for letter, step in steps.items()}
    names = tuple(str(name or "") for name in image.channel_names)
    return Image(
        LazyArray(partial(_open, path, axes, shape, block), shape, dtype, path),
        f"{axes}YX{'S' if colour else ''}",
        pixel_size_um={letter: step for letter, step in found.items() if step is not None},
        channel_names=names if any(names) else (),
        path=path,
        frame_interval_s=_interval(image.plane_times_ms) if "T" in axes else None,
        caveats=tuple(" ".join(str(each.message).split())[:200] for each in said),
        details=Details(
            name=valid_name(image.image_name),
            emission_nm=valid_wavelengths((wave, "nm") for wave in image.emission_wavelengths_nm),
        ),
    )


def _interval(times_ms: Any) -> float | None:
    """Return the mean time from one frame to the next, of the times of all planes, (T, C, Z)."""
    if times_ms is None or len(times_ms) < 2:
        return None
    first, last = (float(np.asarray(times_ms)[at].flat[0]) for at in (0, -1))
    return seconds((last - first) / (len(times_ms) - 1), "ms")


def _open(path: Path, axes: str, shape: Sequence[int], block: Sequence[int]) -> Opened:
    with warnings.catch_warnings(action="ignore"):  # they were told when it was opened first
        image = imported("bioio_vsi", ImageFileError, "vsi").open_vsi(str(path))
    return Opened(Blocks(partial(_read, image, axes), shape[: len(axes)], block, image.dtype))


def _read(image: Any, axes: str, place: tuple[int, ...], box: Box) -> npt.NDArray[Any]:
    rows, columns = box[:2]
    at = {letter.lower(): number for letter, number in zip(axes, place, strict=True)}
    size = (rows.stop - rows.start, columns.stop - columns.start)
    pixels: npt.NDArray[Any] = image.read_region(rows.start, columns.start, *size, **at)
    return pixels[..., box[2]] if len(box) == 3 else pixels


FORMAT = Format(name="VSI", suffixes=(".vsi",), read=read, begins=is_tiff)
