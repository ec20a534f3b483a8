"""Where images hold anything but background: so that training can pass over empty space."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.data.boxes import boxes_of
from quietscope.data.frame_statistics import LOCAL_SIDE, local_means
from quietscope.data.frames import Frames

MOST_FRAMES = 16
"""Frames, evenly apart, that tell what background is."""

DARK = 0.10
"""Share of the darkest squares that tell the background: a tenth of an image is taken for it."""

SPARSE = 0.02
"""Share of foreground below which a method whose posterior may collapse needs patches that hold some."""

APART = 6.3
"""Deviations of a square's mean that anything else lies above them: 5 above the mean of a flat background."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Foreground:
    """What is brighter than the background: squares of 8 x 8 pixels whose mean its noise does not explain.

    The background is the darkest tenth of all squares, and the pixels in them tell the noise. Where it is uneven, or
    its noise is correlated, parts of it count as foreground: what is passed over is flat and dark, never more.

    Attributes:
        thresholds: Mean of a square above which it is foreground, of each channel, shape (C,), intensity units.
        share: Share of the squares that are, 0 to 1.
    """

    thresholds: npt.NDArray[np.float64]
    share: float

    @classmethod
    def of(cls, frames: Frames, chosen: Sequence[int]) -> "Foreground":
        """Tell background and foreground apart.

        Args:
            frames: All frames; NaN stands for pixels that were never measured.
            chosen: Indices of those to look at; at most 16 of them are read, evenly apart, and boxes of large ones.

        Returns:
            What is foreground.
        """
        some = sorted({chosen[round(k)] for k in np.linspace(0, len(chosen) - 1, min(MOST_FRAMES, len(chosen)))})
        boxes = [(n, box) for n in some for box in boxes_of(frames.spatial_shape(n))]
        pixels = [np.asarray(frames.region(n, box), np.float64) for n, box in boxes]
        squares = np.concatenate([local_means(each) for each in pixels], axis=1)
        variances = np.concatenate([local_means(each**2) for each in pixels], axis=1) - squares**2
        dark = np.nanquantile(squares, DARK, axis=1)
        of_dark = np.where(squares <= dark[:, None], variances, np.nan)
        thresholds = dark + APART * np.sqrt(np.maximum(np.nanmedian(of_dark, axis=1), 0.0)) / LOCAL_SIDE
        return cls(thresholds=thresholds, share=float(np.mean((squares > thresholds[:, None]).any(axis=0))))

    def is_in(self, part: npt.NDArray[Any]) -> bool:
        """Whether a part of a frame, (C, *S), holds a square of it."""
        if min(part.shape[-2:]) < LOCAL_SIDE:
            return True
        return bool((local_means(np.asarray(part, np.float64)) > self.thresholds[:, None]).any())

    @property
    def words(self) -> str:
        """How much is passed over."""
        return f"{1.0 - self.share:.0%} of all squares of 8 x 8 pixels are background: patches of it alone are rare"
