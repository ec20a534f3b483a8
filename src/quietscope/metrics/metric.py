"""The record that describes a metric: a number that compares an image with a clean one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A number that measures how similar an image is to a clean one.

    Attributes:
        title: Name of the metric for a person, e.g. "PSNR".
        compute: Function of the image, the clean image, both (Y, X) or (Z, Y, X) in intensity units, and the range of
            intensities (None for maximum minus minimum of the clean image); returns the value. NaN in either stands
            for pixels that were never measured, which are to be left out. Raises SizeError or PixelError for images
            that it cannot compare.
        higher_is_better: Whether a better image has a higher value.
        unit: Unit of the value, e.g. "dB"; empty for a pure number.
        decimals: Number of decimals that are worth showing.
    """

    title: str
    compute: Callable[[npt.NDArray[Any], npt.NDArray[Any], float | None], float]
    higher_is_better: bool
    unit: str = ""
    decimals: int = 2

    @property
    def heading(self) -> str:
        """Title and unit, and the good direction if that is down: ``PSNR (dB)``, ``Error (lower is better)``."""
        words = [*([self.unit] if self.unit else []), *([] if self.higher_is_better else ["lower is better"])]
        return f"{self.title} ({', '.join(words)})" if words else self.title

    def words(self, value: float) -> str:
        """Return a value as text, with as many decimals as are worth showing."""
        return f"{value:.{self.decimals}f}"
