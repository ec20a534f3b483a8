"""What every reader returns and every writer is asked for."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from weakref import finalize

import numpy as np

from quietscope.axes import Layout
from quietscope.errors import ImageFileError


class ArrayLike(Protocol):
    """An array that may live in a file: indexing reads just what is asked for."""

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
        """Read the pixels at integers and slices."""


class Sink(Protocol):
    """An array that is written block by block."""

    def __setitem__(self, key: Any, block: Any, /) -> None:
        """Write a block at integers and slices, in the axis order it was opened with."""


def _nothing() -> None:
    """Do nothing, where there is nothing to do."""


@dataclass(frozen=True)
class Opened:
    """An array inside an open file.

    Attributes:
        array: Anything that NumPy-style basic indexing reads from.
        close: Closes the file.
        settle: Called after a failed read: waits for what it left under way.
    """

    array: Any
    close: Callable[[], None] = _nothing
    settle: Callable[[], None] = _nothing


class LazyArray:
    """Pixels that are read from their file when indexed.

    The file is opened on first use, once per process: a copy that reaches another process by fork or by pickle opens
    its own, since file positions shared between processes would mix up what each of them reads.

    Args:
        open_array: Opens the file; a module-level function or a partial of one, so that it can be pickled.
        shape: Shape of the array.
        dtype: Data type; values are handed out in the machine's own byte order.
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
        """Read the pixels at integers, slices and ellipses into a new array.

        Raises:
            IndexError: If the index does not fit the shape.
            ImageFileError: If the file cannot be read there, being damaged or gone.
        """
        np.broadcast_to(0, self.shape)[key]  # a wrong index is the caller's mistake, and raised as NumPy does
        try:
            if self._process != os.getpid():
                self._opened, self._process = self._open(), os.getpid()
                finalize(self, self._opened.close)
            # A copy in any case: the file may be a read-only map, which PyTorch will not take.
            return np.array(self._opened.array[key], dtype=self.dtype)
        except Exception as error:  # decoders of damaged files raise whatever they like
            self._opened.settle()
            raise damaged(self.path, error) from error

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Read everything into memory."""
        return np.asarray(self[...], dtype=dtype)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle how to open the file, never the open file."""
        return LazyArray, (self._open, self.shape, self.dtype, self.path)

    def __repr__(self) -> str:
        return f"LazyArray(shape={self.shape}, dtype={self.dtype}, path={str(self.path)!r})"


@dataclass(frozen=True, eq=False)  # comparing pixels is nobody's idea of ==
class Image:
    """An image in a file or in memory: pixels, and what they mean.

    Attributes:
        data: The pixels; reading is lazy where the format allows it.
        axes: One letter per dimension of `data`.
        pixel_size_um: Micrometres per pixel for those of X, Y and Z that are known.
        channel_names: One name per channel, or empty where unknown.
        path: The file it came from.
        frame_interval_s: Seconds from one time point to the next, where known.
    """

    data: ArrayLike
    axes: str
    pixel_size_um: Mapping[str, float] = field(default_factory=dict)
    channel_names: tuple[str, ...] = ()
    path: Path | None = None
    frame_interval_s: float | None = None

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
        """Return how to take frames out of `data`.

        Args:
            spatial_dims: 2 or 3.

        Returns:
            The layout of this image's axes.

        Raises:
            AxesError: If 3-D frames are asked of an image without Z.
        """
        return Layout.of(self.axes, self.shape, spatial_dims)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Read all pixels into memory."""
        return np.asarray(self.data[...], dtype=dtype)


def damaged(path: Path, error: Exception) -> ImageFileError:
    """Build the error of a file that cannot be decoded.

    Args:
        path: The file.
        error: What the decoder said.

    Returns:
        The error, with the decoder's words shortened to one line.
    """
    words = " ".join(f"{type(error).__name__}: {error}".split())[:160]
    fix = "it may be damaged; copy or export it again"
    if isinstance(error, MemoryError):
        fix = "work on a part of it, or copy it again if it should be smaller"
    return ImageFileError(f"an image that can be read in {path}", words, fix)


def truncated(path: Path, needed: int | None = None, size: int | None = None) -> ImageFileError:
    """Build the error of a file whose end is missing.

    Args:
        path: The file.
        needed: Bytes the file says it has, where known.
        size: Bytes it has.

    Returns:
        The error.
    """
    expected = f"{path} to be complete" + (f", {needed} bytes" if needed else "")
    return ImageFileError(expected, f"{size} bytes" if size else "a truncated file", "copy or export it again")


def check_series(path: Path, series: int, count: int = 1) -> None:
    """Refuse a series that a file does not have.

    Args:
        path: The file.
        series: The one asked for.
        count: How many it has.

    Raises:
        ImageFileError: If there is no such series.
    """
    if not 0 <= series < count:
        fix = f"pass `--series {count - 1}` or less" if count > 1 else "leave out `--series`"
        raise ImageFileError(f"one of the {count} image series of {path}, counted from 0", f"series {series}", fix)
