"""Defective pixels of a sample of tiles: saturated, clipped at the lower limit, hot."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quietscope.diagnosis.hot_pixels import Mask, fixed_share
from quietscope.diagnosis.tiles import Tile
from quietscope.noise.clipping import ClipLevels
from quietscope.noise.estimate import NoiseEstimate
from quietscope.noise.pairs import FloatArray

FEWEST_PHOTONS = 9.0
"""A hot pixel is brighter than its surroundings by at least this many photons; behind a high gain a single photon on
a dark background stands out as well."""

NOTEWORTHY_SHARE = 1e-4
NOTEWORTHY_HOT, FEWEST_HOT = 1e-5, 3


@dataclass(frozen=True, kw_only=True)
class Defects:
    """How many pixels of the sample are defective.

    Attributes:
        saturated: Share of the pixels at the upper clipping level, 0 to 1.
        clipped_low: Share of the pixels at the lower clipping level, 0 to 1.
        hot: Share of hot pixels, 0 to 1.
        num_hot: Number of hot pixels.
        fixed: Share of the hot pixels that are hot at the same place in most frames, 0 to 1; None if there are too few
            frames to say.
    """

    saturated: float
    clipped_low: float
    hot: float
    num_hot: int
    fixed: float | None

    @property
    def has_saturated(self) -> bool:
        """Whether there are enough saturated pixels to mention them."""
        return self.saturated > NOTEWORTHY_SHARE

    @property
    def has_clipped_low(self) -> bool:
        """Whether there are enough pixels at the lower clipping level to mention them."""
        return self.clipped_low > NOTEWORTHY_SHARE

    @property
    def has_hot(self) -> bool:
        """Whether there are enough hot pixels to mention them."""
        return self.num_hot >= FEWEST_HOT and self.hot > NOTEWORTHY_HOT


def count_defects(
    tiles: Sequence[Tile],
    mended: Sequence[FloatArray],
    masks: Sequence[Mask],
    clip: ClipLevels,
    estimate: NoiseEstimate | None,
) -> Defects:
    """Count the defective pixels of a sample.

    Args:
        tiles: The tiles as they were read.
        mended: The same tiles with hot pixels replaced by their surroundings, (Y, X) each.
        masks: Where pixels look hot, (Y, X) each.
        clip: Clipping levels of the image.
        estimate: Strength of the noise; its gain says how bright one photon is. None if it could not be measured.

    Returns:
        The counts.
    """
    hot = _brighter_than_photons(tiles, mended, masks, estimate)
    pixels = np.concatenate([tile.pixels.ravel() for tile in tiles])
    num_hot = int(sum(np.count_nonzero(mask) for mask in hot))
    return Defects(
        saturated=float(np.mean(clip.is_high(pixels))),
        clipped_low=float(np.mean(clip.is_low(pixels))),
        hot=num_hot / pixels.size,
        num_hot=num_hot,
        fixed=fixed_share(_same_place(tiles, hot)),
    )


def _brighter_than_photons(
    tiles: Sequence[Tile], mended: Sequence[FloatArray], masks: Sequence[Mask], estimate: NoiseEstimate | None
) -> list[Mask]:
    """Keep the pixels that are too bright to be a few photons."""
    least = 0.0 if estimate is None else FEWEST_PHOTONS * float(estimate.model.gain)
    return [
        mask & (tile.pixels - whole > least) if mask.any() else mask
        for tile, whole, mask in zip(tiles, mended, masks, strict=True)
    ]


def _same_place(tiles: Sequence[Tile], masks: Sequence[Mask]) -> list[Mask]:
    """Return the masks of that place on the sensor from which most frames were sampled."""
    places: dict[tuple[int, int], list[Mask]] = {}
    for tile, mask in zip(tiles, masks, strict=True):
        places.setdefault((tile.top, tile.left), []).append(mask)
    same = max(places.values(), key=len)
    return [mask for mask in same if mask.shape == same[0].shape]
