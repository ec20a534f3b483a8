"""All metrics against the truth, averaged over images."""

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
"""Every metric against a clean image by its name; a new one is one file and one word here, or, in another package, an
entry point of the group "quietscope.metrics"."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """Means over images, each judged on its own: ``score["psnr"]``.

    Attributes:
        num_images: Images averaged over.
        means: The mean of each metric, by its name in `METRICS`.
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
    """Judge images against the truth and average over them.

    Args:
        images: Images of one channel, (Y, X) or (Z, Y, X) each; sizes may differ. Pass channels one by one, because
            each has a range of its own.
        clean: The truth, one per image.
        data_range: Range of intensities; maximum minus minimum of each clean image if None.
        metrics: What to judge by, by name.

    Returns:
        The means. A mean of decibels is what the literature reports, not the decibels of the mean error.

    Raises:
        SizeError: If there are no images, not as many as clean ones, or sizes differ.
        PixelError: If a clean image is constant and no range is given.
    """
    noisy, truths = list(images), list(clean)
    if len(noisy) != len(truths):
        raise SizeError(
            "one clean image per image", f"{len(noisy)} and {len(truths)}", "pass as many of one as of the other"
        )
    return evaluate_pairs(zip(noisy, truths, strict=True), data_range, metrics=metrics)


def evaluate_pairs(
    pairs: Iterable[tuple[npt.NDArray[Any], npt.NDArray[Any]]],
    data_range: float | None = None,
    *,
    metrics: Mapping[str, Metric] = METRICS,
) -> Score:
    """Judge images as `evaluate` does, one pair of (image, clean) after the other, so that only one is in memory."""
    values: dict[str, list[float]] = {name: [] for name in metrics}
    num_images = 0
    for image, truth in pairs:
        num_images += 1
        for name, metric in metrics.items():
            values[name].append(metric.compute(image, truth, data_range))
    if not num_images:
        raise SizeError("at least one image with its clean one", "none", "pass as many of one as of the other")
    return Score(num_images=num_images, means={name: fmean(found) for name, found in values.items()})
