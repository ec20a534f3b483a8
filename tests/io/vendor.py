"""What the tests of vendor formats share."""

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.errors import ImageFileError, QuietScopeError
from quietscope.io import Image, read_image


def opened(path: Path, series: int = 0) -> Image:
    """Open a file without what is told of it."""
    with warnings.catch_warnings(action="ignore"):
        return read_image(path, series=series)


def check_pixels_of(image: Image, expected: npt.NDArray[Any]) -> None:
    """Pixels are equal as a whole, in parts, and in another process, to which the image is pickled."""
    assert image.shape == expected.shape
    assert image.dtype == expected.dtype
    np.testing.assert_array_equal(np.asarray(image.data[...]), expected)
    sides: tuple[Any, ...] = tuple(slice(1, None, 2) if size > 3 else slice(None) for size in expected.shape)
    for key in (sides, (-1,), (..., slice(None, None, 3)), (0,) * expected.ndim, (slice(0, 0),)):
        np.testing.assert_array_equal(image.data[key], expected[key])
    again = pickle.loads(pickle.dumps(image))
    np.testing.assert_array_equal(np.asarray(again.data[-1]), expected[-1])


def check_cut_off(path: Path, series: int = 0) -> None:
    """Wherever a file was cut off, that is one line, unless nothing of its pixels was lost."""
    whole, complete = path.read_bytes(), np.asarray(opened(path, series).data[...])
    for share in (0.01, 0.1, 0.5, 0.9, 0.99):
        path.write_bytes(whole[: int(len(whole) * share)])
        refusal = _refusal(path, series)
        if refusal is None:  # only what comes after the pixels was lost
            assert share > 0.5
            np.testing.assert_array_equal(np.asarray(opened(path, series).data[...]), complete)
        else:
            assert isinstance(refusal, ImageFileError)
            assert "\n" not in str(refusal)
    path.write_bytes(whole)


def _refusal(path: Path, series: int) -> QuietScopeError | None:
    try:
        np.asarray(opened(path, series).data[...])
    except QuietScopeError as error:
        return error
    return None
