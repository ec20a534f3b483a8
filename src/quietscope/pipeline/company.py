"""Images some of whose planes lie in files that were not there yet: sets of files that a microscope is writing."""

import os
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from quietscope.errors import MissingPixelsWarning


class Company:
    """Which images lacked planes, and what lay beside each of them then."""

    def __init__(self) -> None:
        self._beside: dict[str, frozenset[str]] = {}

    def due(self, paths: Collection[str]) -> list[str]:
        """Return the images that lacked planes and have other files beside them now.

        Args:
            paths: All images that are there.
        """
        return [each for each in self._beside if each in paths and self._beside[each] != _company(each, paths)]

    @contextmanager
    def noticed(self, path: str, paths: Collection[str]) -> Iterator[None]:
        """Know whether an image that is opened in the block lacks planes; of which a person is told as ever.

        Args:
            path: The image.
            paths: All images that are there.
        """
        lacking: list[str] = []
        with warnings.catch_warnings():
            show = warnings.showwarning

            def note(message: Warning | str, category: type[Warning], *rest: Any, **named: Any) -> None:
                if issubclass(category, MissingPixelsWarning):
                    lacking.append(path)
                show(message, category, *rest, **named)

            warnings.showwarning = note
            yield
        self._beside.pop(path, None)
        if lacking:
            self._beside[path] = _company(path, paths)


def _company(path: str, paths: Collection[str]) -> frozenset[str]:
    folder = os.path.split(path)[0]
    return frozenset(each for each in paths if os.path.split(each)[0] == folder)
