"""Traces that processing leaves in an image and no camera does: it was filtered, enlarged, or compressed with loss.

Noise that a detector correlates is correlated along the axis it reads, or has a part that is independent from pixel to
pixel. A filter or an interpolation leaves neither: its noise has hardly any power at the finest scale, in both axes.
That power, over that of independent noise, follows from the autocorrelation r_k, ``S = 1 + 2 sum_k (-1)^k r_k``. Real
recordings of five microscopes and photographs with added noise, as they are and processed, gave:

======================================= =================== ======================================
what was done                           S, larger of both   found
======================================= =================== ======================================
nothing (7), means of 50 or 400 frames  0.95 to 1.16        nothing
noise correlated along an axis (4)      0.95 to 1.00        nothing
Gaussian, 0.7 to 1.0 pixels             -0.09 to 0.25       smooth
Gaussian, 1.5 pixels                    -0.39 to -0.18      smooth; in 8 bits (0.89 to 0.94) rounded
mean of 3 x 3                           0.29 to 0.40        smooth
median of 3 x 3                         0.50 to 0.57        smooth in 4 of 6, nothing in 2 dark ones
bilinear, 1.3 times; cubic, 1.5 times   -0.07 to 0.21       smooth
bilinear, 2 times                       0.00 to 0.05        doubled: every second pixel is a mean
JPEG of quality 50                      0.14 to 1.03        blocks of 8 x 8 pixels; at 75 in 5 of 6,
                                                            at 85 in 2 of 6, at 95 in none
a wide-field stack, and means of its    0.28 and 0.83       smooth and doubled, as interpolation
frames                                                      between the filters of a camera leaves
======================================= =================== ======================================

Structure alone can bring S down to 0.5 where no place is flat, and to 0.3 in photographs without noise: there more is
asked for. A median leaves copies, neighbours that are equal, far more often than small differences would have it.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np

from quietscope.diagnosis.correlation import AxisCorrelation, Flat
from quietscope.diagnosis.tiles import Tile
from quietscope.noise.pairs import FloatArray

Trace: TypeAlias = Literal["smooth", "rounded", "blocks", "doubled"]
"""No power at the finest scale; no noise but rounding; borders of blocks; means at every second pixel."""

SMOOTH, SMOOTH_IF_STRUCTURED, SMOOTH_IF_CLEAN, SMOOTH_WITH_COPIES = 0.62, 0.3, 0.1, 0.8
"""Power at the finest scale, over that of independent noise, below which noise has gone through a filter; the same
where structure may have been taken for noise, where there is hardly any noise, and where there are copies."""

COPIED, COPIES = 0.1, 10.0
"""Share of neighbours that are equal, and how many times that is what small differences make likely, in copies."""

LAGS = 3
"""Pixels over which the filters that are looked for correlate."""

ROUNDING = 1.0 / 12.0
"""Variance of rounding, in squared steps."""

BLOCK = 8
JUMP = 4.0
"""Standard errors by which jumps are larger at one of eight pixels, along both axes; 3.0 without compression."""


def find_trace(
    x: AxisCorrelation, y: AxisCorrelation, flat: Flat, tiles: Sequence[Tile], *, is_clean: bool
) -> Trace | None:
    """Look for what processing leaves.

    Args:
        x: Autocorrelation along x.
        y: Autocorrelation along y.
        flat: The flattest blocks.
        tiles: Parts of the image.
        is_clean: Whether there is hardly any noise.

    Returns:
        The trace that says most; None where there is none.
    """
    along_x, along_y = (_jumps(tiles, axis) for axis in (1, 0))
    found = np.minimum(along_x.max(), along_y.max()) > JUMP
    if found and min(_every_second(along_x), _every_second(along_y)) > JUMP:
        return "doubled"
    if found:
        return "blocks"
    if _is_smooth(x, y, tiles, is_clean=is_clean):
        return "smooth"
    if is_clean and 0.0 < float(np.median(flat.blocks.energy)) < 2.0 * ROUNDING * _step(tiles) ** 2:
        return "rounded"
    return None


def _is_smooth(x: AxisCorrelation, y: AxisCorrelation, tiles: Sequence[Tile], *, is_clean: bool) -> bool:
    power = max(finest(x), finest(y))
    limit = SMOOTH if x.verdict == y.verdict == "correlated" else SMOOTH_IF_STRUCTURED
    if power < (SMOOTH_IF_CLEAN if is_clean else limit):
        return True
    return power < SMOOTH_WITH_COPIES and _has_copies(tiles)


def finest(correlation: AxisCorrelation) -> float:
    """Return the power of the noise at the finest scale of an axis, over that of independent noise: S above."""
    signs = (-1.0) ** np.arange(1, LAGS + 1)
    return float(1.0 + 2.0 * np.sum(signs * correlation.values[1 : LAGS + 1]))


def _jumps(tiles: Sequence[Tile], axis: int) -> FloatArray:
    """Return how many standard errors differences of neighbours stick out by, by place modulo 8, shape (8,)."""
    places: list[list[float]] = [[] for _ in range(BLOCK)]
    for tile in tiles:
        pixels, first = (tile.pixels, tile.left) if axis else (tile.pixels.T, tile.top)
        sizes = np.abs(np.diff(pixels, axis=1))
        excess = (sizes[:, 1:-1] - 0.5 * (sizes[:, :-2] + sizes[:, 2:])).mean(axis=0)
        scale = max(float(sizes.mean()), float(np.finfo(np.float64).tiny))
        for at, value in enumerate(excess / scale, start=first + 2):
            places[at % BLOCK].append(float(value))
    errors = [float(np.std(values)) / np.sqrt(max(len(values), 1)) for values in places]
    return np.array(
        [
            float(np.mean(values)) / error if len(values) > 1 and error > 0.0 else 0.0
            for values, error in zip(places, errors, strict=True)
        ]
    )


def _every_second(jumps: FloatArray) -> float:
    """Return the least that sticks out at every second place, the even or the odd ones."""
    return float(max(jumps[::2].min(), jumps[1::2].min()))


def _has_copies(tiles: Sequence[Tile]) -> bool:
    """Whether far more neighbours are equal than differ by as little as half the median difference, per step."""
    step, equal, likely, number = _step(tiles), 0, 0.0, 0
    if not step:
        return False
    for tile in tiles:
        inner = (tile.pixels > tile.pixels.min()) & (tile.pixels < tile.pixels.max())  # what is clipped is equal, too
        sizes = np.abs(np.diff(tile.pixels, axis=1))[inner[:, 1:] & inner[:, :-1]]
        different = sizes[sizes > 0.0]
        levels = int(0.5 * float(np.median(different)) // step) if different.size else 0
        if levels:
            equal += int(np.count_nonzero(sizes == 0.0))
            likely += float(np.count_nonzero(different <= (levels + 0.5) * step)) / (2 * levels)
            number += sizes.size
    return equal > COPIED * number and equal > COPIES * likely


def _step(tiles: Sequence[Tile]) -> float:
    """Return the smallest difference between intensities."""
    levels = np.unique(np.concatenate([tile.pixels.ravel() for tile in tiles]))
    return float(np.diff(levels).min()) if levels.size > 1 else 0.0
