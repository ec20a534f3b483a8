"""What the stored numbers of a TIFF file stand for: which of them are pixels, and from where they count."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.io.image import Opened

_ALPHA = (1, 2)  # the tag ExtraSamples: transparency, multiplied into the colours or not
_HALF = 1 << 15


class First:
    """The first entries of an array along one axis, read when they are indexed.

    Args:
        array: Whatever basic indexing reads from.
        axis: The axis.
        count: How many entries.
        ndim: Axes of the array.
    """

    def __init__(self, array: Any, axis: int, count: int, ndim: int) -> None:
        self._array, self._axis, self._count, self._ndim = array, axis, count, ndim

    def __getitem__(self, key: Any) -> Any:
        """Read the pixels selected by integers, slices and ellipses."""
        parts = list(key) if isinstance(key, tuple) else [key]
        if Ellipsis in parts:
            at = parts.index(Ellipsis)
            parts[at : at + 1] = [slice(None)] * (self._ndim - len(parts) + 1)
        parts += [slice(None)] * (self._ndim - len(parts))
        part = parts[self._axis]
        parts[self._axis] = (
            slice(*part.indices(self._count)) if isinstance(part, slice) else range(self._count)[int(part)]
        )
        return self._array[tuple(parts)]


class Signed:
    """Signed 16-bit numbers that are stored 32768 too high, as ImageJ does, which has no such type."""

    def __init__(self, array: Any) -> None:
        self._array = array

    def __getitem__(self, key: Any) -> npt.NDArray[np.int16]:
        """Read the pixels selected by integers, slices and ellipses."""
        return (np.asarray(self._array[key], np.int32) - _HALF).astype(np.int16)


def is_signed(tif: Any, series: Any) -> bool:
    """Tell whether ImageJ has stored signed 16-bit numbers: unsigned ones, with a line from -32768 on as calibration.

    Args:
        tif: An open tifffile.TiffFile.
        series: One of its series.
    """
    known = tif.imagej_metadata or {} if tif.is_imagej else {}
    line = tuple(known.get(name) for name in ("cf", "c0", "c1"))
    return series.dtype == np.uint16 and line == (0, -_HALF, 1)


def is_calibrated(tif: Any) -> bool:
    """Tell whether ImageJ shows other numbers than are stored: a calibration function, such as optical density."""
    return tif.is_imagej and "cf" in (tif.imagej_metadata or {})


def axis_of_alpha(series: Any) -> int | None:
    """Return the axis whose last entry is transparency; None where there is none."""
    extra = tuple(getattr(series.keyframe, "extrasamples", ()) or ())
    axes = series.axes.upper()
    return axes.index("S") if "S" in axes and extra and int(extra[-1]) in _ALPHA else None


def open_first(open_array: Callable[[], Opened], axis: int, count: int, ndim: int) -> Opened:
    """Open an array, and show its first entries along one axis."""
    opened = open_array()
    return replace(opened, array=First(opened.array, axis, count, ndim))


def open_signed(open_array: Callable[[], Opened]) -> Opened:
    """Open an array of numbers that are stored 32768 too high."""
    opened = open_array()
    return replace(opened, array=Signed(opened.array))
