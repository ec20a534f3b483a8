"""The noise of every channel of a recording, with the knowledge which of its planes follow each other."""

from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from quietscope.axes import Layout
from quietscope.data.frames import Frames
from quietscope.data.preparation import all_but
from quietscope.diagnosis.channel import Diagnosis, diagnose

SUCCESSIVE = "ZT"
"""Axes along which neighbouring planes follow each other, in space or in time."""


def diagnose_frames(frames: Frames) -> list[Diagnosis]:
    """Diagnose the noise of every channel, from a bounded sample of all frames.

    Args:
        frames: Noisy frames, planes or volumes.

    Returns:
        One diagnosis per channel.

    Raises:
        NoiseError: If the images are too small or constant, or hold NaN or infinity.
    """
    parts = [(array, Layout.of(layout.axes, layout.shape)) for array, layout in frames.parts]
    successive: dict[str, list[tuple[int, int]]] = {}
    start = 0
    for _, layout in parts:
        for axis, pairs in _successive(layout).items():
            successive.setdefault(axis.lower(), []).extend((start + first, start + second) for first, second in pairs)
        start += layout.num_frames
    return [
        diagnose(
            [_Plane(array, layout, number, channel) for array, layout in parts for number in range(layout.num_frames)],
            successive=successive,
            has_gaps=frames.has_gaps,
            **(_named(channel, frames.num_channels) if frames.num_channels > 1 else {}),
        )
        for channel in range(frames.num_channels)
    ]


def _named(channel: int, count: int) -> dict[str, Any]:
    return {"name": f"channel {channel}, counted from 0", "fix": all_but(channel, count)}


def _successive(layout: Layout) -> dict[str, list[tuple[int, int]]]:
    """Return, for each of Z and T that the layout has, the pairs of frame numbers that follow each other along it."""
    sizes = [layout.shape[layout.axes.index(letter)] for letter in layout.frame_axes]
    numbers = np.arange(prod(sizes)).reshape(sizes)
    return {
        letter: [
            (int(first), int(second))
            for planes in [np.moveaxis(numbers, at, 0)]
            for one, other in pairwise(planes)
            for first, second in zip(one.ravel(), other.ravel(), strict=True)
        ]
        for at, letter in enumerate(layout.frame_axes)
        if letter in SUCCESSIVE
    }


@dataclass(frozen=True)
class _Plane:
    """One channel of one frame; indexing reads the pixels."""

    array: Any
    layout: Layout
    number: int
    channel: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Size (Y, X) in pixels."""
        return self.layout.spatial_shape

    def __getitem__(self, key: Any) -> Any:
        """Read the pixels selected by two slices."""
        return self.layout.region(self.array, self.number, key)[self.channel]
