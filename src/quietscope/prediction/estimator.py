"""What an estimator of posterior samples is: it sees each sample once and gives its results at the end."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from torch import Tensor

from quietscope.tiling.request import Request


@dataclass(frozen=True, kw_only=True)
class Site:
    """Where in a frame an estimator works.

    Attributes:
        inner: The box that results are for, in frame coordinates.
        core: The box that samples come for: `inner` and the estimator's margin around it, within the frame.
        size: Size of the frame in pixels per spatial axis.
    """

    inner: tuple[slice, ...]
    core: tuple[slice, ...]
    size: tuple[int, ...]

    @classmethod
    def of(cls, inner: tuple[slice, ...], margin: tuple[int, ...], size: tuple[int, ...]) -> Self:
        """Make the site of an inner box with a margin around it."""
        core = tuple(
            slice(max(0, box.start - m), min(length, box.stop + m))
            for box, m, length in zip(inner, margin, size, strict=True)
        )
        return cls(inner=inner, core=core, size=size)

    @property
    def inner_in_core(self) -> tuple[slice, ...]:
        """The inner box in coordinates of the core."""
        return tuple(slice(i.start - c.start, i.stop - c.start) for i, c in zip(self.inner, self.core, strict=True))


def cropped(images: Tensor, box: tuple[slice, ...]) -> Tensor:
    """Return a box of images, (..., *S), one slice per spatial axis."""
    index: tuple[Any, ...] = (..., *box)
    return images[index]


class Estimator(ABC):
    """Turns a stream of samples of one tile into estimates.

    Estimates must not depend on how samples are grouped, nor, beyond what is documented, on their order.
    """

    @classmethod
    @abstractmethod
    def of(cls, request: Request, site: Site) -> Self:
        """Make the estimator of one tile."""

    @classmethod
    @abstractmethod
    def margin(cls, request: Request, spatial_dims: int) -> tuple[int, ...]:
        """Return the pixels that it needs around a box to estimate within it, one number per spatial axis."""

    @classmethod
    @abstractmethod
    def bytes_per_value(cls, request: Request) -> float:
        """Return the bytes that it keeps at most per pixel and channel."""

    @abstractmethod
    def update(self, samples: Tensor) -> None:
        """Take in a batch of samples, (K, C, *core), K at least 1."""

    @abstractmethod
    def result(self) -> Mapping[str, Tensor]:
        """Return what it estimates by name, see `Kind.output`, (..., C, *inner), float32."""
