"""Images that try a file format: every data type, many orders of axes, axes of length 1."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from quietscope.axes import Layout, reorder
from quietscope.io.format import WriteRequest
from quietscope.io.image import Image

DTYPES = (
    "bool",
    "uint8",
    "int8",
    "uint16",
    "int16",
    "uint32",
    "int32",
    "uint64",
    "int64",
    "float16",
    "float32",
    "float64",
)
AXES = ("YX", "XY", "TYX", "QYX", "ZYX", "CYX", "YXC", "TZCYX", "TCZYX", "CZYX", "YXS", "TYXS", "PTYX", "CXYZ")
"""Orders of axes in common use, and some that are not."""

_SIZES = {"T": 3, "C": 2, "Z": 4, "Y": 17, "X": 23, "S": 3, "P": 2, "Q": 5}
_LENGTHS = (1, 2, 3)


@dataclass(frozen=True)
class Example:
    """What an image is like: axes, a length for each, a data type."""

    axes: str
    shape: tuple[int, ...]
    dtype: str

    def array(self) -> npt.NDArray[Any]:
        """Make an array in which every pixel matters.

        Returns:
            The array; its values depend on the position, and use both ends of the data type's range. Floating-point
            numbers have fractions, and infinity and NaN among them.
        """
        kind = np.dtype(self.dtype)
        values = np.arange(np.prod(self.shape), dtype=np.int64) * 7919 % 251
        array = (values > 125 if kind.kind == "b" else values % 127).astype(kind)
        if kind.kind in "iu":
            array[0], array[-1] = np.iinfo(kind).min, np.iinfo(kind).max
        elif kind.kind == "f":
            array = (array / kind.type(4)).astype(kind)
            array[0], array[1:3] = -1.5, (np.inf, np.nan)[: len(array) - 1]
        return array.reshape(self.shape)

    def request(self, path: Path) -> WriteRequest:
        """Return what a format is asked to write."""
        return WriteRequest(
            path=path,
            shape=self.shape,
            dtype=np.dtype(self.dtype),
            axes=self.axes,
            pixel_size_um={},
            channel_names=(),
            frame_interval_s=None,
        )


def example_of(axes: str, dtype: npt.DTypeLike) -> Example:
    """Return an example whose axes have lengths of their own, so that none can be taken for another.

    Args:
        axes: Letters among T, C, Z, Y, X, S, P and Q.
        dtype: Data type.
    """
    return Example(axes, tuple(_SIZES[letter] for letter in axes), np.dtype(dtype).name)


def example(axes: str, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Make the array of `example_of`."""
    return example_of(axes, dtype).array()


THIN = (
    Example("YX", (1, 1), "uint16"),
    Example("YX", (5, 1), "uint16"),
    Example("XY", (1, 3), "uint8"),
    Example("YX", (1, 5), "uint8"),
    Example("TYX", (3, 4, 1), "uint16"),
    Example("ZCYX", (2, 3, 1, 4), "float32"),
    Example("TZCYX", (2, 1, 2, 2, 1), "bool"),
)
"""Images one pixel wide or high, which formats are not used to."""


@st.composite
def examples(draw: st.DrawFn) -> Example:
    """Draw examples of two to five axes in any order, with lengths from 1; S, the samples of RGB, has 3 or 4."""
    others = draw(st.lists(st.sampled_from("TCZSPQ"), max_size=3, unique=True))
    axes = "".join(draw(st.permutations(["Y", "X", *others])))
    shape = tuple(draw(st.sampled_from((3, 4) if letter == "S" else _LENGTHS)) for letter in axes)
    return Example(axes, shape, draw(st.sampled_from(DTYPES)))


def check_same(image: Image, wanted: Example) -> None:
    """Check that an image is the example that was written.

    A format may prescribe the order of axes, may have no truth values of its own, and may leave out axes of length 1.

    Args:
        image: What was read.
        wanted: What was written.

    Raises:
        AssertionError: If axes, pixels or data type are others.
    """
    array = wanted.array()
    lengths = dict(zip(wanted.axes, wanted.shape, strict=True))
    kept = [letter for letter in wanted.axes if letter in image.axes]
    assert sorted(image.axes) == sorted(kept), image.axes
    assert all(lengths[letter] == 1 and letter not in "YX" for letter in set(wanted.axes) - set(kept)), image.axes
    back = reorder(np.asarray(image), image.axes, "".join(kept)).reshape(array.shape)
    np.testing.assert_array_equal(back, array)
    assert back.dtype == array.dtype or array.dtype == bool
    assert back.dtype.isnative
    assert image.layout().frame_shape == Layout.of(wanted.axes, wanted.shape).frame_shape
