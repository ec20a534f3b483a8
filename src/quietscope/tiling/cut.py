"""An image cut into chunks that whoever has time predicts by itself: each is one box of some frames of it.

A chunk consists of whole pieces of the files that results go into, so that each is written once, by one writer, and it
begins where a model's grid of latent pixels has a line. Models see beyond a chunk, and the noise of a sample depends on
its place in the whole image: chunks that are predicted in any order, by any processes, are those of one walk over all.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from math import ceil, lcm, prod

import numpy as np

from quietscope.axes import Layout
from quietscope.tiling.grid import round_up
from quietscope.tiling.spec import Predictable, TileSpec, automatic_tile

MOST_PIXELS = 1 << 19
"""Pixels of the outer box of a tile of a chunk, however much memory is free: so that the machine does not decide how
an image is cut, and many workers have room. The halo of 64 pixels around 512 x 512 costs about half as much again."""

_MOST_PIECES = 64  # along an axis, in a chunk

FEWEST_CHUNKS = 64
"""An image is cut into so many chunks at least, as far as its size allows: many workers have something to do."""

MOST_OF_CHUNK, MOST_VALUES = 1 << 21, 1 << 22
"""Pixels and values of results in a chunk that consists of several tiles: so much is read and written together, and
lies in memory. Chunks of large images are as large, so that most of a pyramid can be made within each of them."""


@dataclass(frozen=True)
class Within:
    """A chunk of an image.

    Attributes:
        frames: Numbers of its frames.
        counted: The same, one slice per axis that counts frames.
        box: The part of them, one slice per spatial axis, in frame coordinates.
    """

    frames: tuple[int, ...]
    counted: tuple[slice, ...]
    box: tuple[slice, ...]

    @property
    def num_pixels(self) -> int:
        """Pixels of all its frames, of one channel."""
        return len(self.frames) * int(prod(side.stop - side.start for side in self.box))

    def tiles(self, spec: TileSpec, model: Predictable) -> tuple[tuple[slice, ...], ...]:
        """Return the inner boxes of the tiles that it is cut into, in frame coordinates.

        Args:
            spec: Largest size of an inner box.
            model: The model.
        """
        grid = spec.grid(model, [side.stop - side.start for side in self.box])
        return tuple(
            tuple(
                slice(at.start + part.start, at.start + part.stop)
                for at, part in zip(self.box, each.inner, strict=True)
            )
            for each in grid
        )


@dataclass(frozen=True, kw_only=True)
class Room:
    """What of a model decides how images are cut for it, and how much of them it can take at once.

    Attributes:
        spatial_dims: 2 or 3.
        size_multiple: What sizes must be multiples of, per spatial axis.
        orientations: The turns that augmentation may use.
        reach: How far its image is blurred at the end, per spatial axis.
        most_pixels: Pixels of an outer box that the free memory allows.
        bytes_per_pixel: Memory that a pixel of an outer box takes, in the network and in what estimates.
        pixels_at_once: Pixels of several samples of small boxes that are drawn together; 0 where none are.
        usual_pixels: Pixels of the outer box of a tile of a chunk, however much memory is free; `MOST_PIXELS` if None.
    """

    spatial_dims: int
    size_multiple: tuple[int, ...]
    orientations: tuple[int, ...]
    reach: tuple[int, ...]
    most_pixels: int
    bytes_per_pixel: float
    pixels_at_once: int
    usual_pixels: int | None = None

    @property
    def most_of_tile(self) -> int:
        """Pixels of the outer box of a tile of a chunk at most."""
        return min(self.most_pixels, MOST_PIXELS if self.usual_pixels is None else self.usual_pixels)


@dataclass(frozen=True, kw_only=True)
class Cut:
    """How an image is cut into chunks.

    Attributes:
        frame_counts: Number of frames along each axis that counts them.
        frame_chunk: How many of them lie in a chunk.
        size: Size of a frame in pixels, per spatial axis.
        chunk: Size of a chunk.
        tiles: How a chunk is cut.
    """

    frame_counts: tuple[int, ...]
    frame_chunk: tuple[int, ...]
    size: tuple[int, ...]
    chunk: tuple[int, ...]
    tiles: TileSpec

    def __len__(self) -> int:
        return prod(self._grid)

    def __getitem__(self, number: int) -> Within:
        """Return a chunk; they are numbered in the order of their frames, and of pixels within them."""
        place = np.unravel_index(number, self._grid)
        sizes = zip(place, (*self.frame_chunk, *self.chunk), (*self.frame_counts, *self.size), strict=True)
        spans = [slice(int(at) * each, min(int(at + 1) * each, whole)) for at, each, whole in sizes]
        counted = spans[: len(self.frame_counts)]
        places = product(*(range(span.start, span.stop) for span in counted))
        frames = [int(np.ravel_multi_index(each, self.frame_counts)) if each else 0 for each in places]
        return Within(tuple(frames), tuple(counted), tuple(spans[len(counted) :]))

    def __iter__(self) -> Iterator[Within]:
        return (self[number] for number in range(len(self)))

    @cached_property
    def _grid(self) -> tuple[int, ...]:
        sizes = zip((*self.frame_counts, *self.size), (*self.frame_chunk, *self.chunk), strict=True)
        return tuple(-(-whole // each) for whole, each in sizes)


def cut_for(
    model: Predictable,
    layout: Layout,
    piece: Mapping[str, int],
    spec: TileSpec | None,
    most_pixels: int,
    values_per_pixel: int = 1,
) -> Cut:
    """Cut an image into chunks.

    Args:
        model: The model.
        layout: How the dimensions of the image map to frames, channels and space.
        piece: Size of the pieces of the results' files along the axes of the image, by letter.
        spec: The tiles that were asked for; None for those that cost least.
        most_pixels: Pixels of an outer box at most.
        values_per_pixel: Values that all results have for a pixel of a frame.

    Returns:
        The chunks: as many pieces as fit into a tile; where not even one does, a piece, which is cut into tiles. Chunks
        of images that have more than `FEWEST_CHUNKS` of them are several tiles, twice as many along one axis after
        another.
    """
    sizes = dict(zip(layout.axes, layout.shape, strict=True))
    size, multiple = layout.spatial_shape, model.size_multiple
    most = most_pixels
    whole = tuple(round_up(length, m) for length, m in zip(size, multiple, strict=True))
    units = tuple(
        min(lcm(piece[letter], m), length)
        for letter, m, length in zip(layout.spatial_axes, multiple, whole, strict=True)
    )
    tiles = spec or automatic_tile(model, size, most)
    chunk = None if spec else _largest(tiles.halo, units, whole, most)
    if chunk is not None:
        tiles = TileSpec(chunk, tiles.halo)
    else:
        sides = zip(tiles.size, units, whole, strict=True)
        chunk = tuple(
            min(max(side // unit, 1) * unit, length) if side < length else length for side, unit, length in sides
        )
    least = Cut(
        frame_counts=tuple(sizes[letter] for letter in layout.frame_axes),
        frame_chunk=tuple(min(piece[letter], sizes[letter]) for letter in layout.frame_axes),
        size=size,
        chunk=chunk,
        tiles=tiles,
    )
    return _grown(least, min(MOST_OF_CHUNK, MOST_VALUES // values_per_pixel))


def _grown(cut: Cut, most: int) -> Cut:
    """Return the same cut with larger chunks, of at most so many pixels, as long as there are many of them.

    Chunks double along their shortest spatial side that is cut at all, and then in time or depth: so they hold whole
    pieces of several levels of a pyramid.
    """
    while True:
        sides, lengths = (*cut.frame_chunk, *cut.chunk), (*cut.frame_counts, *cut.size)
        num_frame_axes = len(cut.frame_counts)
        parts = [-(-length // side) for length, side in zip(lengths, sides, strict=True)]
        spatial = [axis for axis in range(num_frame_axes, len(sides)) if parts[axis] > 1]
        stacked = [axis for axis in range(num_frame_axes) if parts[axis] > 1]
        if not spatial and not stacked:
            return cut
        # The shortest side, and of equals the last one, X, whose pixels are next to each other.
        at = max(spatial, key=lambda axis: (-sides[axis], axis)) if spatial else stacked[-1]
        doubled = tuple(2 * side if axis == at else side for axis, side in enumerate(sides))
        grown = replace(cut, frame_chunk=doubled[:num_frame_axes], chunk=doubled[num_frame_axes:])
        kept = prod(min(side, length) for side, length in zip(doubled, lengths, strict=True))
        if kept > most or len(grown) < FEWEST_CHUNKS:
            return cut
        cut = grown


def _largest(halo: Sequence[int], units: Sequence[int], whole: Sequence[int], most: int) -> tuple[int, ...] | None:
    """Return the box of whole units whose tile costs least for what is kept of it; None where no tile holds one."""

    def outer(box: Sequence[int]) -> int:
        return prod(min(side + 2 * around, length) for side, around, length in zip(box, halo, whole, strict=True))

    sides = [
        [min(n * unit, length) for n in range(1, min(ceil(length / unit), _MOST_PIECES) + 1)]
        for unit, length in zip(units, whole, strict=True)
    ]
    fitting = [box for box in product(*sides) if outer(box) <= most]
    return min(fitting, key=lambda box: (outer(box) / prod(box), -prod(box)), default=None)
