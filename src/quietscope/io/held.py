"""An array in a file of which one box lies in memory, read ahead of those who want it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.io.image import ArrayLike, whole_key


@dataclass(frozen=True)
class HeldBox:
    """A box of an array.

    Attributes:
        box: Its place, one slice of step 1 per axis.
        pixels: What was read there.
    """

    box: tuple[slice, ...]
    pixels: npt.NDArray[Any]


class HeldArray:
    """Reads from the box that is held what lies in it, and all else from where it is stored.

    Args:
        original: The array.
    """

    def __init__(self, original: ArrayLike) -> None:
        self.original = original
        self.shape: tuple[int, ...] = tuple(original.shape)
        self.dtype: np.dtype[Any] = np.dtype(original.dtype)
        self._held: HeldBox | None = None

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def fetch(self, box: Sequence[slice]) -> HeldBox:
        """Read a box, in any thread; what is held stays as it is.

        Args:
            box: One slice of step 1 per axis, within the array.

        Raises:
            ImageFileError: If it cannot be read.
        """
        return HeldBox(tuple(box), np.asarray(self.original[tuple(box)]))

    def hold(self, held: HeldBox | None) -> None:
        """Have a box at hand, instead of the one before; None for none."""
        self._held = held

    def __getitem__(self, key: Any) -> npt.NDArray[Any]:
        """Read the pixels selected by integers and slices into a new array."""
        held = self._held
        inner = None if held is None else _within(whole_key(key, self.ndim), held.box, self.shape)
        if held is None or inner is None:
            return np.asarray(self.original[key])
        return np.array(held.pixels[inner])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """Read all pixels into memory."""
        return np.asarray(self[...], dtype=dtype)


def _within(
    key: tuple[int | slice, ...], box: tuple[slice, ...], shape: tuple[int, ...]
) -> tuple[int | slice, ...] | None:
    """Return a key as seen from the corner of a box; None where it does not lie in it, or leaves pixels out."""
    found: list[int | slice] = []
    for at, side, size in zip(key, box, shape, strict=True):
        if not isinstance(at, slice):
            if not side.start <= at < side.stop:
                return None
            found.append(at - side.start)
            continue
        start, stop, step = at.indices(size)
        if step != 1 or start < side.start or stop > side.stop or stop < start:
            return None
        found.append(slice(start - side.start, stop - side.start))
    return tuple(found)
