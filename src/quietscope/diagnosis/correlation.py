"""How noise is correlated along an axis: an estimate from blocks, its error, and whether structure could mimic it.

"Energy" is the mean square of a second difference. At a given brightness noise has about the same energy everywhere,
structure has not. So if the energies of the blocks scatter more than those of Gaussian noise with the measured
autocorrelation would, some blocks hold structure.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from quietscope.diagnosis.blocks import SIDE, Blocks, Products
from quietscope.noise.pairs import FloatArray

Verdict: TypeAlias = Literal["correlated", "uncorrelated", "not sure"]

Doubt: TypeAlias = Literal["between", "structure"]
"""Why there is no verdict: the correlation lies between both thresholds, or structure could have caused it."""

FLATTEST = 0.25
"""Share of the blocks of each brightness that is used. The flatter half of these must give about the same result."""

MOST_OF_FEW = 0.5
ENOUGH_BLOCKS = 64
"""Small images have few blocks: up to half of them are used to reach this number."""

NUM_BINS = 20
BLOCKS_PER_BIN, BLOCKS_PER_POINT = 60, 20
MOST_CLIPPED = 0.02
FEWEST_BLOCKS = 16
"""Blocks with a larger share of clipped pixels than MOST_CLIPPED are left out, but FEWEST_BLOCKS are always kept."""

CORRELATED, UNCORRELATED = 0.15, 0.10
"""Lag-1 correlation from which noise counts as correlated, and below which it counts as independent. Below 0.1 a
denoiser that assumes independent noise loses nothing; above 0.15 it leaves the noise in the image as texture."""

HOMOGENEOUS = 2.5
"""Largest ratio, scatter of the blocks' energies over that of Gaussian noise, at which all blocks are taken to hold
nothing but noise: shot noise of a few photons reaches 2, structure begins at 3."""

STRUCTURE_SHARE, STRUCTURE_CORRELATION = 0.5, 0.05
"""A correlation of second differences is put down to structure if fourth differences find one that is lower by both of
these: by this share, and by this amount."""

DISAGREEMENT = 0.07
"""Largest difference, beyond the standard errors, between all flat blocks and the flatter half of them; above it
structure is suspected."""

OUTWEIGHS = 3.0
"""Structure is correlated along both axes. A correlation this many times that of the other axis is due to noise."""

_SMALLEST = 1e-4


@dataclass(frozen=True, kw_only=True)
class AxisCorrelation:
    """Autocorrelation of the noise along one axis.

    Attributes:
        axis: "x", "y", "z" or "t".
        values: Correlation at lags 0, 1, 2, ..., shape (L,); the first is 1.
        errors: Standard errors, shape (L,).
        verdict: Whether neighbours are correlated.
        doubt: Why the verdict is "not sure"; None for the other verdicts.
        reach: Pixels after which a correlation that goes on beyond these lags is below 0.1, or the longest lag that
            could be measured; None where it ends within them.
        is_unending: Whether the correlation does not fall with distance: whole rows or columns are offset.
    """

    axis: str
    values: FloatArray
    errors: FloatArray
    verdict: Verdict
    doubt: Doubt | None = None
    reach: int | None = None
    is_unending: bool = False

    @property
    def neighbours(self) -> float:
        """Correlation at lag 1."""
        return float(self.values[1])

    @property
    def length(self) -> int:
        """Correlation length in pixels: the first lag with a correlation below 0.1; 1 for independent noise."""
        if self.reach is not None:
            return self.reach
        below = np.flatnonzero(self.values < UNCORRELATED)
        return int(below[0]) if below.size else int(self.values.size)


@dataclass(frozen=True)
class EnergyCurve:
    """Energy against brightness: linear between the bins of blocks, constant beyond the outermost bins.

    Attributes:
        mean: Mean brightness of each bin, ascending, shape (K,), intensity units.
        energy: Mean energy of each bin, shape (K,), squared intensity units.
    """

    mean: FloatArray
    energy: FloatArray

    @classmethod
    def fit(cls, mean: FloatArray, energy: FloatArray) -> "EnergyCurve":
        """Average the energies, shape (N,), over blocks of similar brightness."""
        bins = _by_brightness(mean, BLOCKS_PER_POINT)
        least = max(_SMALLEST * float(energy.mean()), float(np.finfo(np.float32).tiny))
        points = [(float(mean[members].mean()), max(float(energy[members].mean()), least)) for members in bins]
        return cls(np.array([at for at, _ in points]), np.array([height for _, height in points]))

    def at(self, mean: FloatArray) -> FloatArray:
        """Return the energy expected of blocks of mean intensity `mean`, same shape."""
        expected: FloatArray = np.interp(mean, self.mean, self.energy)
        return expected


@dataclass(frozen=True, kw_only=True)
class Flat:
    """The flattest blocks of every brightness.

    Attributes:
        blocks: These blocks.
        numbers: Their indices among all blocks, shape (N,).
        curve: Energy against brightness, fitted to these blocks.
        dispersion: Scatter of their energies over that of Gaussian noise; the larger of the values for x and y.
    """

    blocks: Blocks
    numbers: npt.NDArray[np.intp]
    curve: EnergyCurve
    dispersion: float

    @property
    def expected(self) -> FloatArray:
        """Energy that noise has at the brightness of each block, shape (N,)."""
        return self.curve.at(self.blocks.mean)

    @classmethod
    def of(cls, blocks: Blocks, numbers: npt.NDArray[np.intp]) -> "Flat":
        """Select blocks by their indices, and measure how much their energies scatter."""
        kept = blocks.select(numbers)
        scatter = max(_dispersion(kept, kept.x), _dispersion(kept, kept.y))
        return cls(blocks=kept, numbers=numbers, curve=EnergyCurve.fit(kept.mean, kept.energy), dispersion=scatter)


def choose_flat(blocks: Blocks, fraction: float) -> Flat:
    """Choose the flattest blocks of every brightness; then drop the half of the brightnesses with the most structure.

    Args:
        blocks: All blocks.
        fraction: Share of the blocks to choose at each brightness, 0 to 1.

    Returns:
        The chosen blocks.
    """
    order = np.argsort(blocks.clipped, kind="stable")
    usable = order[: max(FEWEST_BLOCKS, int(np.count_nonzero(blocks.clipped <= MOST_CLIPPED)))]
    chosen, roughness = [], []
    for bin_members in _by_brightness(blocks.mean[usable], BLOCKS_PER_BIN):
        members = usable[bin_members]
        flattest = members[np.argsort(blocks.structure[members], kind="stable")]
        flattest = flattest[: max(4, round(fraction * members.size))]
        energy = float(blocks.energy[flattest].mean())
        chosen.append(flattest)
        roughness.append(float(blocks.structure[flattest].mean()) / max(energy, np.finfo(np.float64).tiny))
    flat_enough = np.flatnonzero(np.asarray(roughness) <= np.median(roughness))
    return Flat.of(blocks, np.concatenate([chosen[number] for number in flat_enough]))


def fraction_of(count: int) -> float:
    """Return the share of the blocks to use if there are `count` of them: a quarter, up to a half if there are few."""
    return float(np.clip(ENOUGH_BLOCKS / max(count, 1), FLATTEST, MOST_OF_FEW))


def correlate_plane(blocks: Blocks, flat: Flat) -> tuple[AxisCorrelation, AxisCorrelation]:
    """Measure the autocorrelation of the noise along x and y.

    Args:
        blocks: All blocks.
        flat: The flat blocks among them.

    Returns:
        The correlation along x, and the correlation along y.
    """
    flatter = choose_flat(blocks, 0.5 * fraction_of(blocks.count))
    x = _Measured.of(flat.blocks.x, flat, flatter.blocks.x, flatter)
    y = _Measured.of(flat.blocks.y, flat, flatter.blocks.y, flatter)
    return _judge("x", x, y, flat), _judge("y", y, x, flat)


@dataclass(frozen=True)
class _Measured:
    """Correlation along one axis with its errors, and how far the flatter half of the blocks departs from it."""

    values: FloatArray
    errors: FloatArray
    trend: float

    @classmethod
    def of(cls, products: Products, flat: Flat, half: Products, flatter: Flat) -> "_Measured":
        values, errors = ratios(products.along, flat.expected)
        steep, steep_errors = ratios(products.steep, flat.expected)
        fewer, fewer_errors = ratios(half.along, flatter.expected)
        trend = max(0.0, abs(float(fewer[1] - values[1])) - 2.0 * float(fewer_errors[1]))
        if values[1] - steep[1] > max(STRUCTURE_SHARE * values[1], STRUCTURE_CORRELATION):
            scale = max(steep[1], 0.0) / values[1]
            values = np.concatenate([[1.0], values[1:] * scale])
            values[1], errors[1] = steep[1], steep_errors[1]
        return cls(values, errors, trend)


def _judge(axis: str, here: _Measured, other: _Measured, flat: Flat) -> AxisCorrelation:
    clear = float(here.values[1]) > OUTWEIGHS * float(other.values[1])
    doubtful = (flat.dispersion > HOMOGENEOUS or here.trend > DISAGREEMENT) and not clear
    return judge(axis, here.values, here.errors, doubtful=doubtful)


def judge(axis: str, values: FloatArray, errors: FloatArray, *, doubtful: bool) -> AxisCorrelation:
    """Say whether neighbours along an axis are correlated.

    Args:
        axis: Name of the axis.
        values: Correlation at lags 0, 1, ..., (L,).
        errors: Its standard errors, (L,).
        doubtful: Whether structure could have caused a correlation.

    Returns:
        The correlation with its verdict.
    """
    value, error = float(values[1]), float(errors[1])
    verdict: Verdict = "not sure"
    doubt: Doubt | None = "between"
    if value < UNCORRELATED or value + 2.0 * error < 0.5 * (UNCORRELATED + CORRELATED):
        verdict, doubt = "uncorrelated", None
    elif value >= CORRELATED and value - 2.0 * error > 0.5 * (UNCORRELATED + CORRELATED):
        verdict, doubt = ("not sure", "structure") if doubtful else ("correlated", None)
    return AxisCorrelation(axis=axis, values=values, errors=errors, verdict=verdict, doubt=doubt)


def ratios(products: FloatArray, line: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Turn mean products of residuals into correlations and their standard errors.

    ``r_l = sum_n w_n p_ln / sum_n w_n p_0n``, with the weight w_n one over the expected energy of block n.

    Args:
        products: Mean products p at lags 0, 1, ..., of N blocks, shape (L, N), squared intensity units.
        line: Expected energy of every block, shape (N,), squared intensity units.

    Returns:
        Correlations and errors, shape (L,) each. The errors are those of a ratio of means over blocks.
    """
    weighted = products / line
    energy = max(float(weighted[0].sum()), np.finfo(np.float64).tiny)
    values: FloatArray = weighted.sum(axis=1) / energy
    errors: FloatArray = np.sqrt(((weighted - values[:, None] * weighted[0]) ** 2).sum(axis=1)) / energy
    return values, errors


