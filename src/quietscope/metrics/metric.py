"""What a metric is that judges an image by a clean one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A number that says how like a clean image another one is.

    Attributes:
        title: What people call it, e.g. "PSNR".
        compute: Returns it, given the image and the clean one, both (Y, X) or (Z, Y, X) in intensity units, and the
            range of intensities, or None for maximum minus minimum of the clean image. Raises SizeError or PixelError
            for images that it cannot judge.
        higher_is_better: Whether a better image has a higher one.
        unit: Its unit, e.g. "dB"; empty for a pure number.
        decimals: How many decimals are worth showing.
    """

    title: str
    compute: Callable[[npt.NDArray[Any], npt.NDArray[Any], float | None], float]
    higher_is_better: bool
    unit: str = ""
    decimals: int = 2

    @property
    def heading(self) -> str:
        """Return title and unit, and which direction is good where it is not the usual one: ``PSNR (dB)``."""
        words = [*([self.unit] if self.unit else []), *([] if self.higher_is_better else ["lower is better"])]
        return f"{self.title} ({', '.join(words)})" if words else self.title

    def words(self, value: float) -> str:
        """Return a value with as many decimals as are worth showing."""
        return f"{value:.{self.decimals}f}"
