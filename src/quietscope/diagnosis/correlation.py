"""How noise is correlated along an axis: an estimate from blocks, its error, and whether structure could feign it.

Noise of one brightness has about the same energy everywhere, structure has not: where the energies of the blocks
scatter more than those of Gaussian noise with the measured autocorrelation would, structure is among them.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from quietscope.diagnosis.blocks import SIDE, Blocks, Products
from quietscope.noise.pairs import FloatArray

Verdict: TypeAlias = Literal["correlated", "uncorrelated", "not sure"]

FLATTEST = 0.25
"""Share of the blocks of each brightness that is used; half as many must say about the same."""

MOST_OF_FEW = 0.5
ENOUGH_BLOCKS = 64
"""Small images have few blocks: up to half of them are used to have this many."""

NUM_BINS = 20
BLOCKS_PER_BIN, BLOCKS_PER_POINT = 60, 20
MOST_CLIPPED = 0.02
FEWEST_BLOCKS = 16
"""Blocks with a larger share of clipped pixels than MOST_CLIPPED are left out, but so many are always kept."""

CORRELATED, UNCORRELATED = 0.15, 0.10
"""Lag-1 correlation from which noise of neighbours counts as correlated, and below which as independent. Below 0.1
a denoiser that takes it for independent loses nothing; above 0.15 it leaves it in as texture."""

HOMOGENEOUS = 2.5
"""Scatter of the blocks' energies, over that of Gaussian noise, up to which there is nothing but noise: shot noise of a
few photons reaches 2, structure begins at 3."""

STRUCTURE_SHARE, STRUCTURE_CORRELATION = 0.5, 0.05
"""Second differences are taken for structure where fourth ones find a correlation lower by both of these."""

DISAGREEMENT = 0.07
"""By how much the flatter half of the blocks may differ, besides errors, before structure is suspected."""

OUTWEIGHS = 3.0
"""Structure passes along both axes: a correlation so many times the other axis's is the noise's."""

_SMALLEST = 1e-4


@dataclass(frozen=True, kw_only=True)
class AxisCorrelation:
    """Autocorrelation of the noise along one axis.

    Args:
        axis: "x", "y", "z" or "t".
        values: Correlation at lags 0, 1, 2, ..., (L,); the first is 1.
        errors: Standard errors, (L,).
        verdict: Whether neighbours are correlated.
        reason: Why it is not sure; empty where it is.
    """

    axis: str
    values: FloatArray
    errors: FloatArray
    verdict: Verdict
    reason: str = ""

    @property
    def neighbours(self) -> float:
        """Correlation at lag 1."""
        return float(self.values[1])

    @property
    def length(self) -> int:
        """Correlation length in pixels: the first lag at which it is below 0.1; 1 for independent noise."""
        below = np.flatnonzero(self.values < UNCORRELATED)
        return int(below[0]) if below.size else int(self.values.size)


@dataclass(frozen=True)
class EnergyCurve:
    """Energy against brightness: straight between bins of blocks, level beyond them.

    Args:
        mean: Mean brightness of each bin, ascending, (K,).
        energy: Mean energy of each bin, (K,).
    """

    mean: FloatArray
    energy: FloatArray

    @classmethod
    def fit(cls, mean: FloatArray, energy: FloatArray) -> "EnergyCurve":
        """Average the energies, (N,), of blocks of about one mean."""
        bins = _by_brightness(mean, BLOCKS_PER_POINT)
        least = max(_SMALLEST * float(energy.mean()), float(np.finfo(np.float32).tiny))
        points = [(float(mean[members].mean()), max(float(energy[members].mean()), least)) for members in bins]
        return cls(np.array([at for at, _ in points]), np.array([height for _, height in points]))

    def at(self, mean: FloatArray) -> FloatArray:
        """Return the energy expected of blocks of these means."""
        expected: FloatArray = np.interp(mean, self.mean, self.energy)
        return expected


@dataclass(frozen=True, kw_only=True)
class Flat:
    """The flattest blocks of every brightness.

    Args:
        blocks: The blocks.
        numbers: Which of all blocks they are, (N,).
        curve: Energy against brightness, of these blocks.
        dispersion: Scatter of the energy along x and y, over that of Gaussian noise; the larger of the two.
    """

    blocks: Blocks
    numbers: npt.NDArray[np.intp]
    curve: EnergyCurve
    dispersion: float

    @property
    def expected(self) -> FloatArray:
        """Energy that noise of each block's brightness has, (N,)."""
        return self.curve.at(self.blocks.mean)

    @classmethod
    def of(cls, blocks: Blocks, numbers: npt.NDArray[np.intp]) -> "Flat":
        """Take the blocks of these numbers for flat."""
        kept = blocks.select(numbers)
        scatter = max(_dispersion(kept, kept.x), _dispersion(kept, kept.y))
        return cls(blocks=kept, numbers=numbers, curve=EnergyCurve.fit(kept.mean, kept.energy), dispersion=scatter)