def _by_brightness(mean: FloatArray, size: int) -> list[npt.NDArray[np.intp]]:
    """Sort blocks by brightness into at most 20 bins of at least about `size` blocks; return the indices in each."""
    num_bins = int(np.clip(mean.size // size, 1, NUM_BINS))
    edges = np.unique(np.quantile(mean, np.linspace(0.0, 1.0, num_bins + 1)[1:-1]))
    index = np.searchsorted(edges, mean, side="right")
    return [np.flatnonzero(index == number) for number in np.unique(index)]


def _dispersion(blocks: Blocks, products: Products) -> float:
    """Variance of the blocks' relative energies over that of Gaussian noise, ``(2 / n) sum of squared correlations``.

    n is the number of pixels of a block; the sum runs over all pairs of its pixels, per pixel.
    """
    energy = products.along[0]
    line = EnergyCurve.fit(blocks.mean, energy).at(blocks.mean)
    along, across = ratios(products.along, line)[0], ratios(products.across, line)[0]
    expected = 2.0 / SIDE**2 * _squares(along[:SIDE]) * _squares(across)
    return float(np.var(energy / line)) / expected


def _squares(correlation: FloatArray) -> float:
    """Sum of squared correlations over all pairs of pixels within one side of a block, per pixel."""
    lags = np.arange(correlation.size)
    return float(2.0 * np.sum((1.0 - lags / SIDE) * correlation**2) - 1.0)
