"""Where the scale of an image ends: pixels piled up at its lowest or highest value have lost part of their noise."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

NUM_NEIGHBOURS = 5
"""Levels next to the extreme one, whose median count says how many pixels it would hold if nothing were clipped."""

PILE_UP = 2.0
"""The extreme level of an unclipped histogram holds fewer pixels than its neighbours; twice as many is a pile-up."""

MIN_PILE_UP = 8
"""Fewer pixels than this at the extreme level are chance."""


@dataclass(frozen=True, kw_only=True)
class ClipLevels:
    """The ends of the scale at which pixels pile up; minus or plus infinity where none do.

    Args:
        low: Lowest observed value, in intensity units.
        high: Highest observed value.
        step: Distance of neighbouring values: 1 for integer data, 0 for data that can take any value.
    """

    low: float = -math.inf
    high: float = math.inf
    step: float = 0.0

    @property
    def low_edge(self) -> float:
        """Intensity below which a pixel was recorded as ``low``: half a step inside."""
        return self.low + 0.5 * self.step

    @property
    def high_edge(self) -> float:
        """Intensity above which a pixel was recorded as ``high``: half a step inside."""
        return self.high - 0.5 * self.step

    @property
    def is_open(self) -> bool:
        """True where neither end is known, and nothing clipped."""
        return math.isinf(self.low) and math.isinf(self.high)

    def is_low(self, x: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.bool_]:
        """Return where ``x`` lies at the lower end."""
        return x <= self.low

    def is_high(self, x: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.bool_]:
        """Return where ``x`` lies at the upper end."""
        return x >= self.high


def find_clip_levels(x: npt.NDArray[np.floating[Any]]) -> ClipLevels:
    """Find the levels at which an image is clipped.

    Args:
        x: Observed intensities, any shape.

    Returns:
        The lowest and the highest value where either is a pile-up, else minus and plus infinity; the step is 1 where
        every value is a whole number.
    """
    levels, counts = np.unique(x, return_counts=True)
    low = float(levels[0]) if _is_pile_up(counts) else -np.inf
    high = float(levels[-1]) if _is_pile_up(counts[::-1]) else np.inf
    step = 1.0 if bool(np.all(levels == np.floor(levels))) else 0.0
    return ClipLevels(low=low, high=high, step=step)


def _is_pile_up(counts: npt.NDArray[np.intp]) -> bool:
    neighbours = counts[1 : 1 + NUM_NEIGHBOURS]
    if neighbours.size == 0:
        return True
    return bool(counts[0] >= MIN_PILE_UP and counts[0] > PILE_UP * float(np.median(neighbours)))
