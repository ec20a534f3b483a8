"""How the pixels of a tile are read, and what stands for those beyond the end of the image."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from quietscope.tiling.grid import Tile

Pixels: TypeAlias = npt.NDArray[np.float32]
ReadBox: TypeAlias = Callable[[tuple[slice, ...]], npt.NDArray[Any]]
"""Reads a box of one frame: slices per spatial axis to an array (C, *box)."""


def read_outer(read: ReadBox, size: Sequence[int], tile: Tile) -> Pixels:
    """Read the outer box of a tile, with the image mirrored where the box reaches beyond its high end.

    The mirror is the outermost pixel, which is not repeated: repeating it would put two pixels of equal noise side by
    side, which no camera does. Images shorter than their padding are mirrored to and fro; a single pixel is repeated.

    Args:
        read: Reads a box of the image.
        size: Image size in pixels per spatial axis.
        tile: The tile.

    Returns:
        The pixels, (C, *outer), float32.
    """
    indices = [_mirrored(box, length) for box, length in zip(tile.outer, size, strict=True)]
    block = np.asarray(read(tuple(slice(int(i.min()), int(i.max()) + 1) for i in indices)), dtype=np.float32)
    for axis, index in enumerate(indices, start=1):
        if len(index) != block.shape[axis] or index[-1] != index.max():
            block = np.take(block, index - index.min(), axis=axis)
    # PyTorch takes neither negative strides (a flipped view, even of one pixel) nor memory that may not be written.
    return block if block.flags.writeable and min(block.strides) >= 0 else block.copy()


def _mirrored(box: slice, size: int) -> npt.NDArray[np.intp]:
    """Return the image coordinates that stand for those of the box: a triangular wave of period 2 (size - 1)."""
    period = max(2 * (size - 1), 1)
    phase = np.arange(box.start, box.stop) % period
    return np.minimum(phase, period - phase) if size > 1 else np.zeros_like(phase)
