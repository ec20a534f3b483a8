"""Blocks of 8x8 pixels, in which the autocorrelation of the noise and the amount of structure are measured.

A second difference ACROSS an axis removes everything smooth, and leaves the correlation of the noise ALONG the axis
unchanged if the noise is separable. Some structure passes this filter too. Therefore only the flattest blocks of every
brightness are used (``correlation``), and structure left in them is recognised by their energies, which then scatter
more than those of noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from quietscope.noise.pairs import FloatArray

SIDE = 8
MARGIN = 4
"""Pixels around a block that its measurements extend to: its surroundings, and products over long lags."""

MIN_TILE = SIDE + 2 * MARGIN
MAX_LAG = 8
NEAR_LAGS = 4
"""Number of lags across the axis at which products of second differences are taken."""

_SECOND = np.array([1.0, -2.0, 1.0]) / np.sqrt(6.0)
_FOURTH = np.array([1.0, -4.0, 6.0, -4.0, 1.0]) / np.sqrt(70.0)
_BOX = 4
"""Side of the boxes, in pixels; the scatter of their means over a block and its margin measures structure."""

Keep: TypeAlias = npt.NDArray[np.bool_] | npt.NDArray[np.intp]


@dataclass(frozen=True, kw_only=True)
class Products:
    """Mean products of a residual with its shifted self, for one axis and N blocks, in squared intensity units.

    Attributes:
        along: Second differences across the axis, shifted by 0 to `MAX_LAG` pixels along it, shape (MAX_LAG + 1, N).
        across: The same differences, shifted by 0 to `NEAR_LAGS` - 1 pixels across the axis, shape (NEAR_LAGS, N).
        steep: Fourth differences across the axis, shifted by 0 and 1 pixels along it, shape (2, N).
    """

    along: FloatArray
    across: FloatArray
    steep: FloatArray

    def select(self, keep: Keep) -> "Products":
        """Return the products of the blocks that `keep` selects, a mask or indices."""
        return Products(along=self.along[:, keep], across=self.across[:, keep], steep=self.steep[:, keep])


@dataclass(frozen=True, kw_only=True)
class Blocks:
    """Measurements of N blocks, each of shape (N,).

    Attributes:
        mean: Mean of the block and its margin, intensity units.
        structure: Variance of the means of 4x4 boxes in the block and its margin, times the 16 pixels of a box;
            equals the noise variance if there is nothing but independent noise. Squared intensity units.
        energy: Mean square of the second difference along both axes; equals the noise variance if the noise is
            independent. Squared intensity units.
        clipped: Share of the block's pixels at a clipping level, 0 to 1.
        x: Products along x.
        y: Products along y.
    """

    mean: FloatArray
    structure: FloatArray
    energy: FloatArray
    clipped: FloatArray
    x: Products
    y: Products

    @property
    def count(self) -> int:
        """Number N of blocks."""
        return int(self.mean.size)

    def select(self, keep: Keep) -> "Blocks":
        """Return the blocks that `keep` selects, a mask or indices."""
        return Blocks(
            mean=self.mean[keep],
            structure=self.structure[keep],
            energy=self.energy[keep],
            clipped=self.clipped[keep],
            x=self.x.select(keep),
            y=self.y.select(keep),
        )


def join_blocks(parts: Sequence[Blocks]) -> Blocks:
    """Join the blocks of several tiles, at least one."""
    return Blocks(
        mean=np.concatenate([part.mean for part in parts]),
        structure=np.concatenate([part.structure for part in parts]),
        energy=np.concatenate([part.energy for part in parts]),
        clipped=np.concatenate([part.clipped for part in parts]),
        x=_join([part.x for part in parts]),
        y=_join([part.y for part in parts]),
    )


def _join(parts: Sequence[Products]) -> Products:
    return Products(
        along=np.concatenate([part.along for part in parts], axis=1),
        across=np.concatenate([part.across for part in parts], axis=1),
        steep=np.concatenate([part.steep for part in parts], axis=1),
    )


def measure_blocks(tile: FloatArray, clipped: npt.NDArray[np.bool_]) -> Blocks:
    """Measure all blocks of a tile that have a margin of 4 pixels around them.

    Args:
        tile: Intensities, shape (Y, X), both at least `MIN_TILE`.
        clipped: Which pixels lie at a clipping level, shape (Y, X).

    Returns:
        The measurements of N = floor((Y - 8) / 8) floor((X - 8) / 8) blocks, row by row.
    """
    grid = block_grid(tile)
    boxes = tile[: (2 * grid[0] + 2) * _BOX, : (2 * grid[1] + 2) * _BOX]
    means = boxes.reshape(2 * grid[0] + 2, _BOX, 2 * grid[1] + 2, _BOX).mean(axis=(1, 3))
    around = sliding_window_view(means, (4, 4))[::2, ::2].reshape(-1, 16)
    along_x, along_y = _products(tile), _products(np.ascontiguousarray(tile.T))
    turned = np.arange(grid[0] * grid[1]).reshape(grid[1], grid[0]).T.ravel()
    return Blocks(
        mean=around.mean(axis=1),
        structure=around.var(axis=1, ddof=1) * _BOX**2,
        energy=block_means(rough(tile) ** 2, MARGIN - 1, MARGIN - 1, grid),
        clipped=block_means(clipped.astype(np.float64), MARGIN, MARGIN, grid),
        x=along_x,
        y=along_y.select(turned),
    )


def rough(tile: FloatArray) -> FloatArray:
    """Take second differences along both axes, scaled to keep the variance of independent noise.

    Args:
        tile: Intensities, shape (Y, X).

    Returns:
        The differences, shape (Y - 2, X - 2).
    """
    return difference(difference(tile, _SECOND).T, _SECOND).T


def difference(tile: FloatArray, taps: FloatArray) -> FloatArray:
    """Correlate an array with filter taps along the first axis, without padding.

    Args:
        tile: Array of shape (Y, X).
        taps: Filter taps, shape (K,).

    Returns:
        Array of shape (Y - K + 1, X).
    """
    height = tile.shape[0] - len(taps) + 1
    result = np.zeros((height, tile.shape[1]))
    for offset, tap in enumerate(taps):
        result += tap * tile[offset : offset + height]
    return result


def block_means(values: FloatArray, top: int, left: int, grid: tuple[int, int]) -> FloatArray:
    """Average over every 8x8 block of a grid.

    Args:
        values: Values to average, shape (Y, X).
        top: First row of the grid.
        left: First column of the grid.
        grid: Number of blocks vertically and horizontally.

    Returns:
        The means, row by row, shape (N,).
    """
    rows, columns = grid
    part = values[top : top + SIDE * rows, left : left + SIDE * columns]
    means: FloatArray = part.reshape(rows, SIDE, columns, SIDE).mean(axis=(1, 3)).ravel()
    return means


def block_grid(tile: FloatArray) -> tuple[int, int]:
    """Return how many blocks with their margin fit into a tile, vertically and horizontally."""
    height, width = tile.shape
    return (height - 2 * MARGIN) // SIDE, (width - 2 * MARGIN) // SIDE


def _products(tile: FloatArray) -> Products:
    """Multiply differences along the first axis with themselves, shifted along the second axis."""
    grid = block_grid(tile)
    second, fourth = difference(tile, _SECOND), difference(tile, _FOURTH)

    def along(residual: FloatArray, lag: int, reach: int) -> FloatArray:
        product = residual[:, : residual.shape[1] - lag] * residual[:, lag:]
        return block_means(product, MARGIN - reach, MARGIN - lag // 2, grid)

    def across(lag: int) -> FloatArray:
        product = second[: second.shape[0] - lag] * second[lag:]
        return block_means(product, MARGIN - 1 - lag // 2, MARGIN, grid)

    return Products(
        along=np.stack([along(second, lag, 1) for lag in range(MAX_LAG + 1)]),
        across=np.stack([across(lag) for lag in range(NEAR_LAGS)]),
        steep=np.stack([along(fourth, lag, 2) for lag in (0, 1)]),
    )
