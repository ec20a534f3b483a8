"""Images: what every reader returns, lazy arrays of pixels, and errors of damaged files."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from weakref import finalize

import numpy as np

from quietscope.axes import NO_CONTEXT, Context, Layout
from quietscope.errors import ImageFileError, SeriesError
from quietscope.io.details import NO_DETAILS, Details
from quietscope.wording import typed

_SHOWN = 8  # names of series in a message


class ArrayLike(Protocol):
    """An array that may be stored in a file; indexing reads only the selected pixels."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Size along every axis."""

    @property
    def dtype(self) -> Any:
        """NumPy data type."""

    @property
    def ndim(self) -> int:
        """Number of axes."""

    def __getitem__(self, key: Any, /) -> Any:
        """Read the pixels selected by integers and slices."""


class Sink(Protocol):
    """An array that is written block by block."""

    def __setitem__(self, key: Any, block: Any, /) -> None:
        """Write a block at integers and slices, in the axis order that the array was opened with."""


def _nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Opened:
    """An array inside an open file.

    Attributes:
        array: Array that NumPy-style basic indexing reads from.
        close: Function that closes the file.
        settle: Function that is called after a failed read, to wait for reads that are still running.
    """

    array: Any
    close: Callable[[], None] = _nothing
    settle: Callable[[], None] = _nothing


def whole_key(key: Any, ndim: int) -> tuple[int | slice, ...]:
    """Return a key of basic indexing (integers, slices, one ellipsis) with one entry for each of `ndim` axes."""
    parts = key if isinstance(key, tuple) else (key,)
    at = next((place for place, part in enumerate(parts) if part is Ellipsis), len(parts))
    left, right = parts[:at], parts[at + 1 :]
    whole = (*left, *[slice(None)] * (ndim - len(left) - len(right)), *right)
    return tuple(part if isinstance(part, slice) else int(part) for part in whole)


class LazyArray:
    """Pixels that are read from their file when they are indexed.

    The file is opened at first use, once per process. A copy in another process, made by fork or by pickling, opens the
    file again: if processes shared a file position, each would read wrong data.

    Args:
        open_array: Function that opens the file; defined at module level (or a partial of one) so that it can be
            pickled.
        shape: Shape of the array.
        dtype: Data type; values are returned in the byte order of the machine.
        path: The file, for messages.
    """

    def __init__(self, open_array: Callable[[], Opened], shape: tuple[int, ...], dtype: Any, path: Path) -> None:
        self._open = open_array
        self.shape = tuple(int(size) for size in shape)
        self.dtype = np.dtype(dtype).newbyteorder("=")
        self.path = path
        self._opened = Opened(None)
        self._process = -1

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __getitem__(self, key: Any) -> np.ndarray:
        """Read the pixels selected by integers, slices and ellipses into a new array.

        Raises:
            IndexError: If the index does not fit the shape.
            ImageFileError: If the pixels cannot be read because the file is damaged or missing.
        """
        np.broadcast_to(0, self.shape)[key]  # raises NumPy's own error for a wrong index, before any file is read
        try:
            if self._process != os.getpid():
                self._opened, self._process = self._open(), os.getpid()
                finalize(self, self._opened.close)
            # Always a copy: PyTorch does not accept arrays that are a read-only map of a file.
            return np.array(self._opened.array[key], dtype=self.dtype)
        except ImageFileError:
            self._opened.settle()
            raise
        except Exception as error:  # decoders of damaged files can raise anything
            self._opened.settle()
            raise damaged(self.path, error) from error

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Read all pixels into memory."""
        return np.asarray(self[...], dtype=dtype)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the function that opens the file, not the open file."""
        return LazyArray, (self._open, self.shape, self.dtype, self.path)

    def __repr__(self) -> str:
        return f"LazyArray(shape={self.shape}, dtype={self.dtype}, path={str(self.path)!r})"


