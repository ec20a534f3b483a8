"""Noise of planes that follow each other: frames of a recording (t) or slices of a stack (z).

Correlation of the noise from plane to plane is measured in flat places, as within a plane. If two frames show the same
scene, their difference is nothing but noise, so structure cannot be mistaken for correlated noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from quietscope.diagnosis.blocks import MARGIN, Blocks, block_grid, block_means, join_blocks, measure_blocks, rough
from quietscope.diagnosis.correlation import (
    HOMOGENEOUS,
    AxisCorrelation,
    EnergyCurve,
    Flat,
    choose_flat,
    correlate_plane,
    fraction_of,
    judge,
    ratios,
)
from quietscope.diagnosis.hot_pixels import find_hot_pixels, without
from quietscope.diagnosis.tiles import Plane, filled, read_tile, sample_tiles
from quietscope.noise.clipping import ClipLevels
from quietscope.noise.pairs import FloatArray

MOST_PAIRS = 12
TILES_PER_PAIR = 4

UNCHANGED, MOVED, MOST_MOVED = 3.0, 6.0, 0.05
"""When two frames count as showing the same scene. For every block: scatter of their difference over that of noise in
flat places, about 1.5 if nothing has changed. The median over the blocks may be up to UNCHANGED, and at most a share of
MOST_MOVED of the blocks may exceed MOVED."""


@dataclass(frozen=True, kw_only=True)
class SuccessiveNoise:
    """Correlation of the noise as measured on planes that follow each other.

    Attributes:
        along: Correlation from plane to plane, at lags 0 and 1.
        in_plane: Correlation along x and y, measured on the differences of planes; None if the scene changes.
    """

    along: AxisCorrelation
    in_plane: tuple[AxisCorrelation, AxisCorrelation] | None


def measure_successive(
    axis: str,
    planes: Sequence[Plane],
    pairs: Sequence[tuple[int, int]],
    clip: ClipLevels,
    seed: int,
    *,
    has_gaps: bool = False,
) -> SuccessiveNoise:
    """Measure the correlation of noise on at most 12 pairs of planes that follow each other.

    Args:
        axis: "z" or "t".
        planes: All planes, (Y, X) each.
        pairs: Indices of two planes of equal size that follow each other along the axis; at least one pair.
        clip: Clipping levels of the image.
        seed: Seed of the choice of places that are read.
        has_gaps: Whether NaN stands for pixels that were never measured; otherwise it is refused.

    Returns:
        The correlation along the axis, and, if the scene does not change, within the planes.

    Raises:
        NoiseError: If a plane is too small, or a pixel is NaN or infinite.
    """
    chosen = [pairs[int(at)] for at in np.linspace(0, len(pairs) - 1, min(len(pairs), MOST_PAIRS)).round()]
    tiles = []
    for first, second in chosen:
        for tile in sample_tiles([planes[first]], seed, TILES_PER_PAIR, has_gaps=has_gaps):
            other = read_tile(planes[second], second, tile.top, tile.left, has_gaps=has_gaps)
            height, width = tile.pixels.shape  # less than was read, where the tile was trimmed
            other = filled(replace(other, pixels=other.pixels[:height, :width]))
            tiles.append((_mended(tile.pixels), _mended(other.pixels)))
    blocks = join_blocks([measure_blocks(here, clip.is_low(here) | clip.is_high(here)) for here, _ in tiles])
    flat = choose_flat(blocks, fraction_of(blocks.count))
    products = np.concatenate([_products_of(here, there) for here, there in tiles], axis=1)
    values, errors = ratios(products[:, flat.numbers], flat.expected)
    along = judge(axis, values, errors, doubtful=flat.dispersion > HOMOGENEOUS)
    return SuccessiveNoise(along=along, in_plane=_by_differences(tiles, blocks, flat))


def _by_differences(
    tiles: Sequence[tuple[FloatArray, FloatArray]], here: Blocks, flat: Flat
) -> tuple[AxisCorrelation, AxisCorrelation] | None:
    """Return the correlations along x and y of the differences of planes; None if the scene has changed."""
    parts = []
    for first, second in tiles:
        difference = (second - first) / np.sqrt(2.0)
        parts.append(measure_blocks(difference, np.zeros(difference.shape, dtype=bool)))
    changes = replace(join_blocks(parts), mean=here.mean, clipped=here.clipped)
    noise = EnergyCurve.fit(flat.blocks.mean, flat.blocks.structure).at(here.mean)
    excess = changes.structure / noise
    if np.median(excess) > UNCHANGED or np.mean(excess > MOVED) > MOST_MOVED:
        return None
    return correlate_plane(changes, choose_flat(changes, fraction_of(changes.count)))


def _products_of(here: FloatArray, there: FloatArray) -> FloatArray:
    """Mean products, in each block, of the noise of a plane with itself and with that of the other plane, (2, N)."""
    first, second, grid = rough(here), rough(there), block_grid(here)
    own, other = (block_means(part**2, MARGIN - 1, MARGIN - 1, grid) for part in (first, second))
    return np.stack([0.5 * (own + other), block_means(first * second, MARGIN - 1, MARGIN - 1, grid)])


def _mended(pixels: FloatArray) -> FloatArray:
    return without(pixels, find_hot_pixels(pixels))
