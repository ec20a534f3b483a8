"""How large an image claims to be, and whether what has to be in memory at once fits into it.

A header of a few bytes can declare 10^14 pixels. So sizes are looked at before anything is allocated for them.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from quietscope.errors import ImageFileError
from quietscope.main_memory import free_main_memory

LONGEST = 2**31 - 1
"""Largest number of pixels along one axis."""
MOST_BYTES = 2**50
"""Largest image: a petabyte."""


def check_declared(path: Path, shape: Sequence[int], dtype: Any) -> None:
    """Refuse an image that no microscope can have taken.

    Args:
        path: The file, for messages.
        shape: Its declared shape.
        dtype: Its declared data type.

    Raises:
        ImageFileError: If it has no pixels, or more than any file holds.
    """
    size = math.prod(map(int, shape)) * np.dtype(dtype).itemsize
    if size <= 0 or size > MOST_BYTES or any(int(side) > LONGEST for side in shape):
        raise ImageFileError(
            f"an image of a size that can be in {path}", _sizes(shape), "it may be damaged; copy or export it again"
        )


def check_block(path: Path, shape: Sequence[int], dtype: Any, block: str) -> None:
    """Refuse a block that has to be in memory as a whole, and does not fit into it.

    Args:
        path: The file, for messages.
        shape: Shape of the block: a chunk, a tile, a strip, or a whole image.
        dtype: Data type.
        block: What it is called.

    Raises:
        ImageFileError: If it needs more memory than is free.
    """
    needed, free = math.prod(map(int, shape)) * np.dtype(dtype).itemsize, free_main_memory()
    if needed > free:
        raise ImageFileError(
            f"{block}s of {path} that fit into memory ({free / 2**30:.1f} GB free)",
            f"{_sizes(shape)} pixels in one {block}, {needed / 2**30:.3g} GB",
            f"it may be damaged; if it is not, save it in smaller {block}s",
        )


def _sizes(shape: Sequence[int]) -> str:
    return " x ".join(str(int(side)) for side in shape) or "no pixels"
