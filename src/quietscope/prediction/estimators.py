"""The estimators that one prediction needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from quietscope.prediction.estimator import Estimator, Site
from quietscope.prediction.sampling import Drawn
from quietscope.tiling.border import Pixels
from quietscope.tiling.kinds import Kind, imported
from quietscope.tiling.request import Request


@dataclass(frozen=True)
class Panel:
    """The estimators that give what a prediction is asked for.

    Attributes:
        kinds: What it is asked for, estimates only.
        request: How to predict.
        spatial_dims: 2 or 3.
    """

    kinds: tuple[Kind, ...]
    request: Request
    spatial_dims: int

    @cached_property
    def members(self) -> Mapping[tuple[str, bool], type[Estimator]]:
        """The estimators that are needed, by their address and whether they see deconvolved images."""
        return {_member(kind): imported(kind.estimator) for kind in self.kinds if kind.estimator is not None}

    @property
    def margin(self) -> tuple[int, ...]:
        """Pixels needed around a tile's inner box, one number per spatial axis."""
        margins = [each.margin(self.request, self.spatial_dims) for each in self.members.values()]
        return tuple(max(widths) for widths in zip((0,) * self.spatial_dims, *margins, strict=True))

    @property
    def bytes_per_value(self) -> float:
        """Bytes kept per pixel and channel."""
        return sum(each.bytes_per_value(self.request) for each in self.members.values())

    def at(self, site: Site) -> "TileEstimators":
        """Make the estimators of one tile."""
        return TileEstimators(self.kinds, {key: each.of(self.request, site) for key, each in self.members.items()})


@dataclass(frozen=True)
class TileEstimators:
    """The estimators of one tile.

    Attributes:
        kinds: What they are asked for.
        estimators: The estimators, by their address and whether they see deconvolved images.
    """

    kinds: tuple[Kind, ...]
    estimators: Mapping[tuple[str, bool], Estimator]

    def update(self, drawn: Drawn) -> None:
        """Show a batch of images, (K, C, *core), to all estimators."""
        for (_, is_deconvolved), estimator in self.estimators.items():
            shown = drawn.deconvolved if is_deconvolved else drawn.images
            assert shown is not None, "asked for deconvolved images of a method that gives none"
            estimator.update(shown)

    def result(self) -> Mapping[str, Pixels]:
        """Return what was asked for, by name of its kind, (..., C, *inner), in main memory."""
        found = {key: estimator.result() for key, estimator in self.estimators.items()}
        return {kind.name: found[_member(kind)][kind.output or kind.name].cpu().numpy() for kind in self.kinds}


def _member(kind: Kind) -> tuple[str, bool]:
    assert kind.estimator is not None, f"{kind.name} has no estimator"
    return kind.estimator, kind.needs == "deconvolves"
