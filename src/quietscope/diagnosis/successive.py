"""Planes that follow each other: frames of a recording (t) or slices of a stack (z).

Noise that is correlated from plane to plane shows in flat places, as noise within a plane does. Where two frames show
the same scene, their difference is noise and nothing else: structure can feign nothing there.
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
from quietscope.diagnosis.tiles import Plane, read_tile, sample_tiles
from quietscope.noise.clipping import ClipLevels
from quietscope.noise.pairs import FloatArray

MOST_PAIRS = 12
TILES_PER_PAIR = 4

UNCHANGED, MOVED, MOST_MOVED = 3.0, 6.0, 0.05
"""Scatter of a difference over that of noise in flat places: about 1.5 where nothing has changed. The median of the
blocks may have UNCHANGED, and a share of MOST_MOVED may have more than MOVED."""


@dataclass(frozen=True, kw_only=True)
class SuccessiveNoise:
    """What planes that follow each other tell of the noise.

    Args:
        along: Correlation from plane to plane, at lags 0 and 1.
        in_plane: Correlation along x and y from the differences, where the planes show one scene; else None.
    """

    along: AxisCorrelation
    in_plane: tuple[AxisCorrelation, AxisCorrelation] | None


def measure_successive(
    axis: str, planes: Sequence[Plane], pairs: Sequence[tuple[int, int]], clip: ClipLevels, seed: int
) -> SuccessiveNoise:
    """Measure noise by planes that follow each other, from at most 12 pairs.

    Args:
        axis: "z" or "t".
        planes: All planes, (Y, X).
        pairs: Numbers of planes of equal size that follow each other along the axis; at least one.
        clip: Ends of the scale.
        seed: Chooses the places.

    Returns:
        What they tell.

    Raises:
        NoiseError: If a plane is too small, or a pixel is NaN or infinite.
    """
    chosen = [pairs[int(at)] for at in np.linspace(0, len(pairs) - 1, min(len(pairs), MOST_PAIRS)).round()]
    tiles = []
    for first, second in chosen:
        for tile in sample_tiles([planes[first]], seed, TILES_PER_PAIR):
            other = read_tile(planes[second], second, tile.top, tile.left)
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
    """Return the correlations along x and y of the differences; None where the scene has changed."""
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
    """Mean products of the noise of two planes in each block: with itself, and with the other's, (2, N)."""
    first, second, grid = rough(here), rough(there), block_grid(here)
    own, other = (block_means(part**2, MARGIN - 1, MARGIN - 1, grid) for part in (first, second))
    return np.stack([0.5 * (own + other), block_means(first * second, MARGIN - 1, MARGIN - 1, grid)])


def _mended(pixels: FloatArray) -> FloatArray:
    return without(pixels, find_hot_pixels(pixels))
