"""The eight ways to turn a frame in its plane, and how its tiles turn with it.

A turned frame is a frame like any other: it has its own coordinates, is padded at its own high ends, and its latent
noise is keyed by its own coordinates. So what holds of tiled and untiled results holds of each turn.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from quietscope.tiling.border import Pixels, ReadBox, read_outer
from quietscope.tiling.drawn import Images
from quietscope.tiling.grid import Tile, round_up
from quietscope.tiling.spec import Predictable

FLIP_Y, FLIP_X, TRANSPOSE = 1, 2, 4
FLIPS: tuple[int, ...] = (0, FLIP_Y, FLIP_X, FLIP_Y | FLIP_X)
"""Turns that leave the axes where they are."""
ALL_TURNS: tuple[int, ...] = (*FLIPS, *(turn | TRANSPOSE for turn in FLIPS))
"""The square's eight symmetries."""

Box = tuple[slice, ...]
Entry = TypeVar("Entry")


def orient(patch: npt.NDArray[Any], turn: int) -> npt.NDArray[Any]:
    """Flip and transpose the last two axes: bit 0 flips Y, bit 1 flips X, bit 2 then swaps them."""
    if turn & FLIP_Y:
        patch = patch[..., ::-1, :]
    if turn & FLIP_X:
        patch = patch[..., ::-1]
    if turn & TRANSPOSE:
        patch = patch.swapaxes(-1, -2)
    return np.ascontiguousarray(patch)


@dataclass(frozen=True)
class Turn:
    """One way to look at frames of one size: flip Y (bit 0), flip X (bit 1), then swap the two (bit 2).

    Attributes:
        number: Which, from 0 (as it is) to 7, as in `orient`.
        size: Size of the frame before, in pixels per spatial axis.
    """

    number: int
    size: tuple[int, ...]

    @property
    def turned_size(self) -> tuple[int, ...]:
        """Size of the frame after."""
        return self._swapped(self.size)

    def box(self, box: Box) -> Box:
        """Return where a box of the frame lies in the turned frame."""
        return self._swapped(self._flipped(box))

    def original(self, box: Box) -> Box:
        """Return where a box of the turned frame lies in the frame; where it reaches beyond, so does the answer."""
        return self._flipped(self._swapped(box))

    def tile(self, core: Box, halo: Sequence[int], multiple: Sequence[int]) -> Tile:
        """Return the tile of the turned frame that yields a box of the frame.

        Args:
            core: The box, in frame coordinates.
            halo: Pixels around it that the network should see, per spatial axis of the frame.
            multiple: What the outer box must start and end at multiples of, per spatial axis of the turned frame.

        Returns:
            The tile; its inner box is the turned `core`.
        """
        inner, around = self.box(core), self._swapped(tuple(halo))
        outer = tuple(
            slice(max(0, (box.start - h) // m * m), min(round_up(length, m), round_up(box.stop + h, m)))
            for box, h, m, length in zip(inner, around, multiple, self.turned_size, strict=True)
        )
        return Tile(outer, inner)

    def read(self, read: ReadBox, tile: Tile) -> Pixels:
        """Read the outer box of a tile of the turned frame, mirrored at its high ends.

        Args:
            read: Reads a box of the frame.
            tile: The tile.

        Returns:
            The pixels, (C, *outer), float32.
        """

        def turned(box: Box) -> npt.NDArray[np.generic]:
            return orient(np.asarray(read(self.original(box))), self.number)

        return read_outer(turned, self.turned_size, tile)

    def undo(self, images: Images, flip: Callable[[Images, tuple[int, ...]], Images]) -> Images:
        """Turn images of the turned frame, (..., *S), back.

        Args:
            images: The images, in PyTorch or NumPy.
            flip: What reverses axes of such arrays: `torch.flip` or `numpy.flip`.

        Returns:
            The images as they lie in the frame.
        """
        if self.number & TRANSPOSE:
            images = images.swapaxes(-1, -2)
        axes = tuple(axis for axis, bit in ((-2, FLIP_Y), (-1, FLIP_X)) if self.number & bit)
        return flip(images, axes) if axes else images

    def _flipped(self, box: Box) -> Box:
        depth, (y, x) = box[:-2], box[-2:]
        height, width = self.size[-2:]
        y = slice(height - y.stop, height - y.start) if self.number & FLIP_Y else y
        x = slice(width - x.stop, width - x.start) if self.number & FLIP_X else x
        return (*depth, y, x)

    def _swapped(self, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
        return (*entries[:-2], entries[-1], entries[-2]) if self.number & TRANSPOSE else entries


def turns(method: Predictable, size: tuple[int, ...], augment: bool) -> tuple[Turn, ...]:
    """Return the turns in which a method looks at frames of one size.

    Args:
        method: The method.
        size: Size of the frames in pixels per spatial axis.
        augment: False for the frame as it is and nothing else.

    Returns:
        Those that the method's noise allows, but for those that swap Y and X where these are not reduced alike: a
        swapped image would need other padding.
    """
    *_, y, x = method.size_multiple
    allowed = [n for n in method.orientations if y == x or not n & TRANSPOSE]
    return tuple(Turn(n, size) for n in (allowed if augment else [0]))
