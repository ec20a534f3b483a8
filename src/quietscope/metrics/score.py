"""All metrics that compare images with clean ones, averaged over images."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy.typing as npt

from quietscope.errors import SizeError
from quietscope.metrics.metric import Metric
from quietscope.metrics.psnr import AFFINE_PSNR, PSNR
from quietscope.metrics.ssim import SSIM
from quietscope.registry import Registry, record

METRICS: Registry[Metric] = Registry(
    "quietscope.metrics", {"psnr": PSNR, "ssim": SSIM, "psnr_affine": AFFINE_PSNR}, record(Metric)
)
"""Every metric by its name. A new one is one file and one word here or, in another package, an entry point of the group
"quietscope.metrics"."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """The mean of every metric over images: ``score["psnr"]``.

    Attributes:
        num_images: Number of images.
        means: Mean of each metric, by its name in `METRICS`.
    """

    num_images: int
    means: Mapping[str, float]

    def __getitem__(self, name: str) -> float:
        return self.means[name]


def evaluate(
    images: Iterable[npt.NDArray[Any]],
    clean: Iterable[npt.NDArray[Any]],
    data_range: float | None = None,
    *,
    metrics: Mapping[str, Metric] = METRICS,
) -> Score:
    """Compare images with clean ones, and average every metric over the images.

    Args:
        images: Images of one channel, (Y, X) or (Z, Y, X) each; sizes may differ. Pass channels one by one, because
            each has its own range of intensities.
        clean: The clean images, one per image.
        data_range: Range of intensities; maximum minus minimum of each clean image if None.
        metrics: The metrics by name.

    Returns:
        The means. As in the literature, decibels are averaged over images, not errors.

    Raises:
        SizeError: If there are no images, not as many as clean ones, or sizes differ.
        PixelError: If a clean image is constant and no range is given.
    """
    noisy, truths = list(images), list(clean)
    if len(noisy) != len(truths):
        raise SizeError(
            "one clean image per image",
            f"{len(truths)} clean ones for {len(noisy)} images",
            "pass as many of one as of the other",
        )
    return evaluate_pairs(zip(noisy, truths, strict=True), data_range, metrics=metrics)


def evaluate_pairs(
    pairs: Iterable[tuple[npt.NDArray[Any], npt.NDArray[Any]]],
    data_range: float | None = None,
    *,
    metrics: Mapping[str, Metric] = METRICS,
) -> Score:
    """Do the same as `evaluate` for pairs (image, clean), one after the other, so that only one pair is in memory."""
    values: dict[str, list[float]] = {name: [] for name in metrics}
    num_images = 0
    for image, truth in pairs:
        num_images += 1
        for name, metric in metrics.items():
            values[name].append(metric.compute(image, truth, data_range))
    if not num_images:
        raise SizeError("at least one image with its clean one", "none", "pass an image and its clean image")
    return Score(num_images=num_images, means={name: fmean(found) for name, found in values.items()})
