"""HDF5 files that are only read: opened without a lock, their filters looked at before any pixel is asked for."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.errors import ImageFileError
from quietscope.io.declared_size import check_block
from quietscope.io.vendors.block_array import Box
from quietscope.optional import imported
from quietscope.outside.regular_file import check_regular


def open_h5(path: Path, files: ExitStack) -> Any:
    """Open a file for reading; it may lie where no lock can be had.

    Args:
        path: The file.
        files: What closes it.
    """
    return files.enter_context(imported("h5py", ImageFileError, "hdf5").File(path, "r", locking=False))


def member(path: Path, file: Any, name: str) -> Any:
    """Return a group or dataset, or None where there is none; links to other files lead to regular ones only.

    Args:
        path: The file, for messages.
        file: The open file, or a group in it.
        name: Its path inside.

    Raises:
        ImageFileError: If it is in a file that is gone, or no regular one.
    """
    h5py = imported("h5py", ImageFileError, "hdf5")
    first = name.split("/")[0]
    link = file.get(first, getlink=True)
    if isinstance(link, h5py.ExternalLink):
        other = path.parent / link.filename
        check_regular(other, ImageFileError, f"the files of {path}")
        if not other.is_file():
            raise ImageFileError(f"{other}, which has a part of {path}", "no such file", "copy it beside it")
    return file.get(name)


def check_readable(path: Path, dataset: Any) -> None:
    """Refuse a dataset in no regular file, of a compression that is not installed, or of chunks too large for memory.

    Raises:
        ImageFileError: If that is so.
    """
    h5py = imported("h5py", ImageFileError, "hdf5")
    others = {str(name) for name, *_ in dataset.external or ()}
    others |= {source.file_name for source in dataset.virtual_sources()} - {"."} if dataset.is_virtual else set()
    for other in sorted(others):
        check_regular(path.parent / other, ImageFileError, f"the files of {path}")
    properties = dataset.id.get_create_plist()
    for number in range(properties.get_nfilters()):
        code, *_, name = properties.get_filter(number)
        if not (h5py.h5z.filter_avail(code) or (_more_filters() and h5py.h5z.filter_avail(code))):
            words = f"filter {code}, {name.decode(errors='replace') or 'without a name'}"
            raise ImageFileError(
                f"compression that is installed in {path}", words, "run `pip install hdf5plugin`, which has most"
            )
    if dataset.chunks is not None:
        check_block(path, dataset.chunks, dataset.dtype, "chunk")


def _more_filters() -> bool:
    """Register the filters of hdf5plugin where it is installed."""
    try:
        imported("hdf5plugin", ImageFileError, "hdf5")
    except ImageFileError:
        return False
    return True


def read_box(
    datasets: Mapping[tuple[int, ...], Any], dtype: np.dtype[Any], place: tuple[int, ...], box: Box
) -> npt.NDArray[Any]:
    """Read a box of one of many datasets of one shape, whose first axes may be left out where they are 1 long.

    Args:
        datasets: The datasets by their place; a missing one is zero.
        dtype: What the pixels become; whole numbers keep their bits.
        place: Which dataset.
        box: Which part of it.
    """
    if place not in datasets:
        return np.zeros([side.stop - side.start for side in box], dtype)
    dataset = datasets[place]
    whole = (*(0,) * (dataset.ndim - len(box)), *box)
    return np.asarray(dataset[whole]).astype(dtype, copy=False)


def text_of(value: Any) -> str:
    """Return an attribute as text: Imaris stores arrays of single letters."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, np.ndarray) and value.dtype.kind == "S":
        return b"".join(value.ravel().tolist()).decode("utf-8", "replace")
    if isinstance(value, np.ndarray):
        return "".join(map(str, value.ravel().tolist()))
    return str(value)
