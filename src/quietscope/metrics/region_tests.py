"""Squares of a residual are tested for what noise cannot explain; the equations are those of `unexplained`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import pearson3

from quietscope.metrics.squares import CELL, SUMS, Cells
from quietscope.metrics.unexplained import Kind, Square

FALSE_ALARMS = 0.003
"""Squares of a perfect result that are found on average, in all of an image."""

SIDES = (4, 8, 16, 32)
"""Sides of the squares in pixels; those of one size lie half a side apart, the smallest side by side."""

TESTS_PER_PIXEL = 2 / 16 + 4 / 16 + 8 / 64 + 8 / 256
"""Tests of all squares, for every pixel of an image: squares of each size per pixel, times their tests."""

FULL = 0.5
"""A square is tested where at least this share of its pixels was measured."""

CORRELATED = 0.1
"""Usual correlation along an axis from which nothing is judged along it: the noise itself is correlated."""

BINS = 8
"""Classes of brightness that variance, skewness and tails of the noise are measured in."""

CONTRAST = 1.0
"""A result can be told to be blurred where its fine contrast has this many times the power of the noise: where it has
less, what a result owes to the noise of the very pixel looks the same."""

OFF = 0.25
"""Deviations of the noise by which a mean must be off: over 1,024 pixels less can be told from noise, but not seen."""

BLURRED, MADE_UP = 0.1, 0.2
"""Shares of the fine contrast from which it counts as missing, or as the result's alone."""

SCATTERED, LEFT = 1.5, 0.5
"""The variance of a residual, over that of places as bright, above and below which it can be too large or too small."""

_LIKELY = 3.0
"""Standard errors below which no probability is computed."""

_RANK: dict[Kind, int] = {
    "too dark": 0,
    "too bright": 0,
    "blurred": 1,
    "made up": 1,
    "correlated": 2,
    "scattered": 3,
    "noise left": 3,
}
"""What is off in its mean is correlated and scattered too, so that the mean says it best."""

_FEWEST = 20
"""Squares that a spread is measured on."""

_Values = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Finding(Square):
    """A square in a band of rows, in which its first row counts.

    Attributes:
        band: Number of the band.
    """

    band: int


@dataclass(frozen=True)
class _Squares:
    """All squares of one size: sums by name, band, first row and first column, (N,) each."""

    sums: dict[str, _Values]
    band: npt.NDArray[np.intp]
    y: npt.NDArray[np.intp]
    x: npt.NDArray[np.intp]
    side: int

    def __getitem__(self, name: str) -> _Values:
        return self.sums[name]


@dataclass(frozen=True)
class _Noise:
    """What noise is like at each brightness.

    Attributes:
        edges: Levels between the classes of brightness, (K - 1,).
        moments: What is cut off, variance, skewness and kurtosis of each class, (4, K).
    """

    edges: _Values
    moments: _Values

    @classmethod
    def of(cls, cells: _Squares) -> "_Noise":
        """Measure it in cells."""
        level = cells["s"] / cells["n"]
        edges = np.unique(np.quantile(level, np.linspace(0.0, 1.0, BINS + 1)[1:-1])) if level.size else np.zeros(0)
        number = np.searchsorted(edges, level, side="right")
        moments = np.tile([[0.0], [1.0], [0.0], [3.0]], edges.size + 1)
        for each in np.unique(number):
            mine = number == each
            total, names = cells["n"][mine].sum(), ("cut", "w2", "w3", "w4")
            cut, second, third, fourth = (cells[name][mine].sum() / total for name in names)
            if second > 0.0:
                moments[:, each] = cut, second, third / second**1.5, max(fourth / second**2, 1.5)
        return cls(edges, moments)

    def at(self, squares: _Squares) -> _Values:
        """Return what is cut off, variance, skewness and kurtosis at the brightness of squares, (4, N)."""
        found: _Values = self.moments[:, np.searchsorted(self.edges, squares["s"] / squares["n"], side="right")]
        return found


