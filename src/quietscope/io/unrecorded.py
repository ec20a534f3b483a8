"""Planes that a file promises and does not hold: a stopped acquisition, or one that left some of them out.

Libraries read them as zeros. Here a stopped acquisition has the frames that it has, and other planes get a mask, by
which they are left out wherever an image is measured or learnt from.
"""

import math
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from quietscope.errors import ImageFileError, MissingPixelsWarning


def judged(
    path: Path, recorded: npt.NDArray[np.bool_], shape: Sequence[int], axes: str, why: str = ""
) -> tuple[int | None, npt.NDArray[np.bool_] | None]:
    """Say what is made of planes that were never recorded, and tell of them.

    Args:
        path: The file.
        recorded: Whether each plane was recorded, in the order in which planes follow each other.
        shape: Shape of the image that the file promises.
        axes: Its axes.
        why: Why planes are missing, if the file says so.

    Returns:
        How many frames there are, where the rest was never recorded, else None; and which planes were recorded, to be
        broadcast to the shape of the image, else None.

    Raises:
        ImageFileError: If there is no plane at all, or it is not clear where the missing ones belong.
    """
    if recorded.all():
        return None, None
    depth = next((k for k in range(len(shape)) if math.prod(shape[:k]) == len(recorded)), None)
    numbers = np.flatnonzero(~recorded)
    names = ", ".join(map(str, numbers[:5])) + (", ..." if len(numbers) > 5 else "")
    words = f"plane {names}, counted from 0" + (f": {' '.join(why.split())[:160]}" if why else "")
    if depth is None or not recorded.any():
        raise ImageFileError(
            f"all {len(recorded)} planes that the metadata of {path} promise",
            f"{len(numbers)} missing ({words})",
            "put the missing files of the set beside it, or save the planes that were recorded as a new file",
        )
    told = f"{path}: {len(numbers)} of the {len(recorded)} planes that its metadata promise are missing ({words})."
    by_frame = recorded.reshape(shape[0], -1)
    count = int(np.count_nonzero(by_frame.all(axis=1)))
    if not why and axes[:1] not in "CS" and count and not by_frame[count:].any():
        tell(f"{told} The acquisition was stopped: {count} frame{'s are' if count > 1 else ' is'} read.")
        return count, None
    tell(f"{told} They are left out of noise, statistics and training, and are 0 in every result.")
    return None, recorded.reshape(*shape[:depth], *[1] * (len(shape) - depth))


def tell(words: str) -> None:
    """Warn of pixels that were never stored."""
    warnings.warn(words, MissingPixelsWarning, stacklevel=3)
