"""How long the samples of an image will take to draw, said as soon as the first of them are there."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from quietscope.wording import numbered, typed

if TYPE_CHECKING:
    from quietscope.cli.screen import Screen

WORTH_A_WORD = 60.0
"""Seconds from which on it is said."""
_FEWER = 10


class DrawingTime:
    """Says once, at the first of several images, how long drawing takes.

    Args:
        screen: Where it is said, and how drawing stands is shown.
        num_samples: How many samples are drawn of an image.
        share: Share of what is counted that is drawing, 0 to 1.
    """

    def __init__(self, screen: "Screen", num_samples: int, share: float = 1.0) -> None:
        self._screen, self._num_samples, self._share = screen, num_samples, share
        self._is_said = False

    @contextmanager
    def shown(self, name: str) -> Iterator[Callable[[int, int], None]]:
        """Show how the samples of an image stand; yields a function that takes (done, total)."""
        started = time.monotonic()
        with self._screen.predicting(name) as tell:

            def watch(done: int, total: int) -> None:
                if done > 0 and not self._is_said:
                    self._is_said = True
                    self._say((time.monotonic() - started) * self._share * total / done)
                tell(done, total)

            yield watch

    def _say(self, seconds: float) -> None:
        if seconds < WORTH_A_WORD:
            return
        words = f"to draw {numbered(self._num_samples, 'sample')} of this image will take about {in_words(seconds)}"
        if self._num_samples > _FEWER:
            words += f"; fewer are drawn sooner, e.g. `{typed(num_samples=_FEWER)}`"
        self._screen.note(words)


def in_words(seconds: float) -> str:
    """Return a duration of a minute or more as a person would say it: "12 minutes", "1.5 hours"."""
    if seconds < 90 * 60:
        return numbered(max(math.ceil(seconds / 60.0), 1), "minute")
    return f"{seconds / 3600.0:.2g} hours"
