"""The part of the results that a picture shows, kept while they are written: no picture costs a prediction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from quietscope.axes import Layout, reorder
from quietscope.io import Image, Sink
from quietscope.metrics.unexplained import Region
from quietscope.pipeline.results import Abilities
from quietscope.report.view import View, choose_view, middle_frame
from quietscope.tiling.kinds import chosen_kinds

SHOWN = frozenset({"mean", "std", "deconvolved", "samples"})
"""Kinds of results that the picture shows, where the model gives them."""
MOST_SAMPLES = 10
"""Samples that are kept; the overview shows three of them, the report as many as its size allows."""
MOST_MARKS = 200
"""Regions that it marks, the surest; more would cover it."""
MOST_CHANNELS = 6
"""Channels that it shows."""
_CHANNELS = "CS"

Place: TypeAlias = tuple[int | slice, ...]


class Tap:
    """A sink that passes blocks on, and keeps those of their values that lie in one place.

    Args:
        sink: What the blocks are for; None for nothing.
        place: The place in the array that is written, an integer or a slice per axis.
    """

    def __init__(self, sink: Sink | None, place: Place) -> None:
        self._sink, self._place = sink, place
        lengths = [side.stop - side.start for side in place if isinstance(side, slice)]
        self.values = np.zeros(lengths, np.float32)

    def __setitem__(self, key: Any, block: Any, /) -> None:
        """Write a block at integers and slices, one per axis."""
        if self._sink is not None:
            self._sink[key] = block
        source: list[int | slice] = []
        target: list[int | slice] = []
        for at, wanted in zip(key, self._place, strict=True):
            low, high = max(_ends(at)[0], _ends(wanted)[0]), min(_ends(at)[1], _ends(wanted)[1])
            if low >= high:
                return
            for inside, outside in ((source, at), (target, wanted)):
                inside.extend(_within(low, high, outside, is_kept=isinstance(wanted, slice) and isinstance(at, slice)))
        self.values[tuple(target)] = np.asarray(block)[tuple(source)]


def _ends(at: int | slice) -> tuple[int, int]:
    """Return start and stop of an index of one axis."""
    return (at.start, at.stop) if isinstance(at, slice) else (at, at + 1)


def _within(low: int, high: int, at: int | slice, *, is_kept: bool) -> list[int | slice]:
    """Return the index, within what `at` takes of an axis, of `low` up to `high`; none where `at` takes no axis along.

    Args:
        low: Start.
        high: Stop.
        at: What is taken of the axis.
        is_kept: Whether the axis is still there afterwards.
    """
    if not isinstance(at, slice):
        return []
    return [slice(low - at.start, high - at.start) if is_kept else low - at.start]


@dataclass(frozen=True, kw_only=True)
class Panels:
    """The part of an image that its picture shows: one plane of one frame, the middle one of Z, in every channel.

    Attributes:
        axes: Axes of the image.
        layout: How its dimensions map to frames, channels and space.
        frame: Number of the frame.
        view: The part of the frame that is shown.
        kinds: Kinds of results that are shown.
        num_samples: Samples that are shown.
    """

    axes: str
    layout: Layout
    frame: int
    view: View
    kinds: tuple[str, ...]
    num_samples: int

    @classmethod
    def of(cls, image: Image, spatial_dims: int, able: Abilities, num_samples: int) -> Self:
        """Choose the part of an image that is worth a picture.

        Args:
            image: The noisy image.
            spatial_dims: 2 where the model denoises planes, 3 for volumes.
            able: What the model can give.
            num_samples: Samples that are drawn; 0 where there are none to show.

        Returns:
            The part.
        """
        layout = image.layout(spatial_dims)
        frame = middle_frame(layout)
        shown = SHOWN & able.kinds if num_samples else SHOWN & able.kinds - {"samples"}
        return cls(
            axes=image.axes,
            layout=layout,
            frame=frame,
            view=choose_view(image, layout, frame),
            kinds=tuple(kind.name for kind in chosen_kinds(shown)),
            num_samples=min(num_samples, MOST_SAMPLES),
        )

    def tap(self, sinks: Mapping[str, Sink]) -> dict[str, Tap]:
        """Return sinks that keep the part of what is shown, and pass everything on to those that there are."""
        return {kind: Tap(sinks.get(kind), (*self._leading(kind), *self._place)) for kind in self.kinds}

    def planes(self, taps: Mapping[str, Tap]) -> dict[str, npt.NDArray[np.float32]]:
        """Return what was kept, by kind: (C, Y, X), and (N, C, Y, X) for samples."""
        kept = "".join(letter for letter in self.axes if letter in _CHANNELS + "YX")
        channels = "".join(letter for letter in _CHANNELS if letter in kept)
        found = {}
        for kind, tap in taps.items():
            number = "N" * len(self._leading(kind))
            values = reorder(tap.values, number + kept, number + channels + "YX")
            found[kind] = values.reshape(*values.shape[: len(number)], -1, *values.shape[-2:])
        return found

    def marks(self, regions: Sequence[Region], channel: int) -> tuple[tuple[int, int, int], ...]:
        """Return the squares that lie in what is shown of a channel: first row and column there, and side, in pixels.

        Args:
            regions: Squares of the image, the surest first.
            channel: Number of the channel.
        """
        at = dict(zip(self.axes, self._place, strict=True))
        rows, columns = self.view.rows, self.view.columns
        here = (
            each
            for each in regions
            if each.channel == channel
            and all(at[letter] == index for letter, index in each.plane.items())
            and rows.start < each.y + each.side
            and each.y < rows.stop
            and columns.start < each.x + each.side
            and each.x < columns.stop
        )
        return tuple((each.y - rows.start, each.x - columns.start, each.side) for each in islice(here, MOST_MARKS))

    @property
    def _place(self) -> Place:
        """The plane in the array of the image."""
        sizes = dict(zip(self.axes, self.layout.shape, strict=True))
        counted = self.layout.frame_axes
        numbers = np.unravel_index(self.frame, [sizes[letter] for letter in counted]) if counted else ()
        at: dict[str, int | slice] = dict(zip(counted, map(int, numbers), strict=True))
        at |= {"Y": self.view.rows, "X": self.view.columns}
        at |= {letter: slice(0, min(sizes[letter], MOST_CHANNELS)) for letter in _CHANNELS if letter in sizes}
        if self.view.middle:
            (at[self.layout.context.depth],) = self.view.middle
        return tuple(at.get(letter, 0) for letter in self.axes)

    def _leading(self, kind: str) -> tuple[slice, ...]:
        return (slice(0, self.num_samples),) if kind == "samples" else ()
