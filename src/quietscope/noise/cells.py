"""Cells of 3x3 pixels, measured for noise, and their surroundings, measured for signal and structure.

The parts of one measurement come from different pixels on purpose. The noise of a cell is read from the cell; which
bin it belongs to, and whether it lies on structure, is read from eight boxes around it, a pixel away. Noise in the
cell can then neither sort the cell into a bin (which would tilt the line: regression dilution) nor decide whether it
is kept (which would keep the quiet ones).
"""

from dataclasses import dataclass, fields
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from quietscope.noise.clipping import ClipLevels

Map: TypeAlias = npt.NDArray[np.float32]

CELL = 3
BOX = 2
GAP = 1
MARGIN = BOX + GAP
"""Pixels between a cell and the edge of its surroundings."""

MIN_SIDE = 2 * MARGIN + CELL
"""The smallest side of a tile that holds a cell."""

SECOND = (1.0, -2.0, 1.0)
SECOND_SQUARED = (1.0, 4.0, 1.0)
FOURTH = (1.0, -4.0, 6.0, -4.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class Lags:
    """Products of a residual with itself along one axis, each of shape (N,).

    Args:
        energy: r(i)^2.
        one: r(i) (r(i-1) + r(i+1)) / 2; its sum over that of ``energy`` is the lag-1 correlation.
        two: r(i-1) r(i+1), likewise for lag 2.
    """

    energy: Map
    one: Map
    two: Map


@dataclass(frozen=True, kw_only=True)
class Cells:
    """Measurements of N cells; every array has shape (N,), in intensity units or their squares.

    Args:
        signal: Mean of the cell's pixels, weighted as their variances are in ``noise``.
        noise: Squared high-pass difference; its expectation is the noise variance where the signal is smooth.
        surround: Mean of the eight boxes around the cell.
        structure: Scatter of those boxes, sum (b_i - mean)^2 times the pixels of a box; divided by the noise
            variance it is chi-square with 7 degrees of freedom where the signal is flat.
        clipped_low: 1 where a pixel of the cell lies at the lower end of the scale, else 0.
        clipped_high: 1 where a pixel of the cell lies at the upper end of the scale, else 0.
        along_y: Products along y of the residual of second, and of fourth differences along x.
        along_x: Products along x, likewise.
    """

    signal: Map
    noise: Map
    surround: Map
    structure: Map
    clipped_low: Map
    clipped_high: Map
    along_y: tuple[Lags, Lags]
    along_x: tuple[Lags, Lags]


def join_cells(parts: list[Cells]) -> Cells:
    """Join the cells of several tiles."""
    arrays = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts])
        for field in fields(Cells)
        if not field.name.startswith("along")
    }
    return Cells(
        **arrays,
        along_y=_join_lags([part.along_y for part in parts]),
        along_x=_join_lags([part.along_x for part in parts]),
    )


def _join_lags(parts: list[tuple[Lags, Lags]]) -> tuple[Lags, Lags]:
    second, fourth = (
        Lags(
            **{
                field.name: np.concatenate([getattr(part[order], field.name) for part in parts])
                for field in fields(Lags)
            }
        )
        for order in (0, 1)
    )
    return second, fourth


def measure_cells(tile: Map, clip: ClipLevels) -> Cells:
    """Measure every 3x3 cell of a tile that has room for its surroundings; cells overlap.

    With h the outer product of (1, -2, 1) / sqrt 6 with itself, the noise of a cell is ``(sum h_i x_i)^2`` and its
    signal ``sum h_i^2 x_i``, with sum h_i^2 = 1. For independent noise the first has expectation
    ``sum h_i^2 var(x_i)``: on a photon-transfer line, the variance AT the second, whatever the signal does inside the
    cell. Signals linear in y or in x, every plane and every edge along an axis among them, cancel.

    Args:
        tile: Intensities, shape (Y, X), both at least ``MIN_SIDE``, less some constant so that float32 suffices.
        clip: Ends of the scale, less the same constant.

    Returns:
        The measurements, N = (Y - 8) (X - 8).
    """
    second = _filter_rows(_filter_rows(tile, SECOND).T, SECOND).T / np.float32(6.0)
    signal = _filter_rows(_filter_rows(tile, SECOND_SQUARED).T, SECOND_SQUARED).T / np.float32(36.0)
    surround, structure = _surroundings(tile)
    inner = (slice(MARGIN, second.shape[0] - MARGIN), slice(MARGIN, second.shape[1] - MARGIN))
    return Cells(
        signal=signal[inner].ravel(),
        noise=(second[inner] ** 2).ravel(),
        surround=surround.ravel(),
        structure=structure.ravel(),
        clipped_low=_any_in_cell(clip.is_low(tile))[inner].ravel(),
        clipped_high=_any_in_cell(clip.is_high(tile))[inner].ravel(),
        along_y=(_lags(tile, SECOND, transposed=False), _lags(tile, FOURTH, transposed=False)),
        along_x=(_lags(tile.T, SECOND, transposed=True), _lags(tile.T, FOURTH, transposed=True)),
    )


def _filter_rows(image: Map, taps: tuple[float, ...]) -> Map:
    """Correlate along the last axis; only positions where all taps fit, so it gets shorter by len(taps) - 1."""
    length = image.shape[1] - len(taps) + 1
    result = np.zeros((image.shape[0], length), dtype=np.float32)
    for offset, tap in enumerate(taps):
        result += np.float32(tap) * image[:, offset : offset + length]
    return result


def _any_in_cell(mask: npt.NDArray[np.bool_]) -> Map:
    counts = _filter_rows(_filter_rows(mask.astype(np.float32), (1.0,) * CELL).T, (1.0,) * CELL).T
    return (counts > 0.5).astype(np.float32)


def _surroundings(tile: Map) -> tuple[Map, Map]:
    """Mean and scatter of the eight 2x2 boxes around each inner cell, shape (Y - 8, X - 8) each."""
    means = _filter_rows(_filter_rows(tile, (1.0,) * BOX).T, (1.0,) * BOX).T / np.float32(BOX**2)
    num_y, num_x = tile.shape[0] - MIN_SIDE + 1, tile.shape[1] - MIN_SIDE + 1
    near, middle, far = 0, (MIN_SIDE - BOX) // 2, MIN_SIDE - BOX
    starts = [(y, x) for y in (near, middle, far) for x in (near, middle, far) if not y == x == middle]
    ring = [means[y : y + num_y, x : x + num_x] for y, x in starts]
    mean = np.zeros((num_y, num_x), dtype=np.float32)
    for box in ring:
        mean += box / np.float32(len(ring))
    scatter = np.zeros((num_y, num_x), dtype=np.float32)
    for box in ring:
        scatter += (box - mean) ** 2 * np.float32(BOX**2)
    return mean, scatter


def _lags(tile: Map, taps: tuple[float, ...], transposed: bool) -> Lags:
    """Products along the first axis of a residual taken along the second, for every inner cell's centre.

    A difference along x takes the signal away, and leaves the correlation ALONG Y of separable noise as it was.
    """
    residual = _filter_rows(tile, taps) / np.float32(np.linalg.norm(taps))
    centre, reach = MARGIN + CELL // 2, len(taps) // 2
    height, width = tile.shape[0] - 2 * centre, tile.shape[1] - 2 * centre
    columns = residual[:, centre - reach : centre - reach + width]
    before, here, after = (columns[centre + step : centre + step + height] for step in (-1, 0, 1))
    products = (here**2, here * (before + after) / np.float32(2.0), before * after)
    energy, one, two = ((part.T if transposed else part).ravel() for part in products)
    return Lags(energy=energy, one=one, two=two)
