"""Whether a clean reference has the brightness of what is judged by it: another one is no error of single pixels."""

from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.metrics.psnr import affine_fit, known_pair, psnr

LEAST_GAIN = 3.0
"""Decibels that fitting scale and offset gains where they are half of the mean square error or more."""

LEAST_ALIKE = 0.5
"""Share of the reference's variance that the fitted image explains; of less it is not known to be the same scene."""


@dataclass
class UnitsOfReference:
    """Compares planes with their clean reference as they are, and after the best scale and offset of each."""

    _planes: list[tuple[float, float, float, float, float]] = field(default_factory=list)

    def add(self, image: npt.NDArray[Any], clean: npt.NDArray[Any]) -> None:
        """Add a plane; one without contrast, of which there is no PSNR, says nothing.

        Args:
            image: What is judged, any shape, intensity units; NaN stands for pixels that were never measured.
            clean: The reference, of the same shape; so does NaN here.

        Raises:
            SizeError: If the shapes differ.
            PixelError: If no pixel was measured.
        """
        image, clean = known_pair(image, clean)
        variance = float(clean.var())
        if variance == 0.0:
            return
        scale, offset = affine_fit(image, clean)
        fitted = scale * image + offset
        alike = 1.0 - float(np.mean(np.square(fitted - clean))) / variance
        found = (psnr(image, clean), psnr(fitted, clean), alike, float(np.mean(image - clean)), scale)
        self._planes.append(found)

    def words(self) -> str:
        """Return what differs, in one line; empty where brightness is not most of the error."""
        if not self._planes:
            return ""
        plain, fitted, alike, above, scale = map(fmean, zip(*self._planes, strict=True))
        if not fitted - plain > LEAST_GAIN or alike < LEAST_ALIKE:  # both are infinite for equal images
            return ""
        side = "above" if above > 0.0 else "below"
        return (
            f"the result lies {abs(above):.4g} {side} the clean reference on average (best scale {scale:.3g}): with "
            f"scale and offset fitted its PSNR is {fitted:.2f} dB, not {plain:.2f}; SSIM and coverage take the "
            "difference for an error, too"
        )
