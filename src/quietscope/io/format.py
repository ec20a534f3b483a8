"""The record that describes a file format: how its files are read and written."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from quietscope.io.details import NO_DETAILS, Details, words_left
from quietscope.io.image import Image, Sink
from quietscope.io.storage import USUAL_STORAGE, Storage


@dataclass(frozen=True, kw_only=True)
class WriteRequest:
    """Everything about an image that is to be written, except its pixels.

    Attributes:
        path: Final name of the result; used for its extension and in messages.
        shape: Shape of the array.
        dtype: Data type in the byte order of the machine: bool, integer or floating, at most 64 bits.
        axes: One capital letter per dimension.
        pixel_size_um: Micrometres per pixel for those of X, Y and Z that are known.
        channel_names: One name per channel, or empty.
        frame_interval_s: Seconds between time points, if known.
        details: What else is known of the image.
        storage: How the pixels are stored; the format has all that is asked for.
    """

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    axes: str
    pixel_size_um: Mapping[str, float]
    channel_names: tuple[str, ...]
    frame_interval_s: float | None
    details: Details = NO_DETAILS
    storage: Storage = USUAL_STORAGE

    def left_out(self, kept: Iterable[str]) -> tuple[str, ...]:
        """Return words for what is known of the image and not kept; `kept` has names of fields of this and details."""
        facts = {name: getattr(self, name) for name in ("pixel_size_um", "channel_names", "frame_interval_s")}
        return words_left(facts, self.details, kept)


@dataclass(frozen=True, kw_only=True)
class Format:
    """One file format.

    Missing files, existing targets, half-written results and full disks are handled by `quietscope.io` for all formats.

    Attributes:
        name: Name of the format for a person.
        suffixes: Extensions that can be read, with their dots, in lower case.
        written: Those extensions that can also be written.
        read: Function that opens a path; the int is the index of one of several images (series) in it. It may raise any
            exception for a damaged file.
        create: Function that starts a file at a temporary path, and returns a context manager for an array to write the
            pixels to; leaving the context finishes the file. It raises OutputError for data that the format cannot
            hold. None if the format is only read.
        keeps: Function that returns, for a request, the names of those of pixel_size_um, channel_names,
            frame_interval_s and of the fields of `Details` that its file will hold; the user is told of the rest. None
            if that is not said, and nobody told.
        compressions: The compressions that it can write, see `quietscope.io.storage`.
        layouts: Function that returns, for the name of a file, what else of `Storage` it can write, by the names of the
            attributes.
        names_axes: Whether files name their axes.
        is_folder: Whether an image is a folder.
        recognises: For folders: whether the folder at a path is in this format.
        members: For folders: function that returns, for one in this format that is a collection of images in folders of
            their own, such as the fields of a plate, their paths below it; nothing for an image.
        begins: For files: whether a file that begins with these bytes (up to `first_bytes.COUNT`) is in this format. It
            comes before the extension. None where no bytes tell.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Callable[[Path, int], Image]
    written: tuple[str, ...] = ()
    create: Callable[[Path, WriteRequest], AbstractContextManager[Sink]] | None = None
    keeps: Callable[[WriteRequest], frozenset[str]] | None = None
    compressions: tuple[str, ...] = ()
    layouts: Callable[[str], frozenset[str]] = lambda name: frozenset()
    names_axes: bool = True
    is_folder: bool = False
    recognises: Callable[[Path], bool] = lambda path: False
    members: Callable[[Path], tuple[str, ...]] = lambda path: ()
    begins: Callable[[bytes], bool] | None = None
