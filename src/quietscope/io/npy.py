"""NumPy's .npy files, read and written as memory maps, without unpickling."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from quietscope.axes import guess_axes
from quietscope.errors import ImageFileError
from quietscope.io.atomic import reserve
from quietscope.io.declared_size import check_declared
from quietscope.io.format import Format, WriteRequest
from quietscope.io.image import Image, LazyArray, Opened, Sink, check_series


def read(path: Path, series: int) -> Image:
    """Open a .npy file; its axes are guessed from its shape, since the format does not name them.

    Args:
        path: The file.
        series: Index of the image; must be 0.

    Returns:
        The image with lazy pixels; axes are empty if they cannot be guessed.

    Raises:
        ImageFileError: If the file holds Python objects or records, is truncated, or is not a .npy file.
    """
    check_series(path, series)
    with path.open("rb") as file:
        if file.read(6) != b"\x93NUMPY":
            raise ImageFileError("a NumPy .npy file", f"{path}, which is not one", "save it with `numpy.save`")
    try:
        opened = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        if "Python objects" not in str(error):
            raise
        raise ImageFileError("numbers", f"Python objects in {path}", "save it as a numeric array") from error
    check_declared(path, opened.shape, opened.dtype)
    axes = guess_axes(opened.shape) if opened.ndim in (2, 3) else ""
    return Image(LazyArray(partial(_map, path), opened.shape, opened.dtype, path), axes, path=path)


@contextmanager
def create(path: Path, request: WriteRequest) -> Iterator[Sink]:
    """Start a .npy file, and provide its memory map.

    Args:
        path: Temporary path to write to.
        request: Description of the image; the format cannot store axes, pixel size and names.

    Yields:
        An array of the request's shape.
    """
    pixels = np.lib.format.open_memmap(path, "w+", request.dtype, request.shape)
    reserve(path)
    yield pixels
    pixels.flush()


def _map(path: Path) -> Opened:
    return Opened(np.load(path, mmap_mode="r", allow_pickle=False))


FORMAT = Format(
    name="NumPy",
    suffixes=(".npy",),
    written=(".npy",),
    read=read,
    create=create,
    compressions=("none",),
    keeps=lambda request: frozenset(),
    names_axes=False,
    begins=lambda head: head.startswith(b"\x93NUMPY"),
)
