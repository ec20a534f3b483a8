"""Clipping levels: the lowest and highest value that a sensor can record, found by the pixels piled up there."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

NUM_NEIGHBOURS = 5
"""Number of values next to the lowest (or highest) one; their median count is what it would hold without clipping."""

PILE_UP = 2.0
"""Without clipping, the lowest or highest value occurs less often than its neighbours; twice as often is a pile-up."""

MIN_PILE_UP = 8
"""Least number of pixels that counts as a pile-up; fewer can be chance."""


@dataclass(frozen=True, kw_only=True)
class ClipLevels:
    """The values at which pixels are clipped, equation (3) of `quietscope.noise`.

    Attributes:
        low: Lowest recorded value, in intensity units; minus infinity if nothing is clipped there.
        high: Highest recorded value, in intensity units; infinity if nothing is clipped there.
        step: Difference of neighbouring values: 1 for integer data, 0 for data that can take any value.
    """

    low: float = -math.inf
    high: float = math.inf
    step: float = 0.0

    @property
    def low_edge(self) -> float:
        """Intensity below which a pixel is recorded as ``low``: half a step above it, because values are rounded."""
        return self.low + 0.5 * self.step

    @property
    def high_edge(self) -> float:
        """Intensity above which a pixel is recorded as ``high``: half a step below it, because values are rounded."""
        return self.high - 0.5 * self.step

    @property
    def is_open(self) -> bool:
        """Whether nothing is clipped at either level."""
        return math.isinf(self.low) and math.isinf(self.high)

    def is_low(self, x: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.bool_]:
        """Return where ``x`` is clipped at the lower level, same shape."""
        return x <= self.low

    def is_high(self, x: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.bool_]:
        """Return where ``x`` is clipped at the upper level, same shape."""
        return x >= self.high


def find_clip_levels(x: npt.NDArray[np.floating[Any]]) -> ClipLevels:
    """Find the values at which an image is clipped.

    Args:
        x: Recorded intensities, any shape.

    Returns:
        The lowest and the highest value if pixels pile up there, otherwise minus and plus infinity. The step is 1 if
        every value is a whole number, otherwise 0.
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
