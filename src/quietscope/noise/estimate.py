"""Noise of images without any clean reference: a blind photon-transfer curve.

Every pair of small flat patches is a photon-transfer point, but three things bend the curve: structure adds variance,
sorting patches by their own mean tilts the line, and quantiles of patch variances (the usual cure for structure) fail
where few photons make a skewed noise. Here means of squares alone are averaged, never medians; cells are sorted and
judged by OTHER pixels than they are measured on (see ``cells``); structure is cut by a chi-square test of the
surroundings; and what correlation takes from the difference of neighbours is measured and given back.

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

MAX_TILES = 256
TILE_SIDE = 128
"""Four million pixels fix sigma to well below one percent in a few seconds; small tiles spread them over more frames,
which matters where the frames of a set were not all taken alike."""

MIN_CELLS = 500
NUM_BINS = 60
CELLS_PER_BIN = 500
"""At most NUM_BINS bins, of at least CELLS_PER_BIN cells: a variance to about 10 % each."""

FLAT = 14.07
"""95 % point of chi-square with 7 degrees of freedom: flat surroundings pass, structure above the noise does not."""

MIN_KEPT = 0.1
"""Share of each bin that is kept even so, its flattest cells: some images have structure everywhere, and in correlated
noise the test's noise level is too low."""

NUM_ROUNDS = 4
"""Rounds of line and selection; the line settles after two."""

OVERLAP = 2.0
"""Overlapping cells share pixels: their errors are about twice those of as many independent ones."""

STRUCTURE_SHARE = 0.5
STRUCTURE_CORRELATION = 0.05
"""Second differences are taken for structure where fourth ones find a correlation lower by both of these."""

PASSED_RANGE = (0.1, 2.0)
"""Share of the variance that may be left, along one axis, to correct from; outside it the noise is no noise."""


@dataclass(frozen=True, kw_only=True)
class NoiseEstimate:
    """A blind estimate and the evidence for it.

    Args:
        model: The fitted noise model.
        bins: The photon-transfer points it was fitted to, corrected for correlation.
        clipped_low: Share of all pixels at the lower end of the scale, 0 to 1.
        clipped_high: Share of all pixels at the upper end of the scale, 0 to 1.
        correlation_y: Lag-1 correlation of the noise along y, about 0 for pixel-independent noise.
        correlation_x: Lag-1 correlation of the noise along x.
        flat_share: Share of the cells whose surroundings were flat, 0 to 1.
        clip: Ends of the scale at which pixels have lost noise; infinite where none have. Pixels at the lower end that
            only caught no photon have lost nothing.
    """

    model: PoissonGaussian
    bins: VarianceBins
    clipped_low: float
    clipped_high: float
    correlation_y: float
    correlation_x: float
    flat_share: float
    clip: ClipLevels

    @property
    def training_model(self) -> NoiseModel:
        """The model with saturated pixels censored, for training; ``model`` itself where the scale does not end."""
        return censor(self.model, self.clip)


def estimate_noise(frames: Sequence[npt.NDArray[Any]] | npt.NDArray[Any], *, seed: int = 0) -> PoissonGaussian:
    """Estimate Poisson-Gaussian noise from noisy images alone; ``measure_noise`` without the evidence.

    Args:
        frames: Single-channel noisy images of one camera setting; see ``measure_noise``.
        seed: Chooses the tiles that are looked at where there are many.

    Returns:
        The noise model, in the intensity units of the images.

    Raises:
        NoiseError: If the images are too small, constant, or hold NaN or infinity.
    """
    return measure_noise(frames, seed=seed).model


def measure_noise(frames: Sequence[npt.NDArray[Any]] | npt.NDArray[Any], *, seed: int = 0) -> NoiseEstimate:
    """Estimate Poisson-Gaussian noise from noisy images alone, and report the evidence.

    Args:
        frames: One array of shape (..., Y, X), or a sequence of such arrays of any sizes: single-channel noisy images
            of one camera setting, raw (not smoothed, not averaged to integers), in intensity units.
        seed: Chooses the tiles that are looked at where there are more than ``MAX_TILES``.

    Returns:
        The model and what it rests on.

    Raises:
        NoiseError: If the images are too small, constant, or hold NaN or infinity.
    """
    tiles = _choose_tiles(frames, seed)
    pixels = np.concatenate([tile.ravel() for tile in tiles])
    clip = find_clip_levels(pixels)
    base = float(pixels.mean())
    # The ends of the scale rounded as the pixels are, or a clipped pixel would miss its own level.
    shifted = ClipLevels(low=float(np.float32(clip.low - base)), high=float(np.float32(clip.high - base)))
    cells = join_cells([measure_cells((tile - base).astype(np.float32), shifted) for tile in tiles])
    _check(cells)
    solution = _solve(cells, shifted.low)
    scale = 1.0 / (
        _passed_by_second_difference(solution.correlation_y) * _passed_by_second_difference(solution.correlation_x)
    )
    bins, gain, intercept = solution.bins, solution.gain, solution.intercept
    return NoiseEstimate(
        model=PoissonGaussian.from_line(gain * scale, (intercept - gain * base) * scale),
        bins=replace(bins, signal=bins.signal + base, variance=bins.variance * scale),
        clipped_low=float(np.mean(clip.is_low(pixels))),
        clipped_high=float(np.mean(clip.is_high(pixels))),
        correlation_y=solution.correlation_y[0],
        correlation_x=solution.correlation_x[0],
        flat_share=solution.flat_share,
        clip=clip if loses_dark_noise(solution.bins, shifted.low) else replace(clip, low=-np.inf),
    )