def choose_flat(blocks: Blocks, fraction: float) -> Flat:
    """Choose the flattest blocks of every brightness, from those brightnesses where they are flattest.

    Args:
        blocks: All blocks.
        fraction: Share to choose of each brightness, 0 to 1.

    Returns:
        The chosen ones.
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
    """Return which share of so many blocks to use."""
    return float(np.clip(ENOUGH_BLOCKS / max(count, 1), FLATTEST, MOST_OF_FEW))


def correlate_plane(blocks: Blocks, flat: Flat) -> tuple[AxisCorrelation, AxisCorrelation]:
    """Measure the autocorrelation of the noise along x and y.

    Args:
        blocks: All blocks.
        flat: The flat ones among them.

    Returns:
        Those of x and of y.
    """
    flatter = choose_flat(blocks, 0.5 * fraction_of(blocks.count))
    x = _Measured.of(flat.blocks.x, flat, flatter.blocks.x, flatter)
    y = _Measured.of(flat.blocks.y, flat, flatter.blocks.y, flatter)
    return _judge("x", x, y, flat), _judge("y", y, x, flat)


@dataclass(frozen=True)
class _Measured:
    """What is to be known of one axis to judge it: two estimates, and how far the flatter half differs."""

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
        doubtful: Whether structure could feign a correlation.

    Returns:
        The correlation with its verdict.
    """
    value, error = float(values[1]), float(errors[1])
    verdict: Verdict = "not sure"
    reason = f"the correlation along {axis}, {value:.2f}, lies between independent and correlated"
    if value < UNCORRELATED or value + 2.0 * error < 0.5 * (UNCORRELATED + CORRELATED):
        verdict, reason = "uncorrelated", ""
    elif value >= CORRELATED and value - 2.0 * error > 0.5 * (UNCORRELATED + CORRELATED):
        if doubtful:
            reason = f"structure could feign the correlation along {axis}, {value:.2f}: no place is flat"
        else:
            verdict, reason = "correlated", ""
    return AxisCorrelation(axis=axis, values=values, errors=errors, verdict=verdict, reason=reason)


def ratios(products: FloatArray, line: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Turn products at lags 0, 1, ..., (L, N), of blocks with the energies `line`, (N,), into correlations and errors.

    Each block counts by the inverse of its energy; the errors are those of a ratio of means over blocks.
    """
    weighted = products / line
    energy = max(float(weighted[0].sum()), np.finfo(np.float64).tiny)
    values: FloatArray = weighted.sum(axis=1) / energy
    errors: FloatArray = np.sqrt(((weighted - values[:, None] * weighted[0]) ** 2).sum(axis=1)) / energy
    return values, errors


def _by_brightness(mean: FloatArray, size: int) -> list[npt.NDArray[np.intp]]:
    """Sort blocks into at most 20 bins of about equal size, at least `size`; return the numbers of those in each."""
    num_bins = int(np.clip(mean.size // size, 1, NUM_BINS))
    edges = np.unique(np.quantile(mean, np.linspace(0.0, 1.0, num_bins + 1)[1:-1]))
    index = np.searchsorted(edges, mean, side="right")
    return [np.flatnonzero(index == number) for number in np.unique(index)]


def _dispersion(blocks: Blocks, products: Products) -> float:
    """Scatter of the blocks' energies over the scatter of Gaussian noise: 2 / n sum of squared correlations."""
    energy = products.along[0]
    line = EnergyCurve.fit(blocks.mean, energy).at(blocks.mean)
    along, across = ratios(products.along, line)[0], ratios(products.across, line)[0]
    expected = 2.0 / SIDE**2 * _squares(along[:SIDE]) * _squares(across)
    return float(np.var(energy / line)) / expected


def _squares(correlation: FloatArray) -> float:
    """Sum of squared correlations over all pairs within a block's side, per pixel."""
    lags = np.arange(correlation.size)
    return float(2.0 * np.sum((1.0 - lags / SIDE) * correlation**2) - 1.0)
