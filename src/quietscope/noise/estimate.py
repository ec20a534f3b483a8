"""Noise of images without any clean reference: a blind photon-transfer curve.

Small flat patches of an image are points of its photon-transfer curve, but three effects distort the curve: structure
adds variance; sorting patches by their own mean tilts the line; and quantiles of patch variances, the usual remedy for
structure, are wrong if few photons make the noise skewed. So here squares are averaged, and no medians taken; cells
are sorted and selected by OTHER pixels than those they are measured on (see ``cells``); cells on structure are
rejected by a chi-square test of their surroundings; and the variance that correlated noise loses in differences of
neighbours is measured and corrected for.

Source: photon transfer, Janesick 2007; instrumental variables against regression dilution, Wald 1940; the variance
line, Foi et al., IEEE TIP 17 (2008).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.errors import NoiseError
from quietscope.noise.cells import MIN_SIDE, Cells, Lags, join_cells, measure_cells
from quietscope.noise.censored import censor
from quietscope.noise.clipping import ClipLevels, find_clip_levels
from quietscope.noise.noise_model import NoiseModel
from quietscope.noise.pairs import FloatArray
from quietscope.noise.photon_transfer import VarianceBins, fit_line, loses_dark_noise, relative_error
from quietscope.noise.poisson_gaussian import PoissonGaussian
from quietscope.noise.uncertainty import steadied
from quietscope.wording import typed

MAX_TILES = 256
TILE_SIDE = 128
"""Four million pixels determine sigma to well below one percent in a few seconds. Small tiles spread them over more
frames, which matters if the frames of a set were not all recorded in the same way."""

MIN_CELLS = 500
NUM_BINS = 60
CELLS_PER_BIN = 500
"""There are at most NUM_BINS bins of at least CELLS_PER_BIN cells; each variance is then known to about 10 %."""

FLAT = 14.07
"""95 % quantile of chi-square with 7 degrees of freedom; surroundings that scatter more than this hold structure."""

MIN_KEPT = 0.1
"""Share of the cells of each bin, the flattest ones, that is used in any case: some images have structure everywhere,
and for correlated noise the test assumes too little noise."""

NUM_ROUNDS = 4
"""Rounds of fitting the line and selecting cells; the line does not change after two."""

OVERLAP = 2.0
"""Cells overlap and share pixels, so errors are about twice those of the same number of independent cells."""

DARK_END = 0.01
"""Share of the pixels that are darker than those which a line is judged by."""

STRUCTURE_SHARE = 0.5
STRUCTURE_CORRELATION = 0.05
"""A correlation of second differences is put down to structure if fourth differences find one that is lower by both of
these: by this share, and by this amount."""

PASSED_RANGE = (0.1, 2.0)
"""Limits of the share of the variance that differences along one axis keep; the correction uses no value outside."""


@dataclass(frozen=True, kw_only=True)
class NoiseEstimate:
    """A blind estimate and the measurements it is based on.

    Attributes:
        model: The fitted noise model.
        bins: The photon-transfer points it was fitted to, corrected for correlation.
        clipped_low: Share of all pixels at the lowest value if pixels pile up there, 0 to 1.
        clipped_high: Share of all pixels at the highest value if pixels pile up there, 0 to 1.
        correlation_y: Lag-1 correlation of the noise along y, about 0 for independent noise.
        correlation_x: Lag-1 correlation of the noise along x, about 0 for independent noise.
        flat_share: Share of the cells with flat surroundings, 0 to 1.
        clip: Clipping levels; the lower one is infinite if the pixels piled up there merely caught no photon.
        dark_error: Relative standard error of sigma at the dark end of the images.
        is_uncertain: Whether the images alone say so little that what is usual of cameras counts too.
    """

    model: PoissonGaussian
    bins: VarianceBins
    clipped_low: float
    clipped_high: float
    correlation_y: float
    correlation_x: float
    flat_share: float
    clip: ClipLevels
    dark_error: float = 0.0
    is_uncertain: bool = False

    @property
    def training_model(self) -> NoiseModel:
        """The model to train with: ``model`` with the clipping levels, or ``model`` itself if nothing is clipped."""
        return censor(self.model, self.clip)


def estimate_noise(frames: Sequence[npt.NDArray[Any]] | npt.NDArray[Any], *, seed: int = 0) -> PoissonGaussian:
    """Estimate Poisson-Gaussian noise from noisy images alone; ``measure_noise`` also returns what it measured.

    Args:
        frames: Single-channel noisy images of one camera setting; see ``measure_noise``.
        seed: Seed of the choice of tiles, if there are more than ``MAX_TILES``.

    Returns:
        The noise model, in the intensity units of the images.

    Raises:
        NoiseError: If the images are too small, constant, or hold NaN or infinity.
    """
    return measure_noise(frames, seed=seed).model


def measure_noise(
    frames: Sequence[npt.NDArray[Any]] | npt.NDArray[Any], *, seed: int = 0, has_gaps: bool = False
) -> NoiseEstimate:
    """Estimate Poisson-Gaussian noise from noisy images alone, and return the measurements it is based on.

    Args:
        frames: One array of shape (..., Y, X), or a sequence of such arrays of any sizes: single-channel noisy images
            of one camera setting, raw (not smoothed, not averaged to integers), in intensity units.
        seed: Seed of the choice of tiles, if there are more than ``MAX_TILES``.
        has_gaps: Whether NaN stands for pixels that were never measured; otherwise it is refused.

    Returns:
        The model and the measurements.

    Raises:
        NoiseError: If the images are too small, constant, or hold NaN or infinity.
    """
    tiles = _choose_tiles(frames, seed, has_gaps)
    pixels = np.concatenate([tile[~np.isnan(tile)] if has_gaps else tile.ravel() for tile in tiles])
    clip = find_clip_levels(pixels)
    base = float(pixels.mean())
    # Clipping levels are rounded to float32 as the pixels are; otherwise clipped pixels would not equal their level.
    shifted = ClipLevels(low=float(np.float32(clip.low - base)), high=float(np.float32(clip.high - base)))
    cells = join_cells([_measured(measure_cells((tile - base).astype(np.float32), shifted)) for tile in tiles])
    _check(cells, any(np.isnan(tile).any() for tile in tiles) if has_gaps else False)
    solution = _solve(cells, shifted.low)
    scale = 1.0 / (
        _passed_by_second_difference(solution.correlation_y) * _passed_by_second_difference(solution.correlation_x)
    )
    bins = solution.bins
    darkest = float(np.quantile(pixels, DARK_END)) - base
    known = steadied(bins, solution.gain, solution.intercept, darkest, scale)
    gain, intercept = known.gain, known.intercept
    return NoiseEstimate(
        model=PoissonGaussian.from_line(gain * scale, (intercept - gain * base) * scale),
        bins=replace(bins, signal=bins.signal + base, variance=bins.variance * scale),
        clipped_low=float(np.mean(clip.is_low(pixels))),
        clipped_high=float(np.mean(clip.is_high(pixels))),
        correlation_y=solution.correlation_y[0],
        correlation_x=solution.correlation_x[0],
        flat_share=solution.flat_share,
        dark_error=known.error,
        is_uncertain=known.is_uncertain,
        clip=clip if loses_dark_noise(solution.bins, shifted.low) else replace(clip, low=-np.inf),
    )


def _measured(cells: Cells) -> Cells:
    """Return those cells that no missing pixel takes part in; the very same where none is missing."""
    known = np.isfinite(cells.noise + cells.structure)
    for second, fourth in (cells.along_y, cells.along_x):
        known &= np.isfinite(second.energy + second.two + fourth.energy + fourth.two)
    return cells if known.all() else cells.select(known)


def _check(cells: Cells, has_gaps: bool) -> None:
    if cells.signal.size < MIN_CELLS:
        room = "room around them" + (" in which all was measured" if has_gaps else "")
        raise NoiseError(
            f"at least {MIN_CELLS} pixels with {room}",
            f"{cells.signal.size}",
            ("" if has_gaps else "pass a larger crop (64x64 or more) or ")
            + f"give the noise: `{typed(noise='sigma=NUMBER')}`",
        )
    if not np.any(cells.noise > 0.0):
        raise NoiseError(
            "an image with noise in it",
            "an image without any difference between neighbours",
            f"pass the raw image, or give the noise: `{typed(noise='sigma=NUMBER')}`",
        )


@dataclass(frozen=True, kw_only=True)
class _Solution:
    """The photon-transfer line before the correction for correlated noise, and what was measured with it."""

    bins: VarianceBins
    gain: float
    intercept: float
    correlation_y: tuple[float, float]
    correlation_x: tuple[float, float]
    flat_share: float


def _solve(cells: Cells, low: float) -> _Solution:
    """Fit the line to the flat cells and choose the flat cells by the noise of that line, in turns."""
    index, flattest = _sort_into_bins(cells)
    keep = flattest
    for _ in range(NUM_ROUNDS):
        bins = _average(cells, index, keep)
        gain, intercept = fit_line(bins, low)
        line = np.maximum(gain * cells.surround + intercept, 0.25 * bins.variance[index])
        flat = cells.structure <= FLAT * line
        used, keep = keep, flat | flattest
    weight = used / np.maximum(line, np.finfo(np.float32).tiny)
    return _Solution(
        bins=bins,
        gain=gain,
        intercept=intercept,
        correlation_y=_correlation(cells.along_y, weight),
        correlation_x=_correlation(cells.along_x, weight),
        flat_share=float(flat.mean()),
    )


def _sort_into_bins(cells: Cells) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """Sort cells by the mean of their surroundings; return their bins, and which are among the flattest in it."""
    num_bins = int(np.clip(cells.surround.size // CELLS_PER_BIN, 6, NUM_BINS))
    edges = np.unique(np.quantile(cells.surround, np.linspace(0.0, 1.0, num_bins + 1)[1:-1]))
    index = np.searchsorted(edges, cells.surround, side="right")
    occupied, index = np.unique(index, return_inverse=True)
    order = np.argsort(index, kind="stable")
    limits = np.empty(occupied.size)
    for number, members in enumerate(np.split(order, np.cumsum(np.bincount(index))[:-1])):
        limits[number] = np.quantile(cells.structure[members], MIN_KEPT)
    return index, cells.structure <= limits[index]


def _average(cells: Cells, index: npt.NDArray[np.intp], keep: npt.NDArray[np.bool_]) -> VarianceBins:
    """Average signal and noise over those cells of every bin for which ``keep`` is true."""
    num_bins = int(index.max()) + 1
    kept = index[keep]
    count = np.bincount(kept, minlength=num_bins).astype(np.float64)

    def bin_mean(values: npt.NDArray[np.float32]) -> FloatArray:
        sums: FloatArray = np.bincount(kept, weights=values[keep], minlength=num_bins).astype(np.float64)
        return sums / count

    variance = bin_mean(cells.noise)
    return VarianceBins(
        signal=bin_mean(cells.signal),
        variance=variance,
        relative_error=OVERLAP * relative_error(variance, bin_mean(cells.noise**2), count),
        count=count,
        clipped_low=bin_mean(cells.clipped_low),
        clipped_high=bin_mean(cells.clipped_high),
    )


def _correlation(lags: tuple[Lags, Lags], weight: npt.NDArray[Any]) -> tuple[float, float]:
    """Correlation of the noise at lags 1 and 2 along one axis, over cells weighted by one over their noise variance.

    Second differences across the axis keep most of the spectrum of the noise, but also a little of the structure.
    Fourth differences keep hardly any structure. If they find a much lower correlation, the second differences have
    measured structure, and the result of the fourth differences is returned.
    """
    second, fourth = (_lag_ratios(part, weight) for part in lags)
    doubtful = second[0] - fourth[0] > max(STRUCTURE_SHARE * second[0], STRUCTURE_CORRELATION)
    return fourth if doubtful else second


def _lag_ratios(lags: Lags, weight: npt.NDArray[Any]) -> tuple[float, float]:
    energy, one, two = (float(np.sum(part * weight, dtype=np.float64)) for part in (lags.energy, lags.one, lags.two))
    return (one / energy, two / energy) if energy > 0.0 else (0.0, 0.0)


def _passed_by_second_difference(correlation: tuple[float, float]) -> float:
    """Share of the variance of correlated noise that (1, -2, 1) / sqrt 6 keeps: ``1 - 4/3 rho_1 + 1/3 rho_2``."""
    return float(np.clip(1.0 - 4.0 / 3.0 * correlation[0] + correlation[1] / 3.0, *PASSED_RANGE))


def _choose_tiles(frames: Sequence[npt.NDArray[Any]] | npt.NDArray[Any], seed: int, has_gaps: bool) -> list[FloatArray]:
    """Choose at most MAX_TILES tiles, spread evenly over the frames, and read only these."""
    stacks = [frames] if isinstance(frames, np.ndarray) else list(frames)
    planes = [(stack, leading) for stack in stacks for leading in _large_planes(stack.shape)]
    if not planes:
        raise NoiseError(
            f"images of at least {MIN_SIDE} x {MIN_SIDE} pixels, to find their noise",
            ", ".join(" x ".join(map(str, stack.shape)) for stack in stacks) or "no image at all",
            f"give the noise, `{typed(noise='sigma=NUMBER')}`, or take `{typed(method='noise2void')}`, "
            "which needs none",
        )
    rng = np.random.default_rng(seed)
    ranked: list[tuple[int, float, npt.NDArray[Any], tuple[int | slice, ...]]] = []
    for stack, leading in planes:
        corners = list(_tile_corners(*stack.shape[-2:]))
        for rank, number in enumerate(rng.permutation(len(corners))[:MAX_TILES]):
            top, left = corners[number]
            where: tuple[int | slice, ...] = (*leading, slice(top, top + TILE_SIDE), slice(left, left + TILE_SIDE))
            ranked.append((rank, float(rng.random()), stack, where))
    ranked.sort(key=lambda entry: entry[:2])
    tiles = [np.asarray(stack[where], dtype=np.float64) for _, _, stack, where in ranked[:MAX_TILES]]
    if has_gaps:
        tiles = [tile for tile in tiles if not np.isnan(tile).all()]
        if not tiles:
            raise NoiseError("pixels that were measured", "none", "pass another image")
    elif not all(np.isfinite(tile).all() for tile in tiles):
        raise NoiseError("finite intensities", "NaN or infinity", "replace them, for example with numpy.nan_to_num")
    return tiles


def _large_planes(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    if len(shape) >= 2 and min(shape[-2:]) >= MIN_SIDE:
        yield from np.ndindex(shape[:-2])


def _tile_corners(height: int, width: int) -> Iterator[tuple[int, int]]:
    for top in range(0, height - MIN_SIDE + 1, TILE_SIDE):
        for left in range(0, width - MIN_SIDE + 1, TILE_SIDE):
            yield top, left
