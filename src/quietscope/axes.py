"""Named axes: from any file order to frames of (C, Y, X) or (C, Z, Y, X), and back.

A file holds its pixels in an order spelled by letters, ``"TCZYX"`` say. Everything behind the readers works on
*frames* in one canonical order, so an image is ``num_frames`` arrays of shape ``(C, *S)`` with S = (Y, X) or
(Z, Y, X). This is the only module that transposes.

C is channels and S the samples of an RGB picture; both count as channels, C outermost where a file has both.
Z is space when denoising in 3-D and a frame axis otherwise. Every other letter (T, P, Q, I, R, ...) is a frame axis.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from quietscope.errors import AxesError

_CHANNEL_LETTERS = "CS"
_COMMON = {2: "YX", 3: "TYX", 4: "TCYX", 5: "TCZYX", 6: "PTCZYX"}


def check_axes(axes: str, shape: Sequence[int]) -> str:
    """Return the axes in capitals, once they are known to fit the shape.

    Args:
        axes: One letter per dimension, in any case.
        shape: The array's shape.

    Returns:
        The same letters in capitals.

    Raises:
        AxesError: If the number of letters, a letter, or the shape is wrong, or Y or X is missing.
    """
    axes = axes.upper()
    fix = f"pass one letter per dimension, e.g. `--axes {_COMMON.get(len(shape), 'TCYX')}`"
    sizes = " x ".join(map(str, shape)) or "a single number"
    if not (axes.isalpha() and axes.isascii()):
        raise AxesError("axes spelled with the letters A to Z", repr(axes), fix)
    if len(set(axes)) != len(axes):
        raise AxesError("axes that each occur once", f"{axes!r} for an array of {sizes}", fix)
    if len(axes) != len(shape):
        raise AxesError(f"{len(shape)} axes for an array of {sizes}", f"{len(axes)} ({axes!r})", fix)
    if not {"Y", "X"} <= set(axes):
        raise AxesError("axes with Y and X among them", f"{axes!r} for an array of {sizes}", fix)
    if 0 in shape:
        raise AxesError("at least one pixel along every axis", f"{sizes} ({axes!r})", "check how the file was written")
    return axes


def guess_axes(shape: Sequence[int]) -> str:
    """Return the likely axes of an array that does not name them.

    Args:
        shape: The array's shape; two or three dimensions.

    Returns:
        ``"YX"``; ``"YXS"`` where the last of three dimensions is 3 or 4 (RGB); else ``"QYX"``, a stack of frames.

    Raises:
        AxesError: If the shape has fewer than two dimensions, or so many that a guess would be a gamble.
    """
    sizes = " x ".join(map(str, shape)) or "a single number"
    if len(shape) == 2:
        return check_axes("YX", shape)
    if len(shape) == 3:
        return check_axes("YXS" if shape[-1] in (3, 4) else "QYX", shape)
    if len(shape) < 2:
        raise AxesError("an image of two or more dimensions", f"an array of {sizes}", "reshape it to (Y, X)")
    example = _COMMON.get(len(shape), "TCYX")
    raise AxesError(
        "axes for every dimension", f"an array of {sizes} that does not name them", f"pass e.g. `--axes {example}`"
    )


def reorder(array: Any, axes: str, wanted: str) -> np.ndarray:
    """Return a view of an array with its axes in another order.

    Args:
        array: The array, one dimension per letter of `axes`.
        axes: Its present order.
        wanted: The same letters in the wanted order.

    Returns:
        The transposed view: writing into it writes into `array` where that is a NumPy array.
    """
    assert sorted(axes) == sorted(wanted), (axes, wanted)
    return np.transpose(np.asanyarray(array), [axes.index(letter) for letter in wanted])


@dataclass(frozen=True)
class Layout:
    """How the dimensions of one array map to frames, channels and space.

    Attributes:
        axes: One capital letter per dimension of the array.
        shape: The array's shape.
        spatial_dims: 2 for frames of (C, Y, X), 3 for frames of (C, Z, Y, X).
    """

    axes: str
    shape: tuple[int, ...]
    spatial_dims: int = 2

    @classmethod
    def of(cls, axes: str, shape: Sequence[int], spatial_dims: int = 2) -> "Layout":
        """Build the layout of an array.

        Args:
            axes: One letter per dimension, in any case.
            shape: The array's shape.
            spatial_dims: 2 or 3.

        Returns:
            The layout.

        Raises:
            AxesError: If the axes do not fit the shape, or 3-D frames are asked of an array without Z.
        """
        assert spatial_dims in (2, 3), spatial_dims
        axes = check_axes(axes, shape)
        if spatial_dims == 3 and "Z" not in axes:
            guess = "".join(
                "Z" if letter not in "CSYX" and letter == _first_frame_letter(axes) else letter for letter in axes
            )
            fix = f"name the depth axis, e.g. `--axes {guess}`" if "Z" in guess else "denoise it in 2-D with `--dims 2`"
            raise AxesError("a Z axis for 3-D", f"axes {axes!r}", fix)
        return cls(axes, tuple(int(size) for size in shape), spatial_dims)

    @cached_property
    def _sizes(self) -> dict[str, int]:
        return dict(zip(self.axes, self.shape, strict=True))

    @cached_property
    def _spatial(self) -> str:
        return "ZYX"[-self.spatial_dims :]

    @cached_property
    def _channels(self) -> str:
        return "".join(letter for letter in _CHANNEL_LETTERS if letter in self.axes)

    @cached_property
    def frame_axes(self) -> str:
        """The letters that count frames, in file order; the last one counts fastest."""
        return "".join(letter for letter in self.axes if letter not in self._spatial + _CHANNEL_LETTERS)

    @property
    def num_frames(self) -> int:
        """How many frames the array holds."""
        return prod(self._sizes[letter] for letter in self.frame_axes)

    @property
    def num_channels(self) -> int:
        """How many channels a frame has; 1 where the array has no channel axis."""
        return prod(self._sizes[letter] for letter in self._channels)

    @property
    def spatial_shape(self) -> tuple[int, ...]:
        """(Y, X) or (Z, Y, X)."""
        return tuple(self._sizes[letter] for letter in self._spatial)

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """(C, *S)."""
        return (self.num_channels, *self.spatial_shape)

    def take(self, array: Any, n: int) -> np.ndarray:
        """Read one frame, and only that frame.

        Args:
            array: Any array-like of this layout's shape with ``__getitem__`` (NumPy, Zarr, Dask, a lazy reader).
            n: Frame number, 0 to num_frames - 1.

        Returns:
            The frame, (C, *S); it may share memory with a NumPy `array`.
        """
        return self.region(array, n, tuple(slice(0, size) for size in self.spatial_shape))

    def region(self, array: Any, n: int, slices: Sequence[slice]) -> np.ndarray:
        """Read a box of one frame, and only that box.

        Args:
            array: Any array-like of this layout's shape with ``__getitem__``.
            n: Frame number.
            slices: One slice per spatial dimension, in the order of `spatial_shape`.

        Returns:
            The box, (C, *box).
        """
        block = np.asarray(array[self._key(n, slices)])
        kept = "".join(letter for letter in self.axes if letter not in self.frame_axes)
        canonical = reorder(block, kept, self._channels + self._spatial)
        return canonical.reshape(self.num_channels, *canonical.shape[len(self._channels) :])

    def put(self, array: Any, n: int, frame: np.ndarray) -> None:
        """Write one frame: the inverse of `take`.

        Args:
            array: Any array-like of this layout's shape with ``__setitem__``.
            n: Frame number.
            frame: The frame, (C, *S).
        """
        self.put_region(array, n, tuple(slice(0, size) for size in self.spatial_shape), frame)

    def put_region(self, array: Any, n: int, slices: Sequence[slice], frame: np.ndarray) -> None:
        """Write a box of one frame: the inverse of `region`.

        Args:
            array: Any array-like of this layout's shape with ``__setitem__``.
            n: Frame number.
            slices: One slice per spatial dimension, in the order of `spatial_shape`.
            frame: The box, (C, *box).
        """
        array[self._key(n, slices)] = self.file_order(frame)

    def file_order(self, frame: np.ndarray) -> np.ndarray:
        """Put a frame, or a box of one, back into file order.

        Args:
            frame: The frame, (C, *S), or a box of it.

        Returns:
            The same values with the dimensions of the file less its frame axes.
        """
        assert frame.ndim == 1 + self.spatial_dims, frame.shape
        assert frame.shape[0] == self.num_channels, (frame.shape, self)
        split = frame.reshape(*(self._sizes[letter] for letter in self._channels), *frame.shape[1:])
        kept = "".join(letter for letter in self.axes if letter not in self.frame_axes)
        return reorder(split, self._channels + self._spatial, kept)

    def _key(self, n: int, slices: Sequence[slice]) -> tuple[int | slice, ...]:
        assert 0 <= n < self.num_frames, (n, self)
        assert len(slices) == self.spatial_dims, slices
        counters = (
            np.unravel_index(n, tuple(self._sizes[letter] for letter in self.frame_axes)) if self.frame_axes else ()
        )
        at: dict[str, int | slice] = dict(zip(self.frame_axes, map(int, counters), strict=True))
        at |= dict(zip(self._spatial, slices, strict=True))
        # Channels are read whole, and as a slice of known length: some array-likes refuse a bare slice(None).
        return tuple(at.get(letter, slice(0, self._sizes[letter])) for letter in self.axes)


def _first_frame_letter(axes: str) -> str:
    """Return the first letter that counts frames, or nothing where there is none."""
    return next((letter for letter in axes if letter not in "CSYX"), "")
