"""A sink whose axes are in another order than those of what is written to it."""

from typing import Any

import numpy as np

from quietscope.axes import reorder
from quietscope.io.image import Sink, whole_key


class Reordered:
    """A sink that is written to with its axes in another order.

    Args:
        sink: The sink.
        own: Its axes.
        asked: The same axes in the order of the keys and blocks.
    """

    def __init__(self, sink: Sink, own: str, asked: str) -> None:
        self._sink, self._own, self._asked = sink, own, asked

    def __setitem__(self, key: Any, block: Any, /) -> None:
        """Write a block."""
        index = whole_key(key, len(self._asked))
        kept = "".join(a for a, at in zip(self._asked, index, strict=True) if isinstance(at, slice))
        own = tuple(index[self._asked.index(letter)] for letter in self._own)
        block = np.asarray(block)
        assert block.ndim in (0, len(kept)), "a number, or a block with the dimensions that the index leaves"
        if block.ndim:
            block = reorder(block, kept, "".join(letter for letter in self._own if letter in kept))
        self._sink[own] = block
