"""What kind of noise is in an image, and which method takes it away: blind, from one image up.

Residuals of flat places tell how the noise is correlated (`correlation`), a blind photon-transfer curve how strong it
is (`estimate`), single pixels that outdo all their neighbours which are hot (`hot_pixels`). Where structure could feign
what is found, the answer is that it is not sure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from quietscope.diagnosis.advice import Advice, advise
from quietscope.diagnosis.blocks import join_blocks, measure_blocks
from quietscope.diagnosis.correlation import (
    HOMOGENEOUS,
    OUTWEIGHS,
    AxisCorrelation,
    EnergyCurve,
    Flat,
    choose_flat,
    correlate_plane,
    fraction_of,
)
from quietscope.diagnosis.hot_pixels import Mask, find_hot_pixels, fixed_share, without
from quietscope.diagnosis.successive import measure_successive
from quietscope.diagnosis.tiles import Plane, Tile, sample_tiles
from quietscope.errors import NoiseError
from quietscope.noise.clipping import ClipLevels, find_clip_levels
from quietscope.noise.estimate import NoiseEstimate, measure_noise
from quietscope.noise.pairs import FloatArray

Kind: TypeAlias = Literal[
    "white gaussian",
    "poisson-gaussian",
    "row-correlated",
    "column-correlated",
    "correlated both ways",
    "correlated along z",
    "none",
    "not sure",
]

NO_NOISE = 0.05
"""Noise over signal, as standard deviations, below which there is nothing to gain: 26 dB, and hardly an eye sees it."""

QUIET, QUIET_OF_NOISE = 0.05, 0.5
"""The quietest twentieth of flat blocks has about half the mean energy where there is nothing but noise."""

RISING = 1.3
"""Factor by which the variance grows from the darkest to the brightest twentieth before it counts as rising."""

FEWEST_PHOTONS = 9.0
"""Photons that a hot pixel is brighter by: single photons on a dark ground stand out too, behind a high gain."""

NOTEWORTHY_SHARE = 1e-4
NOTEWORTHY_HOT, FEWEST_HOT = 1e-5, 3


@dataclass(frozen=True, kw_only=True)
class Defects:
    """What is wrong with single pixels.

    Args:
        saturated: Share of the pixels at the upper end of the scale, 0 to 1.
        clipped_low: Share at its lower end.
        hot: Share of hot pixels.
        num_hot: Hot pixels that were found.
        fixed: Share of these that stay at their place from frame to frame; None where that cannot be told.
    """

    saturated: float
    clipped_low: float
    hot: float
    num_hot: int
    fixed: float | None

    @property
    def has_saturated(self) -> bool:
        """Whether saturated pixels are worth a word."""
        return self.saturated > NOTEWORTHY_SHARE

    @property
    def has_hot(self) -> bool:
        """Whether hot pixels are worth a word."""
        return self.num_hot >= FEWEST_HOT and self.hot > NOTEWORTHY_HOT


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What the noise of one channel is.

    Args:
        kind: The kind of noise.
        x: Autocorrelation along x.
        y: Autocorrelation along y.
        z: From slice to slice; None where there is no second slice.
        t: From frame to frame; None where there is no second frame.
        repeated: Whether frames show one scene, so that the noise was read from their differences.
        estimate: Strength against signal; None where no variance could be measured.
        noise_to_signal: Standard deviation of the noise over that of the signal.
        defects: Saturated, clipped and hot pixels.
        advice: Which method to take.
    """

    kind: Kind
    x: AxisCorrelation
    y: AxisCorrelation
    z: AxisCorrelation | None
    t: AxisCorrelation | None
    repeated: bool
    estimate: NoiseEstimate | None
    noise_to_signal: float
    defects: Defects
    advice: Advice

    @property
    def is_clean(self) -> bool:
        """Whether there is no noise worth taking away."""
        return self.kind == "none"

    @property
    def correlation_length(self) -> int:
        """Pixels in the plane over which the noise is correlated; 1 for independent noise."""
        return max((part.length for part in (self.x, self.y) if part.verdict == "correlated"), default=1)

    @property
    def verdict(self) -> str:
        """The kind of noise and why, in a sentence."""
        if self.is_clean:
            return f"hardly any noise, below {NO_NOISE:.0%} of the signal's deviation: there is nothing to denoise"
        return f"{self.kind}: {self.advice.reason}"

    def command(self, *paths: str | Path, output: str | Path = "out", axes: str | None = None) -> str:
        """Return the line to type to denoise images; see `Advice.command`."""
        return self.advice.command(*paths, output=output, axes=axes)

    def notes(self) -> list[str]:
        """Return lines on pixels that no denoiser can mend as they are."""
        lines = []
        if self.defects.has_saturated:
            lines.append(
                f"{self.defects.saturated:.2%} of the pixels are saturated: their brightness is lost, and the result "
                "there is a guess; expose shorter next time"
            )
        if self.defects.has_hot:
            where = "" if self.defects.fixed is None else f", {self.defects.fixed:.0%} of them fixed in place"
            lines.append(
                f"{self.defects.num_hot} hot pixels were found in the sample ({self.defects.hot:.3%}{where}): "
                "replace them by the median of their neighbours, or subtract a dark frame, before denoising"
            )
        if self.defects.clipped_low > NOTEWORTHY_SHARE:
            lines.append(f"{self.defects.clipped_low:.2%} of the pixels lie at the lower end of the scale")
        return lines


