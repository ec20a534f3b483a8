"""The deviation that a model computes itself, in one estimate of the orientations it was computed in."""

from collections.abc import Mapping
from typing import Any, Self

from quietscope.tiling.drawn import cropped
from quietscope.tiling.estimators import Estimator, Site
from quietscope.tiling.request import Request


class GivenDeviation(Estimator[Any]):
    """Root mean square of deviations, in arrays of PyTorch or NumPy; of one image, its deviation itself.

    The denoised image is the mean over orientations. If the error of each of them is as large as its deviation says,
    that of their mean is at most the root mean square: ``E (mean_k m_k - s)^2 <= mean_k E (m_k - s)^2``.

    Args:
        crop: The part of the images' last axes that counts; all of them where empty.
        spread: What `result` multiplies the deviation by.
    """

    def __init__(self, crop: tuple[slice, ...] = (), spread: float = 1.0) -> None:
        self._crop, self._spread = crop, spread
        self._count = 0
        self._squares: Any = 0.0

    @classmethod
    def of(cls, request: Request, site: Site) -> Self:
        """Make the estimator of one tile."""
        return cls(site.inner_in_core, request.spread)

    @classmethod
    def bytes_per_value(cls, request: Request) -> float:
        """Return the bytes that it keeps at most per pixel and channel: the squares, and those of a batch."""
        return 2 * 4

    def update(self, samples: Any) -> None:
        """Take in the deviations of a batch of images, (K, C, *core), intensity units."""
        part = cropped(samples, self._crop)
        self._squares = self._squares + (part * part).sum(0)
        self._count += len(part)

    def result(self) -> Mapping[str, Any]:
        """Return the deviation, with its factor, under the name of its kind, (C, *inner)."""
        assert self._count > 0, "no images yet"
        return {"std": self._spread * (self._squares / self._count) ** 0.5}