@dataclass(frozen=True, eq=False)  # == does not compare pixels
class Image:
    """An image in a file or in memory: its pixels, their axes and physical sizes.

    Attributes:
        data: The pixels; read lazily if the format allows it.
        axes: One letter per dimension of `data`.
        pixel_size_um: Micrometres per pixel for those of X, Y and Z that are known.
        channel_names: One name per channel, or empty if unknown.
        path: The file that the image was read from, if any.
        frame_interval_s: Seconds from one time point to the next, if known.
        num_series: Number of images in the file, of which this is one.
        series_names: Name of each image of the file, or empty if they have none.
        mask: Which pixels were measured, nonzero for yes, of the shape of `data` or of a plane or stack of it; "nan"
            where NaN and infinity stand for no measurement; None where nobody said.
        details: What else the file tells of it.
        caveats: What a person should know of its pixels, one line each.
        context: What a model that looks at the image sees beside each plane of it.
    """

    data: ArrayLike
    axes: str
    pixel_size_um: Mapping[str, float] = field(default_factory=dict)
    channel_names: tuple[str, ...] = ()
    path: Path | None = None
    frame_interval_s: float | None = None
    num_series: int = 1
    series_names: tuple[str, ...] = ()
    mask: Any = None
    details: Details = NO_DETAILS
    caveats: tuple[str, ...] = ()
    context: Context = NO_CONTEXT

    @property
    def shape(self) -> tuple[int, ...]:
        """Size along every axis."""
        return tuple(self.data.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """NumPy data type of the pixels."""
        dtype: np.dtype[Any] = np.dtype(self.data.dtype)
        return dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.data.shape)

    def layout(self, spatial_dims: int = 2) -> Layout:
        """Return how the axes of `data` map to frames, channels and space.

        Args:
            spatial_dims: 2 for planes, 3 for volumes.

        Returns:
            The layout.

        Raises:
            AxesError: If `spatial_dims` is 3 and the image has no axis for the depth.
        """
        return Layout.of(self.axes, self.shape, spatial_dims, self.context)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Read all pixels into memory."""
        return np.asarray(self.data[...], dtype=dtype)


def damaged(path: Path, error: Exception) -> ImageFileError:
    """Build the error for a file that cannot be decoded.

    Args:
        path: The file.
        error: Error raised by the decoder.

    Returns:
        The error; the decoder's message is shortened to one line.
    """
    words = " ".join(f"{type(error).__name__}: {error}".split())[:160]
    fix = "it may be damaged; copy or export it again"
    if isinstance(error, MemoryError):
        fix = "work on a part of it, or, if the file should be smaller than that, copy it again"
    return ImageFileError(f"an image that can be read in {path}", words, fix)


def truncated(path: Path, needed: int | None = None, size: int | None = None) -> ImageFileError:
    """Build the error for a file whose end is missing.

    Args:
        path: The file.
        needed: Number of bytes that the file should have according to its header, if known.
        size: Number of bytes that it has.

    Returns:
        The error.
    """
    expected = f"{path} to be complete" + (f", {needed} bytes" if needed else "")
    return ImageFileError(expected, f"{size} bytes" if size else "a truncated file", "copy or export it again")


def check_series(path: Path, series: int, count: int = 1) -> None:
    """Refuse a series that a file does not have.

    Args:
        path: The file.
        series: Index of the requested series.
        count: Number of series in the file.

    Raises:
        SeriesError: If there is no such series.
    """
    if not 0 <= series < count:
        fix = f"pass `{typed(series=count - 1)}` or less" if count > 1 else f"leave out `{typed('series')}`"
        raise SeriesError(f"one of the {count} image series of {path}, counted from 0", f"series {series}", fix)


def names_shown(names: Sequence[str]) -> str:
    """Return the names of series in a message."""
    return ", ".join(map(repr, names[:_SHOWN])) + (", ..." if len(names) > _SHOWN else "")


def series_number(path: Path, name: str, count: int, names: Sequence[str]) -> int:
    """Return which image of a file has a name: the one of exactly this name, or of the last part of a path.

    Args:
        path: The file.
        name: The name.
        count: Number of series in the file.
        names: Their names, or empty.

    Returns:
        The number, from 0.

    Raises:
        SeriesError: If none has the name, or several have.
    """
    exact = [number for number, each in enumerate(names) if each == name]
    found = exact or [number for number, each in enumerate(names) if each.split("/")[-1].lower() == name.lower()]
    if len(found) == 1:
        return found[0]
    if not names:
        raise SeriesError(f"a number from 0 to {count - 1} for an image of {path}", repr(name), "they have no names")
    shown = names_shown(names)
    fix = f"pass its number, e.g. `{typed(series=found[1])}`" if found else "pass one of them, or a number from 0"
    raise SeriesError(f"one of the images of {path}, {shown}", f"{name!r}{' several times' * bool(found)}", fix)
