"""A bar of a round length, by which sizes in a picture are told."""

from dataclasses import dataclass
from math import floor, log10

_PREFIXES = ((1e3, "mm", 1e-3), (1.0, "µm", 1.0), (0.0, "nm", 1e3))
"""From how many micrometres on which unit is used, and how many of it a micrometre has."""


@dataclass(frozen=True)
class ScaleBar:
    """A bar.

    Attributes:
        words: Its length.
        share: The same as a share of the width of the picture, 0.08 to 0.25.
    """

    words: str
    share: float


def scale_bar(width: int, pixel_size_um: float) -> ScaleBar:
    """Return the bar of a picture: the longest of 1, 2 or 5 and zeros that takes no more than a quarter of it.

    Args:
        width: Columns of the picture.
        pixel_size_um: Micrometres from one column to the next, above 0.
    """
    goal = 0.25 * width * pixel_size_um
    power = 10.0 ** floor(log10(goal))
    length = max((step * power for step in (1, 2, 5) if step * power <= goal), default=power)
    unit, factor = next((unit, factor) for least, unit, factor in _PREFIXES if length >= least)
    return ScaleBar(f"{length * factor:g} {unit}", length / pixel_size_um / width)
