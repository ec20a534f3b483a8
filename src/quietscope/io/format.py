"""What a file format has to offer to be read and written."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from quietscope.io.image import Image, Sink


@dataclass(frozen=True, kw_only=True)
class WriteRequest:
    """What is to be written, known before the first pixel is.

    Attributes:
        path: Where the result will stand at the end; for its extension and for messages.
        shape: Shape of the array.
        dtype: Data type, in the machine's byte order: bool, integer or floating, at most 64 bits.
        axes: One capital letter per dimension.
        pixel_size_um: Micrometres per pixel for those of X, Y and Z that are known.
        channel_names: One name per channel, or empty.
        frame_interval_s: Seconds between time points, where known.
    """

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    axes: str
    pixel_size_um: Mapping[str, float]
    channel_names: tuple[str, ...]
    frame_interval_s: float | None


@dataclass(frozen=True, kw_only=True)
class Format:
    """One file format.

    Reading and writing need not think of missing files, of existing targets, of half-written results or of full
    disks: `quietscope.io` does that once for all of them.

    Attributes:
        name: What people call it.
        suffixes: Extensions it reads, with their dots, in small letters.
        written: Those of them it also writes.
        read: Opens a path; the int picks one of several images (series) in it. May raise anything on a damaged file.
        create: Starts a file at a temporary path and hands out what to write pixels into; leaving the context
            finishes the file. Raises OutputError for what the format cannot hold.
        names_axes: Whether the file says what its dimensions are.
        is_folder: Whether an image is a folder.
        recognises: For folders: whether the one at this path is in this format.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Callable[[Path, int], Image]
    written: tuple[str, ...] = ()
    create: Callable[[Path, WriteRequest], AbstractContextManager[Sink]] | None = None
    names_axes: bool = True
    is_folder: bool = False
    recognises: Callable[[Path], bool] = lambda path: False