def diagnose(
    frames: Sequence[Plane] | npt.NDArray[Any],
    *,
    successive: Mapping[str, Sequence[tuple[int, int]]] | None = None,
    seed: int = 0,
) -> Diagnosis:
    """Tell the noise of single-channel planes by themselves.

    At most four million pixels are looked at, however large the planes and however many.

    Args:
        frames: Planes (Y, X) of any sizes, or one array (..., Y, X); raw, in intensity units.
        successive: For "z" and "t", the pairs of numbers of planes that follow each other; none are known by default.
        seed: Chooses the places that are looked at.

    Returns:
        The diagnosis.

    Raises:
        NoiseError: If the planes are too small, constant, or hold NaN or infinity.
    """
    planes = _planes(frames)
    tiles = sample_tiles(planes, seed)
    pixels = np.concatenate([tile.pixels.ravel() for tile in tiles])
    if pixels.min() == pixels.max():
        raise NoiseError("pixels that differ", f"{pixels[0]:g} everywhere", "check which file or axes hold the image")
    clip = find_clip_levels(pixels)
    masks = [find_hot_pixels(tile.pixels) for tile in tiles]
    mended = [without(tile.pixels, mask) for tile, mask in zip(tiles, masks, strict=True)]
    blocks = join_blocks([measure_blocks(tile, clip.is_low(tile) | clip.is_high(tile)) for tile in mended])
    flat = choose_flat(blocks, fraction_of(blocks.count))
    x, y = correlate_plane(blocks, flat)
    steps = {
        axis: measure_successive(axis, planes, pairs, clip, seed) for axis, pairs in (successive or {}).items() if pairs
    }
    differences = steps["t"].in_plane if "t" in steps else None
    if differences is not None:
        x, y = differences
    z, t = (steps[axis].along if axis in steps else None for axis in "zt")
    estimate = _estimate(mended, seed)
    strength = _noise_to_signal(flat, estimate, blocks.mean, pixels)
    kind = _kind(x, y, z, strength, estimate, blocks.mean)
    return Diagnosis(
        kind=kind,
        x=x,
        y=y,
        z=z,
        t=t,
        repeated=differences is not None,
        estimate=estimate,
        noise_to_signal=strength,
        defects=_defects(tiles, _beyond_photons(tiles, mended, masks, estimate), pixels, clip),
        advice=advise(kind, x, y),
    )


def _planes(frames: Sequence[Plane] | npt.NDArray[Any]) -> list[Plane]:
    """Return the planes of a sequence of arrays (..., Y, X), or of one such array."""
    planes: list[Plane] = []
    for stack in [frames] if isinstance(frames, np.ndarray) else frames:
        if not isinstance(stack, np.ndarray):
            planes.append(stack)
        elif stack.ndim >= 2:
            planes += list(stack.reshape(-1, *stack.shape[-2:]))
    return planes


