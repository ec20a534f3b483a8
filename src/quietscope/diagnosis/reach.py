"""How far noise is correlated along an axis, beyond the lags that blocks of 8x8 pixels can tell.

Blocks say how neighbours are correlated, up to 8 pixels. Smears of a slow detector reach further, and the offset of a
whole row has no end. So where the correlation at 8 pixels is not yet gone, the same second differences ACROSS the axis
are multiplied with themselves over longer lags. Both pixels must lie in blocks that hold little but noise: flat ones
alone are too few for lags of tens of pixels, so that blocks count whose differences are of a size that noise can make.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from quietscope.diagnosis.blocks import MARGIN, MAX_LAG, SIDE, Blocks, block_grid, difference
from quietscope.diagnosis.correlation import MOST_CLIPPED, UNCORRELATED, AxisCorrelation, EnergyCurve, Flat
from quietscope.noise.pairs import FloatArray

LAGS = (12, 16, 24, 32, 48, 64, 96)
"""Pixels along the axis; the last leaves a quarter of a tile of 128 pixels to be multiplied."""

MOST_ENERGY = 3.0
"""Mean square of the differences of a block, over that of flat blocks of its brightness. Where rows are offset, a block
holds eight independent numbers, whose mean square exceeds this once in four hundred."""

FEWEST_PRODUCTS = 500
"""Products that the correlation at a lag is made of at least: with fewer, chance alone makes 0.05."""

UNENDING = 0.7
"""Share of the correlation at 8 pixels that is left at the longest lag where whole rows or columns are offset; of an
exponential of length 200 pixels there is 0.64."""

_SECOND = np.array([1.0, -2.0, 1.0]) / np.sqrt(6.0)


def with_reach(part: AxisCorrelation, tiles: Sequence[FloatArray], blocks: Blocks, flat: Flat) -> AxisCorrelation:
    """Measure how far a correlation reaches that blocks see no end of.

    Args:
        part: Correlation along x or y, at lags up to 8 pixels.
        tiles: Tiles that the blocks were measured on, (Y, X) each, in their order.
        blocks: All blocks.
        flat: The flat blocks among them.

    Returns:
        The correlation with its reach; the same object where it ends within 8 pixels, or is none.
    """
    if part.verdict != "correlated" or float(part.values.min()) < UNCORRELATED:
        return part
    masks = _quiet_pixels(tiles, _quiet(blocks, flat, part.axis))
    turned = [(tile.T, mask.T) if part.axis == "y" else (tile, mask) for tile, mask in zip(tiles, masks, strict=True)]
    lags, values = [MAX_LAG], [float(part.values[-1])]
    for lag in LAGS:
        value = _correlation(turned, lag)
        if value is None:
            break
        lags.append(lag)
        values.append(value)
        if value < UNCORRELATED:
            break
    if values[-1] >= UNCORRELATED:
        return replace(part, reach=lags[-1], is_unending=len(lags) > 1 and values[-1] >= UNENDING * values[0])
    before, after = values[-2:]
    share = (before - UNCORRELATED) / (before - after)
    return replace(part, reach=int(np.ceil(lags[-2] + share * (lags[-1] - lags[-2]))))


def _quiet(blocks: Blocks, flat: Flat, axis: str) -> npt.NDArray[np.bool_]:
    """Return which blocks have differences of a size that noise can make, shape (N,)."""
    own, of_flat = (part.x if axis == "x" else part.y for part in (blocks, flat.blocks))
    expected = EnergyCurve.fit(flat.blocks.mean, of_flat.along[0]).at(blocks.mean)
    quiet: npt.NDArray[np.bool_] = (own.along[0] <= MOST_ENERGY * expected) & (blocks.clipped <= MOST_CLIPPED)
    return quiet


def _quiet_pixels(tiles: Sequence[FloatArray], quiet: npt.NDArray[np.bool_]) -> list[npt.NDArray[np.bool_]]:
    """Return which pixels of every tile lie in quiet blocks, (Y, X) each."""
    masks, first = [], 0
    for tile in tiles:
        rows, columns = block_grid(tile)
        mask = np.zeros(tile.shape, dtype=bool)
        whole = quiet[first : first + rows * columns].reshape(rows, columns).repeat(SIDE, axis=0).repeat(SIDE, axis=1)
        mask[MARGIN : MARGIN + whole.shape[0], MARGIN : MARGIN + whole.shape[1]] = whole
        masks.append(mask)
        first += rows * columns
    return masks


def _correlation(tiles: Sequence[tuple[FloatArray, npt.NDArray[np.bool_]]], lag: int) -> float | None:
    """Return the correlation along the second axis at a lag; None where there are too few pairs of flat pixels."""
    number, sums = 0, np.zeros(3)
    for tile, mask in tiles:
        residual, inside = difference(tile, _SECOND), mask[1:-1]
        pairs = max(0, inside.shape[1] - lag)  # none where the tile is shorter than the lag
        both = inside[:, :pairs] & inside[:, lag:]
        here, there = residual[:, :pairs][both], residual[:, lag:][both]
        number += here.size
        sums += (here @ there, here @ here, there @ there)
    if number < FEWEST_PRODUCTS or not sums.all():
        return None
    return float(sums[0] / np.sqrt(sums[1] * sums[2]))
