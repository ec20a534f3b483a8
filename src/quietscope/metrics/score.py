"""All metrics against the truth, averaged over images."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy.typing as npt

from quietscope.errors import SizeError
from quietscope.metrics.psnr import psnr, psnr_affine
from quietscope.metrics.ssim import ssim

METRICS: dict[str, Callable[[npt.NDArray[Any], npt.NDArray[Any], float | None], float]] = {
    "psnr": psnr,
    "ssim": ssim,
    "psnr_affine": psnr_affine,
}
"""Every metric against a clean image by its name; a new one is one line here and one in `Score`."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """Means over images, each judged on its own.

    Attributes:
        num_images: Images averaged over.
        psnr: Peak signal-to-noise ratio in dB, see `psnr`.
        ssim: Structural similarity, see `ssim`.
        psnr_affine: Peak signal-to-noise ratio in dB after the best scale and offset, see `psnr_affine`.
    """

    num_images: int
    psnr: float
    ssim: float
    psnr_affine: float


def evaluate(
    images: Iterable[npt.NDArray[Any]], clean: Iterable[npt.NDArray[Any]], data_range: float | None = None
) -> Score:
    """Judge images against the truth and average over them.

    Args:
        images: Images of one channel, (Y, X) or (Z, Y, X) each; sizes may differ. Pass channels one by one, because
            each has a range of its own.
        clean: The truth, one per image.
        data_range: Range of intensities; maximum minus minimum of each clean image if None.

    Returns:
        The means. A mean of decibels is what the literature reports, not the decibels of the mean error.

    Raises:
        SizeError: If there are no images, not as many as clean ones, or sizes differ.
        PixelError: If a clean image is constant and no range is given.
    """
    values: dict[str, list[float]] = {name: [] for name in METRICS}
    pairs, truths = list(images), list(clean)
    if not pairs or len(pairs) != len(truths):
        raise SizeError(
            "one clean image per image", f"{len(pairs)} and {len(truths)}", "pass as many of one as of the other"
        )
    for image, truth in zip(pairs, truths, strict=True):
        for name, metric in METRICS.items():
            values[name].append(metric(image, truth, data_range))
    return Score(num_images=len(pairs), **{name: fmean(found) for name, found in values.items()})