def findings(bands: Sequence[Cells], num_pixels: int) -> list[Finding]:
    """Find what is not explained by noise.

    Args:
        bands: Sums of the cells of some bands of a channel, see `quietscope.metrics.squares.measure`; what is usual in
            all of them is the measure of what stands out.
        num_pixels: Pixels of the whole image, all channels: for tests on all of them allowance is made.

    Returns:
        The squares, no two of which overlap.
    """
    least = -np.log10(FALSE_ALARMS / (TESTS_PER_PIXEL * max(num_pixels, 1)))
    sizes = list(_sizes(bands))
    if not sizes[0]["w2"].any():  # nothing was measured, or nothing removed
        return []
    noise = _Noise.of(sizes[0])
    found = [
        Finding(
            band=int(squares.band[n]),
            y=int(squares.y[n]),
            x=int(squares.x[n]),
            side=squares.side,
            kind=kind,
            evidence=float(evidence[n]),
            size=float(size[n]),
        )
        for squares in sizes
        for kind, evidence, size in _tests(squares, noise.at(squares))
        for n in np.flatnonzero(evidence >= least)
    ]
    return _apart(found, bands)


def _sizes(bands: Sequence[Cells]) -> Iterator[_Squares]:
    """Yield the squares of each size, of all bands together; those that lie in gaps are left out."""
    blocks, step = [np.asarray(band, np.float64) for band in bands], CELL
    for side in SIDES:
        if side > CELL:
            squares = [each[:, :-1, :-1] + each[:, 1:, :-1] + each[:, :-1, 1:] + each[:, 1:, 1:] for each in blocks]
        else:
            squares = blocks
        sums = np.concatenate([each.reshape(len(SUMS), -1) for each in squares], axis=1)
        places = np.concatenate([_places(each.shape[1:], number) for number, each in enumerate(squares)], axis=1)
        kept = sums[0] >= FULL * side**2
        if not kept.all():
            sums, places = sums[:, kept], places[:, kept]
        band, y, x = places
        yield _Squares(dict(zip(SUMS, sums, strict=True)), band, y * step, x * step, side)
        if side > CELL:
            blocks, step = [_halved(each) for each in blocks], 2 * step


def _places(shape: Sequence[int], number: int) -> npt.NDArray[np.intp]:
    """Return band, row and column of every square of a band, (3, N)."""
    rows, columns = np.indices(tuple(shape)).reshape(2, -1)
    return np.stack([np.full_like(rows, number), rows, columns])


