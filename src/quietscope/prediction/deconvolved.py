"""The deconvolved image of methods that give one."""

from collections.abc import Mapping
from typing import Self

from torch import Tensor

from quietscope.prediction.estimator import Estimator, Site
from quietscope.prediction.moments import StreamingMoments
from quietscope.tiling.request import Kind, Request


class DeconvolvedMean(Estimator):
    """Averages deconvolved images, of one turn of the frame or of several.

    Args:
        moments: What averages.
    """

    gives = ("deconvolved",)
    looks_at_deconvolved = True

    def __init__(self, moments: StreamingMoments) -> None:
        self._moments = moments

    @classmethod
    def of(cls, request: Request, site: Site) -> Self:
        """Make the estimator of one tile."""
        return cls(StreamingMoments.of(request, site))

    @classmethod
    def margin(cls, request: Request, spatial_dims: int) -> tuple[int, ...]:
        """Return zeros: every pixel is by itself."""
        return StreamingMoments.margin(request, spatial_dims)

    @classmethod
    def bytes_per_value(cls, request: Request) -> float:
        """Return the bytes that it keeps at most per pixel and channel."""
        return StreamingMoments.bytes_per_value(request)

    def update(self, samples: Tensor) -> None:
        """Take in a batch of deconvolved images, (K, C, *core)."""
        self._moments.update(samples)

    def result(self) -> Mapping[Kind, Tensor]:
        """Return their mean."""
        return {"deconvolved": self._moments.mean()}
