"""Blocks of 8x8 pixels, measured for the autocorrelation of their noise and for the structure under it.

A second difference ACROSS an axis takes away what is smooth and leaves the correlation of separable noise ALONG the
axis as it was. Structure that passes is met by choosing the flattest blocks of every brightness; what still passes
then shows in that the blocks do not all have the energy that noise of their brightness has.
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
"""Pixels around a block, for its surroundings and for products over long distances."""

MIN_TILE = SIDE + 2 * MARGIN
MAX_LAG = 8
NEAR_LAGS = 4
"""Lags across the axis of a second difference at which products are taken."""

_SECOND = np.array([1.0, -2.0, 1.0]) / np.sqrt(6.0)
_FOURTH = np.array([1.0, -4.0, 6.0, -4.0, 1.0]) / np.sqrt(70.0)
_BOX = 4
"""Side of the boxes whose scatter over a block and its margin says how much structure there is."""

Keep: TypeAlias = npt.NDArray[np.bool_] | npt.NDArray[np.intp]


@dataclass(frozen=True, kw_only=True)
class Products:
    """Mean products of residuals with themselves along one axis, for N blocks, in squared intensity units.

    Args:
        along: Of second differences across the axis, at lags 0 to `MAX_LAG` along it, (MAX_LAG + 1, N).
        across: Of the same, at lags 0 to `NEAR_LAGS` - 1 across the axis, (NEAR_LAGS, N).
        steep: Of fourth differences across the axis, at lags 0 and 1 along it, (2, N).
    """

    along: FloatArray
    across: FloatArray
    steep: FloatArray

    def select(self, keep: Keep) -> "Products":
        """Return the products of the blocks that `keep` names, by a mask or by their numbers."""
        return Products(along=self.along[:, keep], across=self.across[:, keep], steep=self.steep[:, keep])


@dataclass(frozen=True, kw_only=True)
class Blocks:
    """Measurements of N blocks, arrays of shape (N,), in intensity units or their squares.

    Args:
        mean: Mean of the block and its margin.
        structure: Scatter of 4x4 boxes in it, times the pixels of a box: the variance, where independent noise is all.
        energy: Mean square of the second difference along both axes: the variance, for independent noise.
        clipped: Share of the block's pixels at an end of the scale, 0 to 1.
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
        """N."""
        return int(self.mean.size)

    def select(self, keep: Keep) -> "Blocks":
        """Return the blocks that `keep` names, by a mask or by their numbers."""
        return Blocks(
            mean=self.mean[keep],
            structure=self.structure[keep],
            energy=self.energy[keep],
            clipped=self.clipped[keep],
            x=self.x.select(keep),
            y=self.y.select(keep),
        )


def join_blocks(parts: Sequence[Blocks]) -> Blocks:
    """Join the blocks of several tiles; at least one."""
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
    """Measure the blocks of a tile that have a margin of 4 pixels around them.

    Args:
        tile: Intensities, (Y, X), both at least `MIN_TILE`.
        clipped: Which pixels lie at an end of the scale, (Y, X).

    Returns:
        The measurements, N = floor((Y - 8) / 8) floor((X - 8) / 8), row by row.
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
    """Second differences along both axes, of unit gain for independent noise: (Y, X) to (Y - 2, X - 2)."""
    return difference(difference(tile, _SECOND).T, _SECOND).T


def difference(tile: FloatArray, taps: FloatArray) -> FloatArray:
    """Correlate along the first axis with taps, where all of them fit: (Y, X) to (Y - len(taps) + 1, X)."""
    height = tile.shape[0] - len(taps) + 1
    result = np.zeros((height, tile.shape[1]))
    for offset, tap in enumerate(taps):
        result += tap * tile[offset : offset + height]
    return result


def block_means(values: FloatArray, top: int, left: int, grid: tuple[int, int]) -> FloatArray:
    """Mean over each 8x8 block of a grid (rows, columns) that begins at (top, left); row by row."""
    rows, columns = grid
    part = values[top : top + SIDE * rows, left : left + SIDE * columns]
    means: FloatArray = part.reshape(rows, SIDE, columns, SIDE).mean(axis=(1, 3)).ravel()
    return means


def block_grid(tile: FloatArray) -> tuple[int, int]:
    """Return how many blocks, in rows and columns, a tile has room for."""
    height, width = tile.shape
    return (height - 2 * MARGIN) // SIDE, (width - 2 * MARGIN) // SIDE


def _products(tile: FloatArray) -> Products:
    """Products along the second axis of differences along the first."""
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
