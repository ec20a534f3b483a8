"""Blocks on their way into a file, put together to the pieces that the file is made of, and to those of its pyramid.

A piece is written once, when all of it is there, and goes on, halved, to the level above. What is kept are the pieces
that are begun: for tiles in rows a band of the image. Where blocks come in an order that would fill memory, those begun
first are written as they are, and read again when they go on.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from quietscope.io.image import whole_key
from quietscope.io.pyramid import Level, halved

MOST_BYTES = 1 << 29
"""What pieces that are begun may take, of all levels together."""

Box: TypeAlias = tuple[slice, ...]
Place: TypeAlias = tuple[int, ...]


class Pieces(Protocol):
    """One level of a pyramid in a file, written and read by whole pieces."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the level."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels."""

    @property
    def piece(self) -> tuple[int, ...]:
        """Shape of a piece; at the ends there may be less of it."""

    def write(self, box: Box, pixels: npt.NDArray[Any]) -> None:
        """Write a piece."""

    def read(self, box: Box) -> npt.NDArray[Any]:
        """Read a piece that has been written."""


@dataclass
class _Begun:
    """A piece of which some is there."""

    pixels: npt.NDArray[Any]
    is_there: npt.NDArray[np.bool_]

    @property
    def num_bytes(self) -> int:
        return self.pixels.nbytes + self.is_there.nbytes

    def put(self, inside: Box, part: npt.NDArray[Any]) -> bool:
        """Fill in a part, and tell whether all is there."""
        self.pixels[inside] = part
        self.is_there[inside] = True
        return bool(self.is_there.all())


class _LevelInFile:
    """One level, and how far it is written."""

    def __init__(self, pieces: Pieces, level: Level, above: Level | None) -> None:
        self.pieces, self.level = pieces, level
        self.count = tuple(-(-size // each) for size, each in zip(pieces.shape, pieces.piece, strict=True))
        self.done = np.zeros(self.count, np.bool_)
        self.step = None if above is None else above.step
        steps = (1,) * len(self.count) if above is None else above.step
        # Pieces that become one only together: of odd length, along an axis that is halved.
        self.group = tuple(2 if each == 2 and size % 2 else 1 for each, size in zip(steps, pieces.piece, strict=True))

    def box(self, place: Place) -> Box:
        sizes = zip(place, self.pieces.piece, self.pieces.shape, strict=True)
        return tuple(slice(at * each, min((at + 1) * each, size)) for at, each, size in sizes)

    def places(self, box: Box) -> Iterator[Place]:
        """Yield the pieces that a box reaches into."""
        yield from product(
            *(range(at.start // each, -(-at.stop // each)) for at, each in zip(box, self.pieces.piece, strict=True))
        )

    def partners(self, place: Place) -> list[Place]:
        """Return the pieces that go up together with one, itself among them."""
        spans = []
        for at, each, count in zip(place, self.group, self.count, strict=True):
            first = at // each * each
            spans.append(range(first, min(first + each, count)))
        return list(product(*spans))


class Gathered:
    """A sink that writes whole pieces, and the levels of a pyramid.

    Args:
        levels: The levels, the image itself first.
        pieces: Where each of them goes.
        most_bytes: What may be kept in memory.
    """

    def __init__(self, levels: Sequence[Level], pieces: Sequence[Pieces], most_bytes: int = MOST_BYTES) -> None:
        self._levels = [
            _LevelInFile(each, level, above)
            for each, level, above in zip(pieces, levels, [*levels[1:], None], strict=True)
        ]
        self._most_bytes, self._kept_bytes = most_bytes, 0
        self._begun: OrderedDict[tuple[int, Place], _Begun] = OrderedDict()
        self._put_aside: dict[tuple[int, Place], npt.NDArray[np.uint8]] = {}

    def __setitem__(self, key: Any, block: Any, /) -> None:
        """Write a block at integers and slices of step 1."""
        shape = self._levels[0].pieces.shape
        box = tuple(_span(at, size) for at, size in zip(whole_key(key, len(shape)), shape, strict=True))
        if any(each.start == each.stop for each in box):
            return
        kept = [at for at, each in enumerate(whole_key(key, len(shape))) if isinstance(each, slice)]
        sizes = [each.stop - each.start for each in box]
        given = np.broadcast_to(np.asarray(block), [sizes[at] for at in kept])
        self._put(0, box, given.reshape(sizes))

    def finish(self) -> None:
        """Write what is begun; where nothing was ever written is 0."""
        for number, level in enumerate(self._levels):
            for name in [name for name in (*self._begun, *self._put_aside) if name[0] == number]:
                begun = self._take(name)
                self._keep(name[1], number, begun.pixels)
            if level.step is None or np.prod(level.group) == 1:
                continue
            for place in zip(*np.nonzero(level.done), strict=True):
                partners = level.partners(tuple(map(int, place)))
                if not all(level.done[each] for each in partners):
                    self._send_up(number, partners, {})
                    for each in partners:
                        level.done[each] = True

    def _put(self, number: int, box: Box, block: npt.NDArray[Any]) -> None:
        """Take a block of a level."""
        level = self._levels[number]
        for place in level.places(box):
            whole = level.box(place)
            common = tuple(slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(box, whole, strict=True))
            part = block[_within(common, box)]
            name = number, place
            if common == whole:
                self._forget(name)
                self._keep(place, number, part.astype(level.pieces.dtype, copy=False))
                continue
            begun = self._take(name)
            if begun.put(_within(common, whole), part):
                self._keep(place, number, begun.pixels)
            else:
                self._begun[name] = begun
                self._kept_bytes += begun.num_bytes
                self._make_room()

    def _keep(self, place: Place, number: int, pixels: npt.NDArray[Any]) -> None:
        """Write a whole piece, and send it up as soon as those that go with it are there."""
        level = self._levels[number]
        level.pieces.write(level.box(place), pixels)
        level.done[place] = True
        if level.step is not None:
            partners = level.partners(place)
            if all(level.done[each] for each in partners):
                self._send_up(number, partners, {place: pixels})

    def _send_up(self, number: int, partners: Sequence[Place], at_hand: dict[Place, npt.NDArray[Any]]) -> None:
        """Halve pieces that go up together, and put them into the level above."""
        level = self._levels[number]
        assert level.step is not None, "the smallest level goes nowhere"
        first, last = level.box(partners[0]), level.box(partners[-1])
        whole = tuple(slice(a.start, b.stop) for a, b in zip(first, last, strict=True))
        if len(partners) == 1:
            [pixels] = at_hand.values()
        else:
            pixels = np.zeros([each.stop - each.start for each in whole], level.pieces.dtype)
            for place in partners:
                if place in at_hand or level.done[place]:
                    box = level.box(place)
                    found = at_hand[place] if place in at_hand else level.pieces.read(box)
                    pixels[_within(box, whole)] = found
        up = tuple(slice(at.start // each, -(-at.stop // each)) for at, each in zip(whole, level.step, strict=True))
        self._put(number + 1, up, halved(pixels, level.step))

    def _take(self, name: tuple[int, Place]) -> _Begun:
        """Take a piece out of what is begun: from memory, from the file, or a new one."""
        number, place = name
        level = self._levels[number]
        if name in self._begun:
            begun = self._begun.pop(name)
            self._kept_bytes -= begun.num_bytes
            return begun
        box = level.box(place)
        sizes = tuple(each.stop - each.start for each in box)
        if name in self._put_aside:
            bits = np.unpackbits(self._put_aside.pop(name), count=int(np.prod(sizes)))
            return _Begun(np.array(level.pieces.read(box)), bits.astype(np.bool_).reshape(sizes))
        if level.done[place]:  # it is written for a second time
            return _Begun(np.array(level.pieces.read(box)), np.ones(sizes, np.bool_))
        return _Begun(np.zeros(sizes, level.pieces.dtype), np.zeros(sizes, np.bool_))

    def _forget(self, name: tuple[int, Place]) -> None:
        """Let go of a piece that comes whole."""
        if name in self._begun:
            self._kept_bytes -= self._begun.pop(name).num_bytes
        self._put_aside.pop(name, None)

    def _make_room(self) -> None:
        """Write pieces as they are, those first that have waited longest."""
        while self._kept_bytes > self._most_bytes and len(self._begun) > 1:
            (number, place), begun = self._begun.popitem(last=False)
            self._kept_bytes -= begun.num_bytes
            level = self._levels[number]
            level.pieces.write(level.box(place), begun.pixels)
            self._put_aside[number, place] = np.packbits(begun.is_there)


def _span(at: int | slice, size: int) -> slice:
    """Return the place of an index along one axis."""
    if isinstance(at, slice):
        start, stop, step = at.indices(size)
        assert step == 1, "blocks are written without gaps"
        return slice(start, max(start, stop))
    assert -size <= at < size, (at, size)
    return slice(at % size, at % size + 1)


def _within(inner: Box, outer: Box) -> Box:
    """Return a box as seen from the corner of another."""
    return tuple(slice(a.start - b.start, a.stop - b.start) for a, b in zip(inner, outer, strict=True))
