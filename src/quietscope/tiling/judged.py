"""A sink that measures the residual of what passes by on its way into a file or an array."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from quietscope.axes import reorder
from quietscope.io.image import Image, Sink
from quietscope.metrics.residual import ResidualSums
from quietscope.metrics.verdict import Effort, Verdict, judge

JUDGED = ("mean", "map")
"""Kinds of results that a verdict can rest on; the first that there is counts."""

_CHANNELS = "CS"


class Judged:
    """Passes blocks of a denoised image on, and compares them with the noisy pixels at their place.

    A block is read again from the noisy image, so that memory stays that of a block.

    Args:
        image: The noisy image.
        sink: What the blocks are for; None for nothing.
    """

    def __init__(self, image: Image, sink: Sink | None = None) -> None:
        self._image, self._sink = image, sink
        self.channels: dict[int, ResidualSums] = {}

    def __setitem__(self, key: Any, block: Any, /) -> None:
        """Write a block at integers and slices, one per axis."""
        if self._sink is not None:
            self._sink[key] = block
        kept = "".join(letter for letter, at in zip(self._image.axes, key, strict=True) if isinstance(at, slice))
        first = "".join(letter for letter in _CHANNELS if letter in kept)
        order = first + "".join(letter for letter in kept if letter not in first + "YX") + "YX"
        noisy, denoised = (reorder(part, kept, order) for part in (np.asarray(self._image.data[key]), block))
        split = (-1, *noisy.shape[len(first) :])
        pairs = zip(noisy.reshape(split), np.asarray(denoised).reshape(split), strict=True)
        for channel, (one, other) in enumerate(pairs):
            self.channels.setdefault(channel, ResidualSums()).add(one, other)

    def verdict(self, effort: Effort | None = None, *, is_own: bool = True) -> Verdict:
        """Judge what has passed by, see `quietscope.metrics.verdict.judge`."""
        sums = [self.channels[channel] for channel in sorted(self.channels)]
        squares = int(min((each.sums.get("squares", 0.0) for each in sums), default=0.0))
        return judge([each.figures() for each in sums], effort, is_own=is_own, squares=squares)


def judging(image: Image, sinks: Mapping[str, Sink]) -> dict[str, Judged]:
    """Return a judging sink around each of the sinks, by the names of kinds of results, that a verdict can rest on."""
    return {kind: Judged(image, sinks[kind]) for kind in JUDGED if kind in sinks}


def verdict_of(judged: Mapping[str, Judged], effort: Effort | None, *, is_own: bool) -> Verdict:
    """Return the verdict of what `judging` returned; where that is nothing, of the training alone."""
    found = [each.verdict(effort, is_own=is_own) for each in judged.values()]
    return found[0] if found else judge((), effort, is_own=is_own)
