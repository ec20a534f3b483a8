"""Blocks of an image on their way into a file, put together to bands of rows that do not depend on how it was cut."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.axes import reorder

ROWS = 256
"""Rows of a band, a multiple of the side of every square; the last one takes what is left as well."""

_CHANNELS = "CS"

Key = tuple[int | slice, ...]


@dataclass(frozen=True, kw_only=True)
class Band:
    """Some whole rows of one plane of one channel.

    Attributes:
        key: Its place in the array of the image, an integer or a slice per axis.
        plane: Index along each axis that is neither a channel nor Y nor X.
        channel: Number of the channel.
        number: Number of the band within its channel, planes in order and each from top to bottom.
        top: Its first row.
        pixels: What was written there, (rows, X).
    """

    key: Key
    plane: dict[str, int]
    channel: int
    number: int
    top: int
    pixels: npt.NDArray[np.float32]


class Bands:
    """Collects blocks until whole bands are there; what is kept are the bands that are begun.

    Args:
        axes: Axes of the image, one letter per dimension.
        shape: Its shape.
    """

    def __init__(self, axes: str, shape: Sequence[int]) -> None:
        self.axes, self.sizes = axes, dict(zip(axes, map(int, shape), strict=True))
        self.channels = "".join(letter for letter in _CHANNELS if letter in axes)
        self.planes = "".join(letter for letter in axes if letter not in _CHANNELS + "YX")
        self.per_plane = max(1, self.sizes["Y"] // ROWS)
        self._begun: dict[tuple[int, ...], tuple[npt.NDArray[np.float32], int]] = {}

    @property
    def num_channels(self) -> int:
        """Number of channels."""
        return prod(self.sizes[letter] for letter in self.channels)

    @property
    def per_channel(self) -> int:
        """Number of bands of a channel."""
        return self.per_plane * prod(self.sizes[letter] for letter in self.planes)

    def put(self, key: Sequence[int | slice], block: npt.NDArray[Any]) -> Iterator[Band]:
        """Take a block at integers and slices, one per axis, and yield the bands that it completes."""
        spans = {
            letter: range(*at.indices(self.sizes[letter])) if isinstance(at, slice) else range(at, at + 1)
            for letter, at in zip(self.axes, key, strict=True)
        }
        kept = "".join(letter for letter, at in zip(self.axes, key, strict=True) if isinstance(at, slice))
        outer = self.channels + self.planes
        upright = reorder(block, kept, "".join(letter for letter in outer if letter in kept) + "YX")
        upright = upright.reshape(*(len(spans[letter]) for letter in outer), len(spans["Y"]), len(spans["X"]))
        for place in product(*(range(len(spans[letter])) for letter in outer)):
            at = {letter: spans[letter][n] for letter, n in zip(outer, place, strict=True)}
            yield from self._put_plane(at, spans["Y"], spans["X"], upright[place])

    def _put_plane(self, at: dict[str, int], rows: range, columns: range, pixels: npt.NDArray[Any]) -> Iterator[Band]:
        """Take a block of one plane, and yield the bands that it completes."""
        for number in range(self._band_of(rows.start), self._band_of(rows.stop - 1) + 1):
            top, end = number * ROWS, (number + 1) * ROWS if number + 1 < self.per_plane else self.sizes["Y"]
            first, last = max(top, rows.start), min(end, rows.stop)
            name = (*at.values(), number)
            if name not in self._begun:
                self._begun[name] = np.empty((end - top, self.sizes["X"]), np.float32), 0
            band, filled = self._begun[name]
            band[first - top : last - top, columns.start : columns.stop] = pixels[
                first - rows.start : last - rows.start
            ]
            filled += (last - first) * len(columns)
            self._begun[name] = band, filled
            if filled == band.size:
                del self._begun[name]
                yield self._band(at, number, top, band)

    def _band_of(self, row: int) -> int:
        return min(row // ROWS, self.per_plane - 1)

    def _band(self, at: dict[str, int], number: int, top: int, pixels: npt.NDArray[np.float32]) -> Band:
        box: dict[str, int | slice] = {"Y": slice(top, top + len(pixels)), "X": slice(0, self.sizes["X"])}
        plane = {letter: at[letter] for letter in self.planes}
        return Band(
            key=tuple(at[letter] if letter in at else box[letter] for letter in self.axes),
            plane=plane,
            channel=_number([(at[letter], self.sizes[letter]) for letter in self.channels]),
            number=_number([(plane[each], self.sizes[each]) for each in self.planes] + [(number, self.per_plane)]),
            top=top,
            pixels=pixels,
        )


def _number(digits: Sequence[tuple[int, int]]) -> int:
    """Return the number whose digits these are, each with its base."""
    number = 0
    for digit, base in digits:
        number = number * base + digit
    return number