def _estimate(tiles: Sequence[FloatArray], seed: int) -> NoiseEstimate | None:
    try:
        return measure_noise(tiles, seed=seed)
    except NoiseError:  # too small, or without noise: the correlation says more
        return None


def _noise_to_signal(flat: Flat, estimate: NoiseEstimate | None, mean: FloatArray, pixels: FloatArray) -> float:
    """Standard deviation of the noise, at the mean brightness, over that of the signal.

    Where even the flat blocks hold structure, only the quietest of them are believed: noise is everywhere.
    """
    brightness = float(mean.mean())
    if estimate is not None and flat.dispersion <= HOMOGENEOUS:
        variance = float(estimate.model.variance(torch.tensor([brightness]))[0])
    else:
        variance = max(_quietest(flat, products.along[0], brightness) for products in (flat.blocks.x, flat.blocks.y))
    signal = max(float(pixels.var()) - variance, float(mean.var()), float(np.finfo(np.float32).tiny))
    return float(np.sqrt(variance / signal))


def _quietest(flat: Flat, energy: FloatArray, brightness: float) -> float:
    """Energy of the quietest twentieth of the flat blocks, scaled to the mean that such noise has."""
    curve = EnergyCurve.fit(flat.blocks.mean, energy)
    quiet = float(np.quantile(energy / curve.at(flat.blocks.mean), QUIET)) / QUIET_OF_NOISE
    return float(curve.at(np.array([brightness]))[0]) * min(1.0, quiet)


def _kind(
    x: AxisCorrelation,
    y: AxisCorrelation,
    z: AxisCorrelation | None,
    strength: float,
    estimate: NoiseEstimate | None,
    mean: FloatArray,
) -> Kind:
    if strength < NO_NOISE:
        return "none"
    along_x, along_y = x.verdict == "correlated", y.verdict == "correlated"
    if along_x and along_y:
        return "correlated both ways"
    if along_x and (y.verdict == "uncorrelated" or y.neighbours < x.neighbours / OUTWEIGHS):
        return "row-correlated"
    if along_y and (x.verdict == "uncorrelated" or x.neighbours < y.neighbours / OUTWEIGHS):
        return "column-correlated"
    if "not sure" in (x.verdict, y.verdict):
        return "not sure"
    if z is not None and z.verdict == "correlated":
        return "correlated along z"
    return "poisson-gaussian" if estimate is not None and _rises(estimate, mean) else "white gaussian"


def _rises(estimate: NoiseEstimate, mean: FloatArray) -> bool:
    """Whether the variance grows with the signal over the brightnesses of the image."""
    dark, bright = np.quantile(mean, (0.05, 0.95))
    low, high = estimate.model.variance(torch.tensor([dark, bright])).tolist()
    return bool(high > RISING * low)


def _beyond_photons(
    tiles: Sequence[Tile], mended: Sequence[FloatArray], masks: Sequence[Mask], estimate: NoiseEstimate | None
) -> list[Mask]:
    """Keep those hot pixels that no few photons can make."""
    least = 0.0 if estimate is None else FEWEST_PHOTONS * float(estimate.model.gain)
    return [
        mask & (tile.pixels - whole > least) if mask.any() else mask
        for tile, whole, mask in zip(tiles, mended, masks, strict=True)
    ]


def _defects(tiles: Sequence[Tile], masks: Sequence[Mask], pixels: FloatArray, clip: ClipLevels) -> Defects:
    places: dict[tuple[int, int], list[Mask]] = {}
    for tile, mask in zip(tiles, masks, strict=True):
        places.setdefault((tile.top, tile.left), []).append(mask)
    same = max(places.values(), key=len)
    num_hot = int(sum(np.count_nonzero(mask) for mask in masks))
    return Defects(
        saturated=float(np.mean(clip.is_high(pixels))),
        clipped_low=float(np.mean(clip.is_low(pixels))),
        hot=num_hot / pixels.size,
        num_hot=num_hot,
        fixed=fixed_share([mask for mask in same if mask.shape == same[0].shape]),
    )
