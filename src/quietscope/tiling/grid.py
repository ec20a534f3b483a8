"""How an image of any size is cut into overlapping boxes: pure geometry, no pixels.

Each tile has two boxes. The *outer* box is what the network sees, the *inner* box what is kept of its answer. Inner
boxes cover the image exactly once. Outer boxes start and end at multiples of the network's total reduction, so that the
latent grid of a tile is a piece of the latent grid of the whole image.

An image is thought to be padded on the high side only, to the next multiple; outer boxes may reach into that padding.
One tile over everything sees the same padded image, which is why tiled and untiled results agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product


@dataclass(frozen=True)
class Tile:
    """One box of an image, with and without its surroundings.

    Attributes:
        outer: What is computed, one slice per spatial axis; may end beyond the image, in its padding.
        inner: What is kept of it, in image coordinates; within the image and within `outer`.
    """

    outer: tuple[slice, ...]
    inner: tuple[slice, ...]

    @property
    def origin(self) -> tuple[int, ...]:
        """Image coordinate of the first outer pixel."""
        return tuple(box.start for box in self.outer)

    @property
    def outer_shape(self) -> tuple[int, ...]:
        """Size of the outer box in pixels."""
        return tuple(box.stop - box.start for box in self.outer)

    @property
    def inner_shape(self) -> tuple[int, ...]:
        """Size of the inner box in pixels."""
        return tuple(box.stop - box.start for box in self.inner)

    def reduced(self, reduction: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the coordinate of the first latent pixel of the outer box, and the size of the box in latent pixels.

        Args:
            reduction: Image pixels per latent pixel, one factor per spatial axis; the outer box starts and ends at
                multiples of them.
        """
        pairs = list(zip(self.outer, reduction, strict=True))
        assert not any(box.start % r or box.stop % r for box, r in pairs), (self, reduction)
        return tuple(box.start // r for box, r in pairs), tuple((box.stop - box.start) // r for box, r in pairs)

    @property
    def inner_in_outer(self) -> tuple[slice, ...]:
        """The inner box in coordinates of the outer one: ``result[..., *tile.inner_in_outer]`` is what to keep."""
        return tuple(
            slice(inner.start - outer.start, inner.stop - outer.start)
            for inner, outer in zip(self.inner, self.outer, strict=True)
        )


def round_up(length: int, multiple: int) -> int:
    """Return the smallest multiple of `multiple` that is not below `length`."""
    return -(-length // multiple) * multiple


def tile_grid(
    size: Sequence[int], tile: Sequence[int], halo: Sequence[int], multiple: Sequence[int]
) -> tuple[Tile, ...]:
    """Cut an image into tiles, in the order of its pixels.

    Args:
        size: Image size in pixels, one entry per spatial axis; at least 1 each.
        tile: Largest inner box, rounded up to multiples. Boxes along an axis are made about equal, so that the last one
            is no sliver that costs as much as the others.
        halo: Pixels computed around an inner box and dropped, rounded up to multiples; none beyond the padded image.
        multiple: What outer boxes must start and end at multiples of.

    Returns:
        The tiles. Their inner boxes cover every pixel exactly once.
    """
    assert len(size) == len(tile) == len(halo) == len(multiple), (size, tile, halo, multiple)
    assert min(size) > 0, size
    assert min(tile) > 0, tile
    assert min(halo) >= 0, halo
    assert min(multiple) > 0, multiple
    axes = [_cut(*axis) for axis in zip(size, tile, halo, multiple, strict=True)]
    return tuple(Tile(tuple(o for o, _ in boxes), tuple(i for _, i in boxes)) for boxes in product(*axes))


def _cut(size: int, tile: int, halo: int, multiple: int) -> list[tuple[slice, slice]]:
    """Cut one axis into pairs (outer, inner)."""
    pieces = -(-size // round_up(tile, multiple))
    step = round_up(-(-size // pieces), multiple)
    grow, end = round_up(halo, multiple), round_up(size, multiple)
    return [
        (slice(max(0, start - grow), min(end, start + step + grow)), slice(start, min(size, start + step)))
        for start in range(0, size, step)
    ]
