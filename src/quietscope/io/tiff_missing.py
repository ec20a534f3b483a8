"""Planes that the metadata of a TIFF promise and no file holds: a stopped acquisition, or a file of a set that is gone.

tifffile reads them as zeros; `unrecorded` says what is made of them.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.errors import ImageFileError
from quietscope.io.image import whole_key
from quietscope.io.unrecorded import judged, tell
from quietscope.outside.regular_file import check_regular

_COMPANION = re.compile(r"""<(?:\w+:)?BinaryOnly\b[^>]*?\bMetadataFile\s*=\s*["']([^"']+)["']""")
_LARGEST_COMPANION = 1 << 28

_SIGNS_OF_A_MISSING_FILE = ("failed to read", "missing")


class FirstFrames:
    """The first entries of an array along its first axis, read when they are indexed."""

    def __init__(self, array: Any, count: int) -> None:
        self._array, self._count = array, count

    def __getitem__(self, key: Any) -> Any:
        """Read the pixels selected by integers, slices and ellipses."""
        first, *rest = whole_key(key, self._array.ndim)
        kept = slice(*first.indices(self._count)) if isinstance(first, slice) else first % self._count
        return self._array[(kept, *rest)]


class FilesOfASet:
    """An array that lies in several files; where it cannot be read, the damaged one is named."""

    def __init__(self, array: Any, find_damaged: Callable[[], ImageFileError | None]) -> None:
        self._array, self._find_damaged, self.ndim = array, find_damaged, array.ndim

    def __getitem__(self, key: Any) -> Any:
        """Read the pixels selected by integers, slices and ellipses.

        Raises:
            ImageFileError: If one of the files is damaged.
        """
        try:
            return self._array[key]
        except Exception as error:  # decoders of damaged files can raise anything
            found = self._find_damaged()
            raise (error if found is None else found) from error


def missing_planes(path: Path, series: Any, said: Sequence[str]) -> tuple[int | None, npt.NDArray[np.bool_] | None]:
    """Find planes that were never recorded, and tell of them.

    Args:
        path: The file.
        series: tifffile's series.
        said: What tifffile has logged.

    Returns:
        See `unrecorded.judged`.

    Raises:
        ImageFileError: If there is no plane at all, or it is not clear where the missing ones belong.
    """
    recorded = np.array([page is not None for page in series.pages])
    why = next((line for line in said if any(sign in line.lower() for sign in _SIGNS_OF_A_MISSING_FILE)), "")
    return judged(path, recorded, tuple(int(size) for size in series.shape), series.axes.upper(), why)


def companion_of(path: Path, description: str) -> str | None:
    """Return the metadata that an OME-TIFF leaves to a companion file; None where it has its own, or that is gone.

    Raises:
        ImageFileError: If the companion file is a pipe or the like.
    """
    found = _COMPANION.search(description or "")
    if found is None:
        return None
    companion = path.parent / Path(found.group(1)).name
    if not companion.exists():
        tell(f"{path} leaves its metadata to {companion.name}, which is not there: it is read by itself, without them.")
        return None
    check_regular(companion, ImageFileError, f"the metadata of {path}")
    if companion.stat().st_size > _LARGEST_COMPANION:
        raise ImageFileError(
            f"metadata of at most {_LARGEST_COMPANION >> 20} MB in {companion}", "more", "save the image as a new file"
        )
    return companion.read_text(encoding="utf-8", errors="replace")
