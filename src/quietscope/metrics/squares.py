"""Sums over small cells of a residual, from which squares of several sizes are tested, see `unexplained`.

With the noisy image x, its result s and the variance v of the noise at s, ``w = (x - s) / sqrt(v)`` is noise of
variance one wherever s is the signal. Its sums over cells of 4 x 4 pixels hold all that the tests need of it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter

from quietscope.metrics.coverage import Exposure

CELL = 4
"""Side of a cell in pixels: about the size of the smallest structure that a microscope shows."""

HIGHEST = 5.0
"""Deviations beyond which a residual counts as this much: no single pixel, such as a hot one, is structure."""

WINDOW = 5
"""Side in pixels of the window whose mean is taken away from the result, so that its fine contrast is left."""

ROUNDS, FEWEST_CELLS, DARKEST = 8, 30, 0.01
"""Rounds of a fit, cells that a slope is fitted to, and the share of the cells that count as the darkest level."""

DARK, FLOOR = 0.2, 0.5
"""Share of the cells that are the darkest, and the share of their mean variance that no variance lies below: a line
that is a little too steep would reach zero there."""

HOT = 20.0
"""Deviations beyond which a pixel says nothing of the noise at all."""

STEEPEST, LARGEST = 1e3, 1e38
"""Fine contrast of a result, in deviations of the noise, and sums beyond which they count as this much."""

SUMS = ("n", "s", "w", "cut", "w2", "w3", "w4", "px", "nx", "py", "ny", "wu", "u2", "u4")
"""Pixels; result; the residual w; what was cut off from it; further powers of w; its products with the next two pixels
along X, their number, the same along Y; its product with the fine contrast u of the result, second and fourth power of
that."""

Plane = npt.NDArray[np.float64]
Cells = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Line:
    """Variance of the noise as a line, ``v(s) = height + slope (s - middle)``, never below ``least``."""

    height: float
    slope: float
    middle: float
    least: float

    def at(self, s: Plane) -> Plane:
        """Return the variance at signals s."""
        return np.maximum(self.height + self.slope * (s - self.middle), self.least)


def variance_line(s: Plane, r: Plane) -> Line:
    """Fit the variance of noise to a residual: a line through squared diagonal differences against the result.

    ``E (r_00 - r_01 - r_10 + r_11)^2 = 4 v`` for independent noise; structure is smooth and hardly counts. Cells weigh
    ``1 / v^2``, as their scatter is that of a variance, and count as three times the line where they are above it.

    Args:
        s: The result (Y, X), intensity units.
        r: Its residual, same shape; NaN where nothing was measured.

    Returns:
        The line, of slope zero or more.
    """
    across = r[:, 1:] - r[:, :-1]
    energy = np.square(across[1:] - across[:-1])
    energy /= 4.0
    known = np.isfinite(energy)
    count = _cells(known)
    full = count >= 0.5 * CELL**2
    if not full.any():
        return Line(1.0, 0.0, 0.0, 1.0)
    s = s[:-1, :-1]
    if not known.all():
        s, energy = np.where(known, s, 0.0), np.where(known, energy, 0.0)
    level = (_cells(s)[full] / count[full]).astype(np.float64)
    found = (_cells(energy)[full] / count[full]).astype(np.float64)
    level = np.maximum(level, np.quantile(level, DARKEST))  # a hole far below the background would turn the line
    middle, height = float(level.mean()), float(np.median(found))
    dark = found[level <= np.quantile(level, DARK)]
    least = max(FLOOR * float(dark.mean()), float(np.finfo(np.float32).tiny))
    line = Line(max(height, least), 0.0, middle, least)
    spread = level.std()
    if level.size < FEWEST_CELLS or not spread > 0.0:
        return line
    for _ in range(ROUNDS):
        line = _fitted(line, level, found)
    return line


def _fitted(line: Line, level: Plane, found: Plane) -> Line:
    """Return the line after one more weighted fit."""
    expected = line.at(level)
    clipped, weight = np.minimum(found, 3.0 * expected), 1.0 / expected**2
    total = weight.sum()
    centre, mean = (weight * level).sum() / total, (weight * clipped).sum() / total
    scatter = (weight * (level - centre) ** 2).sum()
    slope = max(float((weight * (level - centre) * clipped).sum() / scatter), 0.0) if scatter > 0.0 else 0.0
    return Line(float(mean + slope * (line.middle - centre)), slope, line.middle, line.least)


def measure(noisy: npt.NDArray[Any], denoised: npt.NDArray[Any], noise: Exposure | None = None) -> Cells:
    """Sum up what cells hold.

    Args:
        noisy: Noisy pixels (Y, X), intensity units; what is not finite is left out.
        denoised: The result, same shape.
        noise: Noise of the noisy image; without it, or where its variance is the smaller one, that of `variance_line`.

    Returns:
        The sums of `SUMS`, (14, rows, columns), of whole and begun cells.
    """
    x, s = np.asarray(noisy, np.float64), np.asarray(denoised, np.float64)
    known = np.isfinite(x) & np.isfinite(s)
    whole_known = bool(known.all())
    if not whole_known:
        s = np.where(known, s, s[known].mean() if known.any() else 0.0)
    r = x - (s if noise is None else noise.mean(s))
    if not whole_known:
        r = np.where(known, r, np.nan)
    variance = variance_line(s, r).at(s)
    if noise is not None:
        variance = np.maximum(variance, noise.variance(s))
    deviation = np.sqrt(variance)
    whole = r / deviation if whole_known else np.where(known, r / deviation, 0.0)
    w = np.clip(whole, -HIGHEST, HIGHEST)
    cut = np.clip(whole, -HOT, HOT) - w
    u = np.clip((s - uniform_filter(s, WINDOW, mode="reflect")) / deviation, -STEEPEST, STEEPEST)
    if not whole_known:
        u = np.where(uniform_filter(known.astype(np.float64), WINDOW, mode="reflect") > 1.0 - 1e-9, u, 0.0)
    square = w * w
    across, width = _neighbours(w, known)
    down, height = _neighbours(w, known, axis=0)
    powers, contrast = (square, square * w, square * square), u * u
    products = (across, width, down, height, w * u, contrast, contrast * contrast)
    level = s if whole_known else s * known
    return np.stack([_cells(part) for part in (known, level, w, cut, *powers, *products)])


def _neighbours(w: Plane, known: npt.NDArray[np.bool_], axis: int = 1) -> tuple[Plane, npt.NDArray[np.int8]]:
    """Return the products of every pixel with the next two along an axis, and how many of them there are."""
    products, count = np.zeros_like(w), np.zeros(w.shape, np.int8)
    for lag in (1, 2):
        here, there = (slice(None, -lag), slice(lag, None))
        if axis == 1:
            products[:, here] += w[:, there] * w[:, here]
            count[:, here] += known[:, there] & known[:, here]
        else:
            products[here] += w[there] * w[here]
            count[here] += known[there] & known[here]
    return products, count


def _cells(plane: npt.NDArray[Any]) -> Cells:
    """Sum a plane (Y, X) over cells; the last ones may be begun only."""
    rows, columns = (-(-length // CELL) for length in plane.shape)
    whole = plane
    if plane.shape != (rows * CELL, columns * CELL):
        whole = np.zeros((rows * CELL, columns * CELL), np.float64)
        whole[: plane.shape[0], : plane.shape[1]] = plane
    # Rows first, which lie next to each other: several times as fast as both axes at once.
    lines = whole.reshape(rows, CELL, columns * CELL).sum(axis=1, dtype=np.float64)
    sums = sum(lines[:, at::CELL] for at in range(CELL))
    kept: Cells = np.clip(sums, -LARGEST, LARGEST).astype(np.float32)
    return kept
