"""Noise of cells of 3x3 pixels, and signal and structure of their surroundings.

These come from different pixels on purpose. The noise of a cell is measured in the cell; its bin, and whether there is
structure, are determined from eight boxes around the cell, one pixel away from it. So the noise in a cell does not
influence its bin (which would tilt the photon-transfer line: regression dilution), nor whether the cell is used (which
would prefer cells that are quiet by chance).
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
"""Pixels between a cell and the outer edge of its surroundings."""

MIN_SIDE = 2 * MARGIN + CELL
"""Smallest side of a tile that holds a cell with its surroundings."""

SECOND = (1.0, -2.0, 1.0)
SECOND_SQUARED = (1.0, 4.0, 1.0)
FOURTH = (1.0, -4.0, 6.0, -4.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class Lags:
    """Products of a residual r with its neighbours along one axis, each of shape (N,).

    Attributes:
        energy: r(i)^2.
        one: r(i) (r(i-1) + r(i+1)) / 2; its sum divided by that of ``energy`` is the lag-1 correlation.
        two: r(i-1) r(i+1); its sum divided by that of ``energy`` is the lag-2 correlation.
    """

    energy: Map
    one: Map
    two: Map

    def select(self, keep: npt.NDArray[np.bool_]) -> "Lags":
        """Return those of the cells for which ``keep``, shape (N,), is true."""
        return Lags(energy=self.energy[keep], one=self.one[keep], two=self.two[keep])


@dataclass(frozen=True, kw_only=True)
class Cells:
    """Measurements of N cells; every array has shape (N,), in intensity units or their squares.

    Attributes:
        signal: Mean of the cell's pixels, with the weights that their variances have in ``noise``.
        noise: Squared high-pass difference; its expectation is the noise variance if the signal is smooth.
        surround: Mean of the eight boxes around the cell.
        structure: Scatter of the box means b_i, ``sum (b_i - mean)^2`` times the pixels of a box. Divided by the noise
            variance it is chi-square distributed with 7 degrees of freedom if the signal is flat.
        clipped_low: 1 if a pixel of the cell is at the lower clipping level, else 0.
        clipped_high: 1 if a pixel of the cell is at the upper clipping level, else 0.
        along_y: Products along y, for second and for fourth differences along x.
        along_x: Products along x, for second and for fourth differences along y.
    """

    signal: Map
    noise: Map
    surround: Map
    structure: Map
    clipped_low: Map
    clipped_high: Map
    along_y: tuple[Lags, Lags]
    along_x: tuple[Lags, Lags]

    def select(self, keep: npt.NDArray[np.bool_]) -> "Cells":
        """Return the cells for which ``keep``, shape (N,), is true."""
        (down, down_fourth), (right, right_fourth) = self.along_y, self.along_x
        return Cells(
            signal=self.signal[keep],
            noise=self.noise[keep],
            surround=self.surround[keep],
            structure=self.structure[keep],
            clipped_low=self.clipped_low[keep],
            clipped_high=self.clipped_high[keep],
            along_y=(down.select(keep), down_fourth.select(keep)),
            along_x=(right.select(keep), right_fourth.select(keep)),
        )


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
    """Measure all 3x3 cells of a tile whose surroundings lie inside the tile; cells overlap.

    With h the outer product of (1, -2, 1) / sqrt 6 with itself, the noise of a cell is ``(sum h_i x_i)^2`` and its
    signal ``sum h_i^2 x_i``, with sum h_i^2 = 1. For independent noise the former has the expectation
    ``sum h_i^2 var(x_i)``. If the variance is linear in the signal, that is the variance at exactly the latter, however
    the signal varies inside the cell. Signals that are linear in y or in x cancel: every inclined plane, and every edge
    along an axis.

    Args:
        tile: Intensities less a constant, so that float32 is precise enough; shape (Y, X), both at least ``MIN_SIDE``.
        clip: Clipping levels less the same constant.

    Returns:
        The measurements of N = (Y - 8) (X - 8) cells.
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
    """Correlate with filter taps along the last axis without padding: (Y, X) to (Y, X - len(taps) + 1)."""
    length = image.shape[1] - len(taps) + 1
    result = np.zeros((image.shape[0], length), dtype=np.float32)
    for offset, tap in enumerate(taps):
        result += np.float32(tap) * image[:, offset : offset + length]
    return result


def _any_in_cell(mask: npt.NDArray[np.bool_]) -> Map:
    counts = _filter_rows(_filter_rows(mask.astype(np.float32), (1.0,) * CELL).T, (1.0,) * CELL).T
    return (counts > 0.5).astype(np.float32)


def _surroundings(tile: Map) -> tuple[Map, Map]:
    """Mean and scatter of the eight 2x2 boxes around each cell, shape (Y - 8, X - 8) each."""
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
    """Products along the first axis of differences along the second, at the centre of every cell.

    A difference along x removes the signal; the correlation ALONG Y of separable noise stays as it was.
    """
    residual = _filter_rows(tile, taps) / np.float32(np.linalg.norm(taps))
    centre, reach = MARGIN + CELL // 2, len(taps) // 2
    height, width = tile.shape[0] - 2 * centre, tile.shape[1] - 2 * centre
    columns = residual[:, centre - reach : centre - reach + width]
    before, here, after = (columns[centre + step : centre + step + height] for step in (-1, 0, 1))
    products = (here**2, here * (before + after) / np.float32(2.0), before * after)
    energy, one, two = ((part.T if transposed else part).ravel() for part in products)
    return Lags(energy=energy, one=one, two=two)
