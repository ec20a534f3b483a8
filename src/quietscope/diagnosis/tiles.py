"""A bounded sample of tiles: a diagnosis reads a few million pixels, even of a recording of a terabyte."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from quietscope.errors import NoiseError
from quietscope.noise.pairs import FloatArray

TILE = 128
MOST_TILES = 64
MOST_PLANES = 16
MIN_PLANE = 32


class Plane(Protocol):
    """A plane (Y, X) that may be stored in a file and read piece by piece."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Size (Y, X) in pixels."""

    def __getitem__(self, key: Any, /) -> Any:
        """Read the pixels selected by two slices."""


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A rectangular part of a plane.

    Attributes:
        plane: Index of the plane.
        top: First row.
        left: First column.
        pixels: Intensities, shape (Y, X).
    """

    plane: int
    top: int
    left: int
    pixels: FloatArray

    @property
    def missing(self) -> int:
        """Number of pixels that were never measured."""
        return int(np.count_nonzero(np.isnan(self.pixels)))


def sample_tiles(planes: Sequence[Plane], seed: int, most: int = MOST_TILES, *, has_gaps: bool = False) -> list[Tile]:
    """Choose tiles of 128x128 pixels at random places of at most 16 planes, and read them.

    Args:
        planes: Planes of any sizes.
        seed: Seed of the choice.
        most: Largest number of tiles.
        has_gaps: Whether NaN stands for pixels that were never measured; tiles are trimmed to what was measured, and
            those in which something is missing all the same are left out where there are others.

    Returns:
        The tiles, about equally many from every chosen plane.

    Raises:
        NoiseError: If no plane is large enough, or a pixel is NaN or infinite.
    """
    large = [number for number, plane in enumerate(planes) if min(plane.shape) >= MIN_PLANE]
    if not large:
        raise NoiseError(
            f"images of at least {MIN_PLANE} x {MIN_PLANE} pixels",
            ", ".join(sorted({" x ".join(map(str, plane.shape)) for plane in planes})) or "no image at all",
            "pass a larger crop, 64 x 64 or more",
        )
    chosen = [large[int(at)] for at in np.linspace(0, len(large) - 1, min(len(large), MOST_PLANES)).round()]
    rng, each = np.random.default_rng(seed), max(1, most // len(chosen))
    tiles = []
    for number in chosen:
        corners = _corners(planes[number].shape)
        for at in sorted(rng.permutation(len(corners))[:each]):
            tiles.append(read_tile(planes[number], number, *corners[at], has_gaps=has_gaps))
    return _measured(tiles) if has_gaps else tiles


def _measured(tiles: Sequence[Tile]) -> list[Tile]:
    """Trim tiles to what was measured, and return those in which the fewest pixels are missing, filled."""
    cut = [_trimmed(tile) for tile in tiles]
    fewest = min(tile.missing for tile in cut)
    return [filled(tile) for tile in cut if tile.missing <= fewest]


def _trimmed(tile: Tile) -> Tile:
    """Cut a tile, row by row and column by column from outside, until nothing is missing or it is too small to cut."""
    known, (top, left) = ~np.isnan(tile.pixels), (0, 0)
    bottom, right = known.shape
    while not known[top:bottom, left:right].all():
        inner = known[top:bottom, left:right]
        missing = [1 - inner[0].mean(), 1 - inner[-1].mean(), 1 - inner[:, 0].mean(), 1 - inner[:, -1].mean()]
        sides = [bottom - top] * 2 + [right - left] * 2
        choice = max(range(4), key=lambda side: (sides[side] > MIN_PLANE, missing[side], sides[side]))
        if sides[choice] <= MIN_PLANE:
            break
        top, bottom = top + (choice == 0), bottom - (choice == 1)
        left, right = left + (choice == 2), right - (choice == 3)
    pixels = tile.pixels[top:bottom, left:right]
    return Tile(plane=tile.plane, top=tile.top + top, left=tile.left + left, pixels=pixels)


def filled(tile: Tile) -> Tile:
    """Return a tile with the mean of its pixels where some were never measured."""
    if not tile.missing:
        return tile
    known = tile.pixels[~np.isnan(tile.pixels)]
    pixels = np.where(np.isnan(tile.pixels), known.mean() if known.size else 0.0, tile.pixels)
    return replace(tile, pixels=pixels)


def read_tile(plane: Plane, number: int, top: int, left: int, *, has_gaps: bool = False) -> Tile:
    """Read one tile.

    Args:
        plane: The plane.
        number: Index of the plane, stored with the tile.
        top: First row.
        left: First column.
        has_gaps: Whether NaN stands for pixels that were never measured; otherwise it is refused.

    Returns:
        The tile, 128 x 128 pixels or as many as there are up to the edge of the plane.

    Raises:
        NoiseError: If a pixel is NaN or infinite.
    """
    height, width = plane.shape
    pixels = np.asarray(plane[top : min(top + TILE, height), left : min(left + TILE, width)], dtype=np.float64)
    if has_gaps:
        return Tile(plane=number, top=top, left=left, pixels=pixels)
    if not np.isfinite(pixels).all():
        raise NoiseError("finite intensities", "NaN or infinity", "replace them, for example with numpy.nan_to_num")
    return Tile(plane=number, top=top, left=left, pixels=pixels)


def _corners(shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return the top left corners of a grid of tiles; the last row and column are moved inwards to be complete."""
    height, width = shape
    tops, lefts = (sorted({min(at, max(0, size - TILE)) for at in range(0, size, TILE)}) for size in (height, width))
    return [(top, left) for top in tops for left in lefts]