def _check(cells: Cells) -> None:
    if cells.signal.size < MIN_CELLS:
        raise NoiseError(
            f"at least {MIN_CELLS} pixels with room around them",
            f"{cells.signal.size}",
            "pass a larger crop (64x64 or more) or give the noise: --noise sigma=NUMBER",
        )
    if not np.any(cells.noise > 0.0):
        raise NoiseError(
            "an image with noise in it",
            "an image without any difference between neighbours",
            "pass the raw image, or give the noise: --noise sigma=NUMBER",
        )


@dataclass(frozen=True, kw_only=True)
class _Solution:
    """The line before correction, and what it rests on."""

    bins: VarianceBins
    gain: float
    intercept: float
    correlation_y: tuple[float, float]
    correlation_x: tuple[float, float]
    flat_share: float


def _solve(cells: Cells, low: float) -> _Solution:
    """Alternate between the line through the flat cells and the choice of flat cells by that line."""
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
    """Sort cells by their surroundings; return the bin of each, and whether it is among the flattest of its bin."""
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
    """Average signal and noise of the kept cells of every bin."""
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
    """Correlation of the noise at lag 1 and 2 along one axis, over cells weighted by one over their noise variance.

    Read from second differences across the axis, where noise shows most of its spectrum; but structure passes them a
    little. Fourth differences pass hardly any, so where these say much less it was structure, and they are believed.
    """
    second, fourth = (_lag_ratios(part, weight) for part in lags)
    doubtful = second[0] - fourth[0] > max(STRUCTURE_SHARE * second[0], STRUCTURE_CORRELATION)
    return fourth if doubtful else second


def _lag_ratios(lags: Lags, weight: npt.NDArray[Any]) -> tuple[float, float]:
    energy, one, two = (float(np.sum(part * weight, dtype=np.float64)) for part in (lags.energy, lags.one, lags.two))
    return (one / energy, two / energy) if energy > 0.0 else (0.0, 0.0)


def _passed_by_second_difference(correlation: tuple[float, float]) -> float:
    """Share of the variance of correlated noise that (1, -2, 1) / sqrt 6 passes: ``1 - 4/3 rho_1 + 1/3 rho_2``."""
    return float(np.clip(1.0 - 4.0 / 3.0 * correlation[0] + correlation[1] / 3.0, *PASSED_RANGE))


def _choose_tiles(frames: Sequence[npt.NDArray[Any]] | npt.NDArray[Any], seed: int) -> list[FloatArray]:
    """Cut the frames into tiles and choose at most MAX_TILES of them, evenly over the frames; read only those."""
    stacks = [frames] if isinstance(frames, np.ndarray) else list(frames)
    planes = [(stack, leading) for stack in stacks for leading in _large_planes(stack.shape)]
    if not planes:
        raise NoiseError(
            f"images of shape (..., Y, X), at least {MIN_SIDE} pixels wide and high",
            ", ".join(str(stack.shape) for stack in stacks) or "no image at all",
            "pass one channel, without smoothing, or give the noise: --noise sigma=NUMBER",
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
    if not all(np.isfinite(tile).all() for tile in tiles):
        raise NoiseError("finite intensities", "NaN or infinity", "replace them, for example with numpy.nan_to_num")
    return tiles


def _large_planes(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    if len(shape) >= 2 and min(shape[-2:]) >= MIN_SIDE:
        yield from np.ndindex(shape[:-2])


def _tile_corners(height: int, width: int) -> Iterator[tuple[int, int]]:
    for top in range(0, height - MIN_SIDE + 1, TILE_SIDE):
        for left in range(0, width - MIN_SIDE + 1, TILE_SIDE):
            yield top, left
