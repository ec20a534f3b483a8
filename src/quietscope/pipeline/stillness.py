"""Which files in a folder are whole: those that have stayed as they are for a while.

Nobody says when a microscope has written the last byte of a file, and network drives do not tell of changes at all. So
the files are looked at again and again; none is whole before its size and time have been the same for so long.
"""

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from quietscope.pipeline.journal import stamp_of


@dataclass(slots=True)
class _Seen:
    """A file as it was seen last: what tells its state, since when, and whether that state has been handed out."""

    stamp: tuple[int, ...]
    since: float
    is_taken: bool = False


class Stillness:
    """What is known of files that are looked at again and again.

    Args:
        seconds: For how long a file has to stay as it is, s.
        clock: Returns the time in seconds.

    Attributes:
        changed: When a file was last seen to be new or to have changed, by the clock.
        growing: How many files had changed too lately to be whole at the last look.
        empty: Files that have had no byte for as long.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._seen: dict[str, _Seen] = {}
        self.changed = clock()
        self.growing = 0
        self.empty: list[str] = []

    def look(self, paths: Iterable[str]) -> list[str]:
        """Look at files, and forget all others.

        Args:
            paths: The files, or folders that are images.

        Returns:
            Those that are whole, each once until it changes.
        """
        earlier, self._seen = self._seen, {}
        whole = []
        self.growing, self.empty = 0, []
        for path in paths:
            stamp, now = _stamp(path), self._clock()
            seen = earlier.get(path)
            if seen is None or seen.stamp != stamp:
                seen, self.changed = _Seen(stamp, now), now
            self._seen[path] = seen
            if seen.is_taken:
                continue
            if now - seen.since < self._seconds:
                self.growing += 1
            elif stamp:
                seen.is_taken = True
                whole.append(path)
            else:  # a file without a byte is not whole, however long it stays so
                self.empty.append(path)
        return whole

    def pass_over(self, paths: Iterable[str]) -> None:
        """Take files as they are now for handed out."""
        self._seen |= {path: _Seen(_stamp(path), self._clock(), is_taken=True) for path in paths}

    def is_still(self, path: str) -> bool:
        """Tell whether a file that was handed out is as it was then."""
        return self._seen[path].stamp == _stamp(path)


def _stamp(path: str) -> tuple[int, ...]:
    """Return what changes with a file and the folder that keeps its planes; nothing while it has no bytes at all."""
    stamp = stamp_of(path)
    if not stamp or not stamp[0]:
        return ()
    name = os.path.split(path)[1]
    beside = (f"{path}.files", f"{path.removesuffix(name)}_{Path(name).stem}_")
    return stamp + tuple(number for each in beside for number in stamp_of(each))
