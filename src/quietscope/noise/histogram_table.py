"""Conversion between the histogram noise model and the table that PN2V publishes, of shape (3, bins, bins).

Plane 0 of the table holds the probabilities p(bin of x | bin of s), one row per bin of s. Planes 1 and 2 hold the lower
and upper edges of the bins, which are the same for x and s; every element of row i is edge i. Tables in which every
element of column i is edge i are read too. Probabilities are placed at bin CENTRES, and each row is shifted so that its
mean is the centre of its bin of s.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from quietscope.errors import NoiseError
from quietscope.noise.histogram import Histogram
from quietscope.noise.pairs import FloatArray

HOW_TO_MAKE_ONE = "fit one with `quietscope noise fit --model histogram`"
FEWEST_BINS, MOST_BINS = 256, 1024
BINS_PER_SIGMA = 2.0
"""Wanted number of bins per standard deviation of the narrowest row; ``MOST_BINS`` may allow fewer."""

MARGIN = 4.0
"""Standard deviations by which the table extends beyond the lowest and the highest signal."""

_EMPTY = 1e-20
"""Largest sum of a row whose signal does not occur in the data: published files have 1e-30 in all of its bins."""

_TOLERANCE = 1e-3
"""Relative difference of bin widths that counts as rounding of float32 edges."""


def histogram_from_table(table: npt.NDArray[np.generic]) -> Histogram:
    """Build the model from a published table.

    Rows of signals that do not occur in the data are all zero; they get the shape of the nearest other row.

    Args:
        table: Shape (3, bins, bins); see the module.

    Returns:
        The model.

    Raises:
        NoiseError: If the table has another shape, or its values are no probabilities and bin edges.
    """
    if table.ndim != 3 or table.shape[0] != 3 or table.shape[1] != table.shape[2] or table.shape[1] < 2:
        raise NoiseError("a histogram of shape (3, bins, bins)", f"shape {table.shape}", HOW_TO_MAKE_ONE)
    if table.dtype.kind not in "fiu":
        raise NoiseError("a histogram of numbers", f"dtype {table.dtype}", HOW_TO_MAKE_ONE)
    rows, lower, upper = table.astype(np.float64)
    if not np.isfinite(table.astype(np.float64)).all():
        raise NoiseError("finite probabilities and edges", "NaN or infinity among them", HOW_TO_MAKE_ONE)
    if (rows < 0.0).any() or not (rows.sum(axis=1) > _EMPTY).any():
        got = "negative ones, or nothing but zeros"
        raise NoiseError("probabilities of zero or more, not all zero", got, HOW_TO_MAKE_ONE)
    centres, width = _bins_of(lower, upper)
    seen = np.flatnonzero(rows.sum(axis=1) > _EMPTY)
    number = np.arange(len(rows))
    nearest = seen[np.abs(number[:, None] - seen[None, :]).argmin(axis=1)]
    filled = np.stack([_move(rows[near], row - near) for row, near in zip(number, nearest, strict=True)])
    filled /= filled.sum(axis=1, keepdims=True)
    return Histogram(torch.from_numpy(centres), torch.full((len(rows),), width), torch.from_numpy(filled))


def table_from_histogram(model: Histogram) -> FloatArray:
    """Convert a model to a published table.

    A model that was read from a table gives the same table again, with its empty rows filled. Any other model has rows
    of different widths; it is evaluated on a common grid, the probability of every bin of x at the centre of every bin
    of s. If the noise of dark pixels is far narrower than the range of signals, that grid is coarser than the model;
    only a ``.safetensors`` file keeps the model unchanged.

    Args:
        model: The model.

    Returns:
        The table, shape (3, bins, bins).
    """
    widths, knots = model.widths.detach().double().cpu(), model.knots.detach().double().cpu()
    width = float(widths.mean())
    num_rows, num_nodes = model.masses.shape
    is_table = num_rows == num_nodes and bool(((widths - width).abs() <= _TOLERANCE * width).all())
    if is_table and bool(((knots.diff() - width).abs() <= _TOLERANCE * width).all()):
        edges = np.linspace(float(knots[0]) - 0.5 * width, float(knots[-1]) + 0.5 * width, num_rows + 1)
        masses = model.masses.detach().double().cpu()
        return _as_planes((masses / masses.sum(dim=1, keepdim=True)).numpy(), edges)
    sigma = model.variance(model.knots).sqrt().double().cpu()
    low, high = float(knots[0] - MARGIN * sigma[0]), float(knots[-1] + MARGIN * sigma[-1])
    num_bins = int(np.clip(np.ceil(BINS_PER_SIGMA * (high - low) / float(sigma.min())), FEWEST_BINS, MOST_BINS))
    edges = np.linspace(low, high, num_bins + 1)
    signals = torch.from_numpy(0.5 * (edges[:-1] + edges[1:])).to(model.knots.device)
    below = torch.stack([_below(model, float(edge), signals) for edge in edges], dim=1).numpy()
    rows = np.maximum(np.diff(below, axis=1), 0.0)
    return _as_planes(rows / rows.sum(axis=1, keepdims=True), edges)


def _below(model: Histogram, edge: float, signals: Tensor) -> Tensor:
    return model.log_tail(edge, signals, upper=False).detach().double().exp().cpu()


def _as_planes(rows: FloatArray, edges: FloatArray) -> FloatArray:
    lower, upper = (np.broadcast_to(side[:, None], rows.shape) for side in (edges[:-1], edges[1:]))
    return np.stack([rows, lower, upper])


def _bins_of(lower: FloatArray, upper: FloatArray) -> tuple[FloatArray, float]:
    """Return centres and width of the bins; refuse bins that overlap, leave gaps, or differ in width."""
    if lower[0, 0] != lower[1, 0]:
        lower, upper = lower.T, upper.T
    edges = np.append(lower[0], upper[0, -1])
    width = float(edges[-1] - edges[0]) / lower.shape[1]
    constant = np.array_equal(lower, np.broadcast_to(lower[0], lower.shape)) and np.array_equal(
        upper, np.broadcast_to(upper[0], upper.shape)
    )
    if not (constant and width > 0.0 and (np.diff(edges) > 0.0).all()):
        got = "edges that decrease, or differ within a row"
        raise NoiseError("bin edges that increase, one for each row", got, HOW_TO_MAKE_ONE)
    even = np.abs(np.diff(edges) - width).max() <= _TOLERANCE * width
    if not (even and np.abs(lower[0, 1:] - upper[0, :-1]).max() <= _TOLERANCE * width):
        got = "bins of different widths, or with gaps"
        raise NoiseError("bins of one width, each beginning where the last ends", got, HOW_TO_MAKE_ONE)
    return edges[0] + width * (np.arange(lower.shape[1]) + 0.5), width


def _move(row: FloatArray, distance: int) -> FloatArray:
    """Move a row by whole bins; leave it unchanged if more than half of it would move out of the table."""
    moved = np.zeros_like(row)
    source = slice(max(0, -distance), len(row) - max(0, distance))
    target = slice(max(0, distance), len(row) - max(0, -distance))
    moved[target] = row[source]
    return moved if moved.sum() > 0.5 * row.sum() else row