def _halved(blocks: _Values) -> _Values:
    """Sum blocks (K, rows, columns) by twos along both axes; a last odd one is left out."""
    rows, columns = (length // 2 for length in blocks.shape[1:])
    whole = blocks[:, : 2 * rows, : 2 * columns]
    halved: _Values = whole.reshape(len(blocks), rows, 2, columns, 2).sum(axis=(2, 4))
    return halved


def _tests(squares: _Squares, noise: _Values) -> Iterator[tuple[Kind, _Values, _Values]]:
    """Yield kind, evidence and size of every test of squares of one size."""
    cut, variance, skewness, kurtosis = noise
    n = squares["n"]
    mean = squares["w"] / n + cut
    off = mean * np.sqrt(n)
    spread = _spread(off, 0.0)
    off /= spread
    skewed = skewness / np.sqrt(n)
    yield "too dark", np.where(mean > OFF, _evidence(off, skewed), 0.0), mean
    yield "too bright", np.where(mean < -OFF, _evidence(-off, -skewed), 0.0), -mean
    if squares.side >= 8:
        yield from _of_contrast(squares, skewness, kurtosis, spread)
    if squares.side >= 16:
        yield from _of_correlation(squares, kurtosis)
        ratio = squares["w2"] / n / variance
        error = np.sqrt((kurtosis - 1.0) / n)
        above = (ratio - 1.0) / error
        above /= _spread(above, 0.0)
        yield "scattered", np.where(ratio > SCATTERED, _evidence(above, 2.0 * error), 0.0), ratio
        yield "noise left", np.where(ratio < LEFT, _evidence(-above, -2.0 * error), 0.0), ratio


def _of_contrast(
    squares: _Squares, skewness: _Values, kurtosis: _Values, least: float
) -> Iterator[tuple[Kind, _Values, _Values]]:
    """Yield the tests of what the residual has in common with the fine contrast of the result.

    Noise that is correlated makes the spread as large as that of means, `least`, where the contrast is smooth.
    """
    power = np.maximum(squares["u2"], 1e-12)
    along = squares["wu"] / np.sqrt(power)
    usual = float(np.median(along)) if along.size else 0.0
    spread = max(_spread(along, usual), least)
    share = squares["wu"] / power
    heavy = np.maximum(np.abs(skewness), np.sqrt(np.maximum(kurtosis - 3.0, 0.0) / 1.5))
    heavy = heavy * np.sqrt(np.maximum(squares["u4"], 1e-24)) / power
    more, less = (along - max(usual, 0.0)) / spread, (min(usual, 0.0) - along) / spread
    is_clear = (power >= CONTRAST * squares["n"]) & (share > BLURRED)
    yield "blurred", np.where(is_clear, _evidence(more, heavy), 0.0), share
    yield "made up", np.where(share < -MADE_UP, _evidence(less, heavy), 0.0), -share


def _of_correlation(squares: _Squares, kurtosis: _Values) -> Iterator[tuple[Kind, _Values, _Values]]:
    """Yield the tests of correlation along X and Y, each where the noise itself has none."""
    for products, number in (("px", "nx"), ("py", "ny")):
        count = np.maximum(squares[number], 1.0)
        share, along = squares[products] / count, squares[products] / np.sqrt(count)
        usual = float(np.median(along)) if along.size else 0.0
        if not along.size or usual > CORRELATED * np.sqrt(float(np.median(count))):
            continue
        above = (along - usual) / _spread(along, usual)
        # Products have heavy tails: 27 / n is the excess of Gaussian noise, and as much again where it is skewed.
        tails = np.sqrt((18.0 + np.maximum(kurtosis**2 - 9.0, 0.0) / 3.0) / squares["n"])
        yield "correlated", _evidence(above, tails), share


def _spread(values: _Values, middle: float) -> float:
    """Return the usual distance from the middle in deviations of a normal variable; not below one."""
    if values.size < _FEWEST:
        return 1.0
    return max(1.0, float(np.median(np.abs(values - middle))) / 0.6745)


def _evidence(z: _Values, skewness: _Values) -> _Values:
    """Return -log10 P(Z > z), Z of mean zero, variance one and that skewness (Pearson's type III); 0 for a small z.

    A tail that skewness makes light counts as that of a normal variable: it would end at a z that is not that certain.
    """
    found = np.zeros_like(z)
    likely = z > _LIKELY
    if likely.any():
        logs = pearson3.logsf(z[likely], np.maximum(skewness[likely], 0.0)) / np.log(10.0)
        found[likely] = np.clip(-logs, 0.0, 300.0)
    return found


def _apart(found: list[Finding], bands: Sequence[Cells]) -> list[Finding]:
    """Return findings that do not overlap: the one that says most of a place, `_RANK`, and of equals the surest."""
    taken = [np.zeros(band.shape[1:], dtype=bool) for band in bands]
    kept = []
    for each in sorted(found, key=lambda one: (_RANK[one.kind], -one.evidence, one.side, one.band, one.y, one.x)):
        rows, columns = (slice(start // CELL, (start + each.side) // CELL) for start in (each.y, each.x))
        if not taken[each.band][rows, columns].any():
            taken[each.band][rows, columns] = True
            kept.append(each)
    return kept
