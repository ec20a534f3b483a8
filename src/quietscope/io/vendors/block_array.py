"""Arrays that a library reads plane by plane or stack by stack, indexed as one array."""

from collections.abc import Callable, Sequence
from itertools import product
from math import prod
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from quietscope.io.image import whole_key

Box: TypeAlias = tuple[slice, ...]
"""One slice per axis of a block, with both ends, counted from 0, in steps of 1."""


class Blocks:
    """One array of blocks of equal shape that lie side by side along its first axes; only what is indexed is read.

    Args:
        read: Reads a box of a block, by the place of the block along the first axes.
        counts: Number of blocks along each of the first axes.
        block: Shape of a block.
        dtype: Data type.
    """

    def __init__(
        self,
        read: Callable[[tuple[int, ...], Box], npt.NDArray[Any]],
        counts: Sequence[int],
        block: Sequence[int],
        dtype: Any,
    ) -> None:
        self._read, self._counts, self._block, self._dtype = read, tuple(counts), tuple(block), np.dtype(dtype)

    def __getitem__(self, key: Any, /) -> npt.NDArray[Any]:
        """Read the pixels selected by integers, slices and ellipses."""
        shape = (*self._counts, *self._block)
        parts = whole_key(key, len(shape))
        ranges = [
            range(*part.indices(size)) for part, size in zip(parts, shape, strict=True) if isinstance(part, slice)
        ]
        selected = np.empty([len(each) for each in ranges], self._dtype)
        if not prod(selected.shape):
            return selected
        places = [_places(part, size) for part, size in zip(parts, self._counts, strict=False)]
        inner = parts[len(self._counts) :]
        boxes = [_enclosing(part, size) for part, size in zip(inner, self._block, strict=True)]
        steps = tuple(map(_inside, inner))
        into = selected.reshape(prod(map(len, places)), *selected.shape[selected.ndim - _slices(inner) :])
        for number, place in enumerate(product(*places)):
            into[number] = self._read(place, tuple(boxes))[steps]
        return selected


def _slices(parts: Sequence[int | slice]) -> int:
    return sum(isinstance(part, slice) for part in parts)


def _places(part: int | slice, size: int) -> Sequence[int]:
    return range(*part.indices(size)) if isinstance(part, slice) else (part % size,)


def _enclosing(part: int | slice, size: int) -> slice:
    """Return the span from the first to the last selected place."""
    chosen = _places(part, size)
    return slice(min(chosen[0], chosen[-1]), max(chosen[0], chosen[-1]) + 1)


def _inside(part: int | slice) -> int | slice:
    """Return what selects the same within that span, which begins and ends with a selected place."""
    return slice(None, None, part.step) if isinstance(part, slice) else 0
