"""The estimators there are, and those that one prediction needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from quietscope.prediction.deconvolved import DeconvolvedMean
from quietscope.prediction.estimator import Estimator, Site
from quietscope.prediction.mean_shift import MeanShift
from quietscope.prediction.moments import StreamingMoments
from quietscope.prediction.quantiles import StreamingQuantiles
from quietscope.prediction.sampling import Drawn
from quietscope.tiling.border import Pixels
from quietscope.tiling.request import Kind, Request

ESTIMATORS: tuple[type[Estimator], ...] = (StreamingMoments, StreamingQuantiles, MeanShift, DeconvolvedMean)
"""Every estimator; a new one is one file, one line here, and its kinds in `request`."""


@dataclass(frozen=True)
class Panel:
    """The estimators that give what a prediction is asked for.

    Attributes:
        kinds: What it is asked for.
        request: How to predict.
        spatial_dims: 2 or 3.
    """

    kinds: tuple[Kind, ...]
    request: Request
    spatial_dims: int

    @property
    def members(self) -> tuple[type[Estimator], ...]:
        """The estimators that are needed."""
        return tuple(each for each in ESTIMATORS if set(each.gives) & set(self.kinds))

    @property
    def margin(self) -> tuple[int, ...]:
        """Pixels needed around a tile's inner box, one number per spatial axis."""
        margins = [each.margin(self.request, self.spatial_dims) for each in self.members]
        return tuple(max(widths) for widths in zip((0,) * self.spatial_dims, *margins, strict=True))

    @property
    def bytes_per_value(self) -> float:
        """Bytes kept per pixel and channel."""
        return sum(each.bytes_per_value(self.request) for each in self.members)

    def at(self, site: Site) -> "TileEstimators":
        """Make the estimators of one tile."""
        return TileEstimators(self.kinds, site, [each.of(self.request, site) for each in self.members])


@dataclass(frozen=True)
class TileEstimators:
    """The estimators of one tile.

    Attributes:
        kinds: What they are asked for.
        site: Where they work.
        estimators: They themselves.
    """

    kinds: tuple[Kind, ...]
    site: Site
    estimators: Sequence[Estimator]

    def update(self, drawn: Drawn) -> None:
        """Show a batch of images, (K, C, *core), to all of them."""
        for estimator in self.estimators:
            shown = drawn.deconvolved if estimator.looks_at_deconvolved else drawn.images
            assert shown is not None, "asked for deconvolved images of a method that gives none"
            estimator.update(shown)

    def result(self) -> Mapping[Kind, Pixels]:
        """Return what was asked for, (..., C, *inner), in main memory."""
        found: dict[Kind, Tensor] = {}
        for estimator in self.estimators:
            found.update(estimator.result())
        return {kind: found[kind].cpu().numpy() for kind in self.kinds}
