"""Named axes: conversion between the axis order of a file and frames of shape (C, Y, X) or (C, Z, Y, X).

The order of the axes in a file is given by letters, for example ``"TCZYX"``. Everything after the readers works on
*frames* with a fixed order of axes: an image is ``num_frames`` arrays of shape ``(C, *S)``, with S = (Y, X) or
(Z, Y, X). This is the only module that transposes arrays.

C stands for channels and S for the samples of an RGB picture. Both count as channels; if a file has both, C is the
outer one. Z, or T where that is asked for, is a spatial axis when denoising in 3-D, and counts frames otherwise. Every
other letter (P, Q, I, R, ...) counts frames. T and Z have an order: frames that follow each other along one of them are
neighbours, and a model may see them together (`Context`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, Literal, TypeAlias

import numpy as np

from quietscope.errors import AxesError, SizeError
from quietscope.wording import typed

Ordered: TypeAlias = Literal["T", "Z"]
"""An axis along which frames follow each other in time or space; along any other they may be in no order."""
ORDERED: tuple[Ordered, ...] = ("T", "Z")

MOST_NEIGHBOURS = 8
"""Frames on each side beyond which nothing is gained and memory is lost."""

_CHANNEL_LETTERS = "CS"
_COMMON = {2: "YX", 3: "TYX", 4: "TCYX", 5: "TCZYX", 6: "PTCZYX"}


def check_axes(axes: str, shape: Sequence[int]) -> str:
    """Check that axes fit a shape, and return them in capitals.

    Args:
        axes: One letter per dimension, upper or lower case.
        shape: Shape of the array.

    Returns:
        The same letters in capitals.

    Raises:
        AxesError: If there is not one letter per dimension, a letter occurs twice or is not A to Z, Y or X is missing,
            or an axis has length zero.
    """
    axes = axes.upper()
    fix = f"pass one letter per dimension, e.g. `{typed(axes=_COMMON.get(len(shape), 'TCYX'))}`"
    sizes = " x ".join(map(str, shape)) or "a single number"
    if not (axes.isalpha() and axes.isascii()):
        raise AxesError("axes given by the letters A to Z", repr(axes), fix)
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
    """Return the likely axes of an array whose axes are not named.

    Args:
        shape: Shape of the array; two or three dimensions.

    Returns:
        ``"YX"`` for two dimensions. For three, ``"YXS"`` if the last is 3 or 4 (RGB), else ``"QYX"``, a stack of
        frames.

    Raises:
        AxesError: If there are fewer than two dimensions, or more than three, which could mean anything.
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
        "a name for every axis", f"an array of {sizes} that does not name them", f"pass e.g. `{typed(axes=example)}`"
    )


