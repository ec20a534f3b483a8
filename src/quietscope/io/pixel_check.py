"""Checks that pixels can be trained on: finite, not all equal; and the share of saturated ones."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from quietscope.errors import PixelError
from quietscope.wording import typed

# A camera of k bits saturates at 2^k - 1, even if the file stores wider integers.
_SENSOR_TOPS = tuple(2**bits - 1 for bits in (8, 10, 12, 14, 16))
_OBVIOUS_SHARE = 0.0005
_FEWEST_STEPS = 256


def check_pixels(frame: np.ndarray, name: str = "the image") -> None:
    """Refuse pixels that cannot be trained on: `check_finite`, then `check_varied`.

    Args:
        frame: Pixel values, any shape.
        name: Name of the frame in the message.

    Raises:
        PixelError: If a value is NaN or infinite, or all values are equal.
    """
    check_finite(frame, name)
    check_varied(float(frame.min()), float(frame.max()), name)


def check_finite(frame: np.ndarray, name: str = "the image") -> None:
    """Refuse a frame with a value that is NaN, infinite, or beyond what float32 can hold, in which networks compute.

    Args:
        frame: Pixel values, any shape.
        name: Name of the frame in the message.

    Raises:
        PixelError: If a value is NaN, infinite, or beyond float32.
    """
    if frame.dtype.kind != "f":
        return
    finite = np.isfinite(frame)
    _check_float32(frame, finite, name)
    count = int(frame.size - np.count_nonzero(finite))
    if count:
        first = tuple(int(at) for at in np.unravel_index(int(np.argmin(finite)), frame.shape))
        what = "NaN" if np.isnan(frame[first]) else "infinite"
        raise PixelError(
            f"finite pixel values in {name}",
            f"{count} that are not, the first ({what}) at {first}",
            "replace them, e.g. with `numpy.nan_to_num`, or say that they stand for no measurement: "
            f"`{typed(mask='nan')}`",
        )


def _check_float32(frame: np.ndarray, finite: np.ndarray, name: str) -> None:
    if frame.dtype.itemsize <= np.dtype(np.float32).itemsize:
        return
    count = int(np.count_nonzero(finite & (np.abs(frame) > np.finfo(np.float32).max)))
    if count:
        raise PixelError(
            f"pixel values up to {np.finfo(np.float32).max:.1e}, the largest of float32, in {name}",
            f"{count} beyond",
            "divide the image by a constant and save it again",
        )


def check_result(values: np.ndarray, what: str, frame: int) -> None:
    """Refuse a part of a result with a value that is NaN or infinite, so that none is written as if it were one.

    Args:
        values: What a model made, any shape, intensity units.
        what: Kind of result, for the message, e.g. "mean".
        frame: Number of its frame, for the message.

    Raises:
        PixelError: If a value is NaN or infinite.
    """
    count = int(values.size - np.count_nonzero(np.isfinite(values)))
    if count:
        raise PixelError(
            f"finite pixel values in the result ({what}, frame {frame})",
            f"{count} of {values.size} in one tile that are NaN or infinite",
            "check that the image is like those that the model was trained on, or train the model again",
        )


def check_resolved(low: float, high: float, dtype: Any, name: str) -> None:
    """Refuse pixels whose differences are lost in float32, such as small ones on an offset of 1e12.

    Args:
        low: Smallest pixel value.
        high: Largest pixel value.
        dtype: Data type of the file; one that float32 holds exactly loses nothing.
        name: Name of the pixels in the message.

    Raises:
        PixelError: If float32 has fewer than 256 numbers between them.
    """
    step = float(np.spacing(np.float32(max(abs(low), abs(high)))))
    if not np.can_cast(dtype, np.float32) and 0.0 < high - low < _FEWEST_STEPS * step:
        raise PixelError(
            f"pixels of which float32 keeps the differences in {name}",
            f"{low:.15g} to {high:.15g}, where float32 has steps of {step:.3g}",
            "subtract their smallest value, e.g. `image - image.min()` in NumPy, and save the image again",
        )


def check_varied(low: float, high: float, name: str = "the image") -> None:
    """Refuse pixels that are all equal.

    Args:
        low: Smallest pixel value.
        high: Largest pixel value.
        name: Name of the pixels in the message.

    Raises:
        PixelError: If both values are equal.
    """
    if low == high:
        raise PixelError(
            f"pixels that differ in {name}",
            f"{low:g} everywhere",
            "check which file, series or axes hold the image",
        )


class CheckedArray:
    """An array whose pixels are checked when they are read, so that a NaN does not spread through a result.

    Args:
        array: Array that NumPy-style indexing reads from.
        name: Name of the array in the message.
    """

    def __init__(self, array: Any, name: str) -> None:
        self._array, self._name = array, name
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim

    def __getitem__(self, key: Any) -> np.ndarray:
        """Read a block.

        Raises:
            PixelError: If a value in it is NaN or infinite.
        """
        block = np.asarray(self._array[key])
        check_finite(block, self._name)
        return block


def saturated_share(frames: Iterable[np.ndarray], dtype: Any) -> float:
    """Return the share of saturated pixels.

    The largest value of the data counts as saturation if it is the largest that the data type can hold, or if it equals
    2^k - 1 for a sensor of k = 8, 10, 12, 14 or 16 bits and is too frequent (over 0.05 %) to be chance.

    Args:
        frames: The pixels, frame by frame, NaN where nothing was measured; iterated over once.
        dtype: Data type of the file, which may be wider than the sensor.

    Returns:
        The share, 0 to 1; always 0 for bool.
    """
    dtype = np.dtype(dtype)
    top, at_top, total = -np.inf, 0, 0
    for frame in frames:
        highest = float(np.fmax.reduce(frame, axis=None))
        if highest > top:
            top, at_top = highest, 0
        if highest == top:
            at_top += int(np.count_nonzero(frame == highest))
        total += frame.size
    if dtype.kind == "b" or not total:
        return 0.0
    share = at_top / total
    if dtype.kind in "iu" and top == float(np.iinfo(dtype).max):
        return share
    return share if top in _SENSOR_TOPS and share > _OBVIOUS_SHARE else 0.0
