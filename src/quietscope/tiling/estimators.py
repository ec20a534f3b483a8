"""Estimators: each sees the images of one tile once, as they are drawn, and gives its results at the end.

What an estimator is, and those that one prediction needs.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Generic, Self

from quietscope.tiling.antithetic import Pairs
from quietscope.tiling.drawn import Drawn, Images
from quietscope.tiling.kinds import Kind
from quietscope.tiling.request import Request


@dataclass(frozen=True, kw_only=True)
class Site:
    """Where in a frame an estimator works.

    Attributes:
        inner: The box that results are for, in frame coordinates.
        core: The box that images come for: `inner` and the estimator's margin around it, within the frame.
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


class Estimator(ABC, Generic[Images]):
    """Turns a stream of images of one tile, as a rule posterior samples, into estimates.

    Estimates must not depend on how images are grouped, nor, beyond what is documented, on their order. A class names
    its arrays: ``Estimator[Tensor]`` works in PyTorch.
    """

    @classmethod
    @abstractmethod
    def of(cls, request: Request, site: Site) -> Self:
        """Make the estimator of one tile."""

    @classmethod
    def margin(cls, request: Request, spatial_dims: int) -> tuple[int, ...]:
        """Return the pixels that it needs around a box to estimate within it, one number per spatial axis.

        None, where it looks at every pixel by itself.
        """
        return (0,) * spatial_dims

    @classmethod
    @abstractmethod
    def bytes_per_value(cls, request: Request) -> float:
        """Return the bytes that it keeps at most per pixel and channel."""

    @abstractmethod
    def update(self, samples: Images) -> None:
        """Take in a batch of images, (K, C, *core), K at least 1."""

    @abstractmethod
    def result(self) -> Mapping[str, Images]:
        """Return what it estimates by name, see `Kind.output`, (..., C, *inner), float32."""


@dataclass(frozen=True)
class Task(Generic[Images]):
    """What one estimator is to make.

    Attributes:
        estimator: Its class.
        kinds: The kinds of results, all made of the same images; where samples pair, all of them expectations or none.
    """

    estimator: type[Estimator[Images]]
    kinds: tuple[Kind, ...]

    @property
    def is_expectation(self) -> bool:
        """Whether antithetic pairs serve it."""
        return self.kinds[0].is_expectation

    def shown(self, drawn: Drawn[Images], pairs: Pairs) -> Images | None:
        """Return the images that the estimator is to see; None where it is to see none of them."""
        seen = self.kinds[0].sees
        found: Images | None = getattr(drawn, seen)
        if found is None:
            return None
        served = [n for n, each in enumerate(drawn.numbers) if pairs.serves(each, expectation=self.is_expectation)]
        if len(served) == len(drawn.numbers):
            return found
        some: Images | None = found[served] if served else None
        return some


@dataclass(frozen=True)
class Panel(Generic[Images]):
    """The estimators that give what a prediction is asked for.

    Attributes:
        tasks: What each of them is to make.
        request: How to predict.
        spatial_dims: 2 or 3.
        pairs: Which samples pair.
    """

    tasks: tuple[Task[Images], ...]
    request: Request
    spatial_dims: int
    pairs: Pairs

    @classmethod
    def of(
        cls,
        kinds: Iterable[Kind],
        estimator_of: Callable[[Kind], type[Estimator[Images]]],
        request: Request,
        spatial_dims: int,
        pairs: Pairs,
    ) -> Self:
        """Give every estimator one task, however many kinds of results it makes.

        Args:
            kinds: What a prediction is asked for.
            estimator_of: Finds the estimator that makes a kind of results.
            request: How to predict.
            spatial_dims: 2 or 3.
            pairs: Which samples pair.

        Returns:
            The panel.
        """
        grouped: dict[tuple[type[Estimator[Images]], str, bool], list[Kind]] = {}
        for kind in kinds:
            apart = bool(pairs.count) and kind.is_expectation
            grouped.setdefault((estimator_of(kind), kind.sees, apart), []).append(kind)
        tasks = tuple(Task(estimator, tuple(group)) for (estimator, *_), group in grouped.items())
        return cls(tasks, request, spatial_dims, pairs)

    @property
    def margin(self) -> tuple[int, ...]:
        """Pixels needed around a tile's inner box, one number per spatial axis."""
        margins = [task.estimator.margin(self._request(task), self.spatial_dims) for task in self.tasks]
        return tuple(max(widths) for widths in zip((0,) * self.spatial_dims, *margins, strict=True))

    @property
    def bytes_per_value(self) -> float:
        """Bytes kept per pixel and channel."""
        return sum(task.estimator.bytes_per_value(self._request(task)) for task in self.tasks)

    def at(self, site: Site) -> "TileEstimators[Images]":
        """Make the estimators of one tile."""
        at_work = tuple((task, task.estimator.of(self._request(task), site)) for task in self.tasks)
        return TileEstimators(at_work, self.pairs)

    def _request(self, task: Task[Images]) -> Request:
        """Return the request as an estimator sees it, with the samples that are shown to it."""
        seen = self.pairs.seen(self.request.num_samples, expectation=task.is_expectation)
        return replace(self.request, num_samples=seen, pairs=0)


@dataclass(frozen=True)
class TileEstimators(Generic[Images]):
    """The estimators of one tile.

    Attributes:
        at_work: Every task with the estimator that does it.
        pairs: Which samples pair.
    """

    at_work: tuple[tuple[Task[Images], Estimator[Images]], ...]
    pairs: Pairs

    def update(self, drawn: Drawn[Images]) -> None:
        """Show a batch of images, (K, C, *core), to all estimators."""
        for task, estimator in self.at_work:
            images = task.shown(drawn, self.pairs)
            if images is not None:
                estimator.update(images)

    def result(self) -> Mapping[str, Images]:
        """Return what was asked for, by name of its kind, (..., C, *inner)."""
        found = {}
        for task, estimator in self.at_work:
            made = estimator.result()
            found.update({kind.name: made[kind.output or kind.name] for kind in task.kinds})
        return found