def reorder(array: Any, axes: str, wanted: str) -> np.ndarray:
    """Return a view of an array with its axes in another order.

    Args:
        array: The array, one dimension per letter of `axes`.
        axes: Its axes in their present order.
        wanted: The same letters in the wanted order.

    Returns:
        The transposed view; if `array` is a NumPy array, writing into the view writes into it.
    """
    assert sorted(axes) == sorted(wanted), (axes, wanted)
    return np.transpose(np.asanyarray(array), [axes.index(letter) for letter in wanted])


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a model sees of an image beside the planes themselves.

    Attributes:
        depth: The axis that is the depth of volumes, in 3-D.
        neighbours: How many frames it sees on each side of every frame.
        axis: The axis along which these lie; None where there are none.
    """

    depth: Ordered = "Z"
    neighbours: int = 0
    axis: Ordered | None = None

    def __post_init__(self) -> None:
        """Refuse what no model sees.

        Raises:
            ValueError: If there are neighbours along no axis, too many, or an axis without neighbours.
        """
        if not 0 <= self.neighbours <= MOST_NEIGHBOURS or (self.axis is None) != (self.neighbours == 0):
            raise ValueError(f"{self.neighbours} neighbours along axis {self.axis}")

    @property
    def width(self) -> int:
        """Number of frames that the model sees at once."""
        return 2 * self.neighbours + 1

    def check(self, axes: str, shape: Sequence[int]) -> None:
        """Refuse an image whose frames have no neighbours.

        A copy of the frame itself would not do: its noise is no other, and a blind spot would see itself.

        Args:
            axes: One capital letter per dimension.
            shape: Shape of the image.

        Raises:
            AxesError: If the image lacks the axis along which a model sees neighbours.
            SizeError: If there is one frame along it.
        """
        if self.axis is None:
            return
        size = dict(zip(axes, shape, strict=True)).get(self.axis)
        if size is None:
            raise AxesError(
                f"an axis {self.axis}, along which the model sees {self.neighbours} more on each side",
                f"axes {axes!r}",
                _how_to_name(self.axis, axes, "take a model that sees frames one by one"),
            )
        if size < 2:
            raise SizeError(
                f"at least 2 along {self.axis} for a model that sees neighbours there",
                f"{size}",
                "take a model that sees frames one by one",
            )


NO_CONTEXT = Context()


@dataclass(frozen=True)
class Layout:
    """How the dimensions of one array map to frames, channels and space.

    Attributes:
        axes: One capital letter per dimension of the array.
        shape: Shape of the array.
        spatial_dims: 2 for frames of (C, Y, X), 3 for frames of (C, Z, Y, X).
        context: What a model sees beside a frame.
    """

    axes: str
    shape: tuple[int, ...]
    spatial_dims: int = 2
    context: Context = NO_CONTEXT

    @classmethod
    def of(cls, axes: str, shape: Sequence[int], spatial_dims: int = 2, context: Context = NO_CONTEXT) -> "Layout":
        """Build the layout of an array.

        Args:
            axes: One letter per dimension, upper or lower case.
            shape: Shape of the array.
            spatial_dims: 2 or 3.
            context: What a model sees beside a frame.

        Returns:
            The layout.

        Raises:
            AxesError: If the axes do not fit the shape, or `spatial_dims` is 3 and there is no axis for the depth.
        """
        assert spatial_dims in (2, 3), spatial_dims
        axes, depth = check_axes(axes, shape), context.depth
        if spatial_dims == 3 and depth not in axes:
            fix = _how_to_name(depth, axes, f"pass a volume, or train with `{typed(dims=2)}`")
            if depth == "Z" and "T" in axes:
                fix += f", or, for time as the depth, `{typed(depth_axis='T')}`"
            raise AxesError(f"a {depth} axis for 3-D", f"axes {axes!r}", fix)
        return cls(axes, tuple(int(size) for size in shape), spatial_dims, context)

    @cached_property
    def _sizes(self) -> dict[str, int]:
        return dict(zip(self.axes, self.shape, strict=True))

    @cached_property
    def _spatial(self) -> str:
        return "YX" if self.spatial_dims == 2 else self.context.depth + "YX"

    @cached_property
    def _channels(self) -> str:
        return "".join(letter for letter in _CHANNEL_LETTERS if letter in self.axes)

    @cached_property
    def frame_axes(self) -> str:
        """Letters of the axes that count frames, in file order; the last one varies fastest."""
        return "".join(letter for letter in self.axes if letter not in self._spatial + _CHANNEL_LETTERS)

    @property
    def num_frames(self) -> int:
        """Number of frames in the array."""
        return prod(self._sizes[letter] for letter in self.frame_axes)

    @property
    def num_channels(self) -> int:
        """Number of channels of a frame; 1 if the array has no channel axis."""
        return prod(self._sizes[letter] for letter in self._channels)

    @property
    def spatial_axes(self) -> str:
        """Letters of the axes of a frame, "YX" or "ZYX"."""
        return self._spatial

    @property
    def spatial_shape(self) -> tuple[int, ...]:
        """Size of a frame, (Y, X) or (Z, Y, X)."""
        return tuple(self._sizes[letter] for letter in self._spatial)

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """Shape of a frame, (C, *S)."""
        return (self.num_channels, *self.spatial_shape)

    def take(self, array: Any, n: int) -> np.ndarray:
        """Read one frame, and nothing else.

        Args:
            array: Array of this layout's shape that can be indexed (NumPy, Zarr, Dask, a lazy reader).
            n: Frame number, 0 to num_frames - 1.

        Returns:
            The frame, shape (C, *S); it may share memory with a NumPy `array`.
        """
        return self.region(array, n, tuple(slice(0, size) for size in self.spatial_shape))

    def region(self, array: Any, n: int, slices: Sequence[slice]) -> np.ndarray:
        """Read a box of one frame, and nothing else.

        Args:
            array: Array of this layout's shape that can be indexed.
            n: Frame number.
            slices: One slice per spatial dimension, in the order of `spatial_shape`.

        Returns:
            The box, shape (C, *box).
        """
        block = np.asarray(array[self._key(n, slices)])
        kept = "".join(letter for letter in self.axes if letter not in self.frame_axes)
        canonical = reorder(block, kept, self._channels + self._spatial)
        return canonical.reshape(self.num_channels, *canonical.shape[len(self._channels) :])

    def window(self, n: int) -> tuple[int, ...]:
        """Return the numbers of the frames that a model sees along with a frame, in the order of their axis.

        Beyond an end of the axis, the frame as far away on the other side stands in, or else the one at the end; never
        the frame itself, whose noise must not be seen twice.

        Args:
            n: Frame number.

        Returns:
            As many numbers as `Context.width`; n is the middle one.
        """
        axis, reach = self.context.axis, self.context.neighbours
        if axis is None:
            return (n,)
        sizes = [self._sizes[letter] for letter in self.frame_axes]
        place, counted = list(map(int, np.unravel_index(n, sizes))), self.frame_axes.index(axis)
        here, numbers = place[counted], []
        for offset in range(-reach, reach + 1):
            place[counted] = _neighbour(here, offset, sizes[counted])
            numbers.append(int(np.ravel_multi_index(place, sizes)))
        return tuple(numbers)

    def surrounded(self, array: Any, n: int, slices: Sequence[slice]) -> np.ndarray:
        """Read a box of one frame and of those that a model sees along with it.

        Args:
            array: Array of this layout's shape that can be indexed.
            n: Frame number.
            slices: One slice per spatial dimension, in the order of `spatial_shape`.

        Returns:
            The boxes of `window`, one after the other in the channels, (W C, *box); `region` itself without neighbours.
        """
        boxes = [self.region(array, number, slices) for number in self.window(n)]
        return boxes[0] if len(boxes) == 1 else np.concatenate(boxes)

    def put(self, array: Any, n: int, frame: np.ndarray) -> None:
        """Write one frame; the inverse of `take`.

        Args:
            array: Array of this layout's shape that can be written to by index.
            n: Frame number.
            frame: The frame, shape (C, *S).
        """
        self.put_region(array, n, tuple(slice(0, size) for size in self.spatial_shape), frame)

    def put_region(self, array: Any, n: int, slices: Sequence[slice], frame: np.ndarray) -> None:
        """Write a box of one frame; the inverse of `region`.

        Args:
            array: Array of this layout's shape that can be written to by index.
            n: Frame number.
            slices: One slice per spatial dimension, in the order of `spatial_shape`.
            frame: The box, shape (C, *box).
        """
        array[self._key(n, slices)] = self.file_order(frame)

    def file_order(self, frame: np.ndarray) -> np.ndarray:
        """Rearrange a frame, or a box of it, to the axis order of the file.

        Args:
            frame: The frame, shape (C, *S), or a box of it.

        Returns:
            The same values with the axes of the file, without those that count frames.
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
        # All channels are read, by a slice with both ends: some array types do not accept slice(None).
        return tuple(at.get(letter, slice(0, self._sizes[letter])) for letter in self.axes)


def _neighbour(here: int, offset: int, length: int) -> int:
    """Return what lies at an offset from a place on an axis of at least 2, see `Layout.window`."""
    inside = [place for place in (here + offset, here - offset) if 0 <= place < length]
    at_the_ends = [min(max(place, 0), length - 1) for place in (here + offset, here - offset)]
    return next(place for place in (*inside, *at_the_ends) if offset == 0 or place != here)


def _how_to_name(wanted: str, axes: str, otherwise: str) -> str:
    """Return what to type where an axis is missing: the first that counts frames may be it."""
    first = next((letter for letter in axes if letter not in "CSYX"), "")
    return f"name it, e.g. `{typed(axes=axes.replace(first, wanted))}`" if first else otherwise
