"""The fit of the histogram noise model: rows counted in units of their own noise, merged and smoothed.

The shape of noise, in units of its standard deviation, changes slowly with the signal. Residuals are therefore counted
in units of the standard deviation that the photon-transfer line gives. So the grid of a row is as fine as its noise
needs at any brightness, and a row with few pixels can use those of its neighbours and still keep its own width.
Published tables have bins of one width; in images of high dynamic range these are coarser than the noise of dark
pixels.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

from quietscope.errors import NoiseError
from quietscope.noise.clipping import ClipLevels
from quietscope.noise.noise_model import Samples
from quietscope.noise.pairs import FloatArray, flatten_pairs
from quietscope.noise.photon_transfer import MAX_CLIPPED, bins_from_pairs, fit_line

NUM_BINS_OF_LINE = 100
MIN_ROWS = 8

POOLED_SHARE = 1.0 / 32.0
FEWEST_POOLED, MOST_POOLED = 1_000, 20_000
"""Number of pixels that a row is filled up to from its neighbours: a thirty-second of all, within these bounds. A
density smoothed from 20,000 pixels is within 0.001 nat of the true one."""

KERNEL = 0.9
"""Silverman's factor: the kernel's standard deviation is 0.9 min(sigma, IQR / 1.34) n^(-1/5)."""

STEPS_SMOOTHED = 0.5
"""Least standard deviation of the kernel, in steps of integer data; it leaves 1 % of the comb of whole numbers."""

WIDEST_KERNEL = 8.0
NUM_KERNELS = 7
"""The kernel is wider where pixels are rare: its width grows with one over the square root of their density (Abramson,
Annals of Statistics 10 (1982)), up to 8 times. Otherwise the farthest residuals would stay single peaks with steep
sides."""

CLOSEST, FARTHEST = 0.03, 0.25
"""Distance between two rows, in standard deviations of the noise. Rows with fewer than MOST_POOLED pixels are far
apart, since the slope between close rows of few pixels is random. Rows with more pixels are close, since noise of few
photons has peaks that stay in place while the signal changes."""

RANGE_QUANTILE = 5e-5
MARGIN = 1.0
WIDEST = 24.0
"""The grid extends from the lower to the upper RANGE_QUANTILE of the residuals and MARGIN standard deviations further,
but never beyond WIDEST standard deviations, so that a few hot pixels do not make it coarse."""

LARGEST_SHARE_OUTSIDE = 0.05
_FINE = 1 << 15


@dataclass(frozen=True, kw_only=True)
class HistogramFit:
    """The arguments of ``Histogram``, and the share of the pixels outside the grids of their rows."""

    knots: FloatArray
    widths: FloatArray
    masses: FloatArray
    gain: float
    share_outside: float


class _Grid(NamedTuple):
    """Grid that residuals are counted on.

    Attributes:
        knots: Signals of the rows, shape (R,), intensity units.
        sigma: Standard deviation of the noise of each row, shape (R,), intensity units.
        start: Residual of the first node, in standard deviations.
        end: Residual of the last node, in standard deviations.
        num_nodes: Nodes in each row.
        gain: Slope of the photon-transfer line, intensity units.
    """

    knots: FloatArray
    sigma: FloatArray
    start: float
    end: float
    num_nodes: int
    gain: float

    @property
    def step(self) -> float:
        """Distance between nodes in standard deviations."""
        return (self.end - self.start) / (self.num_nodes - 1)


class _Counts(NamedTuple):
    """Counted pixels.

    Attributes:
        nodes: Pixels per row and node, shape (R, K).
        clipped: Clipped pixels per row, shape (R,).
        total: All pixels per row, shape (R,).
    """

    nodes: FloatArray
    clipped: FloatArray
    total: FloatArray


def fit_histogram(signal: Samples, observation: Samples, num_bins: int, clip: ClipLevels) -> HistogramFit:
    """Fit the rows of a histogram.

    1. Knots and grids are placed by the photon-transfer line: knots a quarter of the noise apart, or closer where there
       are many pixels.
    2. Every pixel counts in the two rows around its signal, weighted by its distance from them (linear interpolation,
       as the table will be read).
    3. Rows with more than ``MAX_CLIPPED`` of their pixels clipped are emptied.
    4. Every row adds the pixels of as many neighbouring rows as it needs to hold a thirty-second of all pixels; this
       also fills the empty rows. Then rows are averaged with their two neighbours, 1 : 2 : 1, because the gradient in s
       needs rows that change smoothly.
    5. Every row is smoothed along the residual by a kernel of Silverman's width, at least half a step of integer data,
       and wider where pixels are rare. Its nodes are then moved closer together so that the variance is again that of
       the pixels.

    Args:
        signal: Clean signal, any shape.
        observation: Noisy observation, the same shape.
        num_bins: Number of nodes in each row, and largest number of rows.
        clip: Clipping levels.

    Returns:
        The rows, and the share of the pixels outside their grids.

    Raises:
        NoiseError: If the shapes differ, signal and observation are equal, all pixels have the same signal, or
            there are fewer than 8 bins.
    """
    if num_bins < MIN_ROWS:
        raise NoiseError(f"at least {MIN_ROWS} bins", f"num_bins={num_bins}", "leave it out for 256")
    s, x = flatten_pairs(signal, observation)
    grid = _make_grid(s, x, num_bins, clip)
    counts = _count(s, x, grid, clip)
    # Whether a row of few pixels is clipped is decided together with its neighbours.
    aim = float(np.clip(POOLED_SHARE * s.size, FEWEST_POOLED, MOST_POOLED))
    around = _windows(counts.total, aim / 8.0)
    whole = _window_sums(counts.clipped, around) <= MAX_CLIPPED * _window_sums(counts.total, around)
    nodes = counts.nodes * whole[:, None] if counts.nodes[whole].any() else counts.nodes
    pooled = _window_sums(nodes, _windows(nodes.sum(axis=1), aim))
    masses, shrink = np.empty_like(pooled), np.empty(grid.knots.size)
    for row, raw in enumerate(_blend_neighbours(pooled)):
        masses[row], shrink[row] = _smooth(raw, STEPS_SMOOTHED * clip.step / (grid.sigma[row] * grid.step))
    outside = 1.0 - float(counts.nodes.sum()) / s.size
    return HistogramFit(
        knots=grid.knots,
        widths=grid.sigma * grid.step * shrink,
        masses=masses,
        gain=grid.gain,
        share_outside=min(max(outside, 0.0), LARGEST_SHARE_OUTSIDE),
    )


def _make_grid(s: FloatArray, x: FloatArray, num_bins: int, clip: ClipLevels) -> _Grid:
    """Place the rows by the noise of their signals, and choose the range of residuals that their nodes cover."""
    low, high = float(s.min()), float(s.max())
    if not high > low:
        raise NoiseError("signals of more than one intensity", f"{low:g} throughout", "use sigma=NUMBER instead")
    bins = bins_from_pairs(s, x, NUM_BINS_OF_LINE, clip, rare=True)
    gain, intercept = fit_line(bins, clip.low)
    usable = (bins.clipped_low <= MAX_CLIPPED) & (bins.clipped_high <= MAX_CLIPPED) & (bins.variance > 0.0)
    smallest = float(bins.variance[usable if usable.any() else bins.variance > 0.0].min())

    def sigma(at: FloatArray) -> FloatArray:
        root: FloatArray = np.sqrt(np.maximum(gain * at + intercept, 0.5 * smallest))
        return root

    knots = _place_knots(s, sigma, num_bins)
    inside = ~(clip.is_low(x) | clip.is_high(x))
    relative = ((x - s) / sigma(s))[inside if inside.any() else slice(None)]
    start, end = np.quantile(relative, [RANGE_QUANTILE, 1.0 - RANGE_QUANTILE])
    return _Grid(
        knots=knots,
        sigma=sigma(knots),
        start=max(min(float(start), 0.0) - MARGIN, -WIDEST),
        end=min(max(float(end), 0.0) + MARGIN, WIDEST),
        num_nodes=num_bins,
        gain=gain,
    )


def _place_knots(s: FloatArray, sigma: Callable[[FloatArray], FloatArray], num_bins: int) -> FloatArray:
    """Return the signals of the rows, from the lowest to the highest signal; see ``CLOSEST``."""
    fine = np.linspace(float(s.min()), float(s.max()), _FINE)
    inverse = 1.0 / sigma(fine)
    areas = 0.5 * (inverse[1:] + inverse[:-1]) * (fine[1] - fine[0])
    stabilized = np.concatenate([[0.0], np.cumsum(areas)])
    edges = np.linspace(0.0, stabilized[-1], max(MIN_ROWS, int(stabilized[-1] / CLOSEST)) + 1)
    cells: FloatArray = np.histogram(s, np.interp(edges, stabilized, fine))[0].astype(np.float64)
    # Smoothed, because signals that are whole numbers fall into some of the cells only.
    cells = gaussian_filter1d(cells, 0.5 * FARTHEST / CLOSEST, mode="nearest")
    rows = np.concatenate([[0.0], np.cumsum(np.clip(cells / MOST_POOLED, CLOSEST / FARTHEST, 1.0))])
    num_rows = int(np.clip(np.ceil(rows[-1]) + 1, MIN_ROWS, num_bins))
    even: FloatArray = np.interp(np.linspace(0.0, rows[-1], num_rows), rows, edges)
    knots: FloatArray = np.interp(even, stabilized, fine)
    return knots


def _count(s: FloatArray, x: FloatArray, grid: _Grid, clip: ClipLevels) -> _Counts:
    """Count every pixel in the two rows around its signal, with weights as in linear interpolation."""
    num_rows, num_nodes = grid.knots.size, grid.num_nodes
    left = np.clip(np.searchsorted(grid.knots, s, side="right") - 1, 0, num_rows - 2)
    part = np.clip((s - grid.knots[left]) / (grid.knots[left + 1] - grid.knots[left]), 0.0, 1.0)
    is_clipped = clip.is_low(x) | clip.is_high(x)
    nodes, clipped, total = np.zeros(num_rows * num_nodes), np.zeros(num_rows), np.zeros(num_rows)
    for row, weight in ((left, 1.0 - part), (left + 1, part)):
        node = np.rint(((x - s) / grid.sigma[row] - grid.start) / grid.step)
        inside = (node >= 0) & (node < num_nodes)
        cell = (row[inside] * num_nodes + node[inside]).astype(np.intp)
        nodes += np.bincount(cell, weights=weight[inside], minlength=nodes.size)
        clipped += np.bincount(row, weights=weight * is_clipped, minlength=num_rows)
        total += np.bincount(row, weights=weight, minlength=num_rows)
    return _Counts(nodes=nodes.reshape(num_rows, num_nodes), clipped=clipped, total=total)


def _windows(total: FloatArray, aim: float) -> npt.NDArray[np.intp]:
    """Return, for every row, the smallest window of rows centred on it that holds ``aim`` pixels.

    Args:
        total: Number of pixels of every row, shape (R,).
        aim: Wanted number of pixels; all pixels if there are fewer.

    Returns:
        First row, and row after the last, of each window, shape (2, R). Windows are cut at the first and last row.
    """
    num_rows = total.size
    cumulative = np.concatenate([[0.0], np.cumsum(total)])
    row = np.arange(num_rows)
    windows = np.stack([row, row + 1])
    wanted = min(aim, float(total.sum()) * (1.0 - 1e-9))
    for reach in range(1, num_rows):
        thin = cumulative[windows[1]] - cumulative[windows[0]] < wanted
        if not thin.any():
            break
        windows[0, thin] = np.maximum(row[thin] - reach, 0)
        windows[1, thin] = np.minimum(row[thin] + reach + 1, num_rows)
    return windows


def _window_sums(values: FloatArray, windows: npt.NDArray[np.intp]) -> FloatArray:
    """Sum ``values``, shape (R, ...), over each window; same shape."""
    cumulative = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])
    sums: FloatArray = cumulative[windows[1]] - cumulative[windows[0]]
    return np.maximum(sums, 0.0)


def _blend_neighbours(rows: FloatArray) -> FloatArray:
    """Average the shape of every row with those of its two neighbours, 1 : 2 : 1; keep its number of pixels."""
    total = rows.sum(axis=1, keepdims=True)
    shape = np.pad(rows / total, ((1, 1), (0, 0)), mode="edge")
    blended: FloatArray = total * (0.25 * shape[:-2] + 0.5 * shape[1:-1] + 0.25 * shape[2:])
    return blended


def _smooth(counts: FloatArray, least: float) -> tuple[FloatArray, float]:
    """Smooth one row by a normal kernel, and find the factor for the distance of its nodes that restores the variance.

    Args:
        counts: Number of pixels per node, shape (K,).
        least: Least standard deviation of the kernel, in nodes.

    Returns:
        Masses of sum 1, shape (K,), and the factor, at most 1.
    """
    num_pixels = float(counts.sum())
    node = np.arange(counts.size, dtype=np.float64)
    variance = _variance(counts, node)
    quartiles = np.interp([0.25 * num_pixels, 0.75 * num_pixels], np.cumsum(counts), node)
    spread = float(quartiles[1] - quartiles[0]) / 1.34
    scale = min(np.sqrt(variance), spread) if spread > 0.0 else np.sqrt(variance)
    kernel = max(KERNEL * scale * num_pixels**-0.2, least, 0.5)
    smooth = _smooth_adaptively(counts, kernel)
    masses: FloatArray = smooth / smooth.sum()
    # Rounding to nodes has added 1/12 to the variance of the pixels; reading the row as a polygon will add 1/6.
    wanted, got = max(variance - 1.0 / 12.0, 0.25 * variance), _variance(masses, node) + 1.0 / 6.0
    return masses, float(np.sqrt(min(1.0, wanted / got))) if wanted > 0.0 else 1.0


def _smooth_adaptively(counts: FloatArray, kernel: float) -> FloatArray:
    """Spread every pixel by a normal kernel, wider where a first smoothing has found few pixels."""
    pilot = gaussian_filter1d(counts, kernel, mode="constant", truncate=5.0)
    held = counts > 0.0
    typical = float(np.exp(np.average(np.log(pilot[held]), weights=counts[held])))
    factor = np.clip(np.sqrt(typical / np.maximum(pilot, 1e-300)), 1.0, WIDEST_KERNEL)
    # Instead of a kernel for every width there are a few, and a pixel is shared between the two nearest in width.
    position = np.log(factor) / np.log(WIDEST_KERNEL) * (NUM_KERNELS - 1)
    smooth = np.zeros_like(counts)
    for number in range(NUM_KERNELS):
        share = counts * np.maximum(0.0, 1.0 - np.abs(position - number))
        width = kernel * WIDEST_KERNEL ** (number / (NUM_KERNELS - 1))
        smooth += gaussian_filter1d(share, width, mode="constant", truncate=5.0)
    return np.maximum(smooth, 0.0)


def _variance(counts: FloatArray, node: FloatArray) -> float:
    share = counts / counts.sum()
    return float(share @ (node - share @ node) ** 2)
