"""Pieces of the planes of an image, evenly spread: what is looked at where not all can be."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.data.mask import Given, without_missing
from quietscope.io.image import ArrayLike, Image

MOST_LOOKED_AT = 256
"""Pieces of planes that are looked at in each channel, evenly spread over an image."""

PIECE = 2048
"""Side of such a piece, in pixels."""


def pieces_of(image: Image, most: int = MOST_LOOKED_AT) -> list["Pieces"]:
    """Return planes of each channel, or parts of planes that are larger than `PIECE` pixels, evenly spread.

    Args:
        image: The image.
        most: How many of each channel at most.

    Returns:
        One sequence for each channel; a plane is read when it is indexed.
    """
    axes, given = image.layout().axes, Given.of(image)
    sizes = [size for letter, size in zip(axes, image.shape, strict=True) if letter in "CS"]
    return [Pieces(image.data, axes, channel, given, most) for channel in np.ndindex(*sizes)]


class Pieces(Sequence[npt.NDArray[Any]]):
    """Pieces of the planes of one channel, evenly spread; each is read when it is indexed."""

    def __init__(
        self, data: ArrayLike, axes: str, channel: Sequence[int], given: Given | None, most: int = MOST_LOOKED_AT
    ) -> None:
        self._data, self._axes, self._given, channels = data, axes, given, iter(channel)
        choices: list[Sequence[int | slice]] = []
        for letter, size in zip(axes, data.shape, strict=True):
            if letter in "YX":
                choices.append([slice(start, min(size, start + PIECE)) for start in range(0, size, PIECE)])
            else:
                choices.append([next(channels)] if letter in "CS" else range(size))
        self._choices, self._counts = choices, [len(each) for each in choices]
        self.total = prod(self._counts)
        self._chosen = sorted({int(at) for at in np.linspace(0, self.total - 1, min(self.total, most)).round()})

    def __len__(self) -> int:
        return len(self._chosen)

    def are_missing(self) -> bool:
        """Tell whether a user has said of every pixel that it was not measured."""
        keys = (self._key(index) for index in range(len(self)))
        return self._given is not None and all(
            self._given.missing(np.asarray(self._data[key]), key).all() for key in keys
        )

    def _key(self, index: int) -> tuple[int | slice, ...]:
        places = np.unravel_index(self._chosen[index], self._counts)
        return tuple(each[int(at)] for each, at in zip(self._choices, places, strict=True))

    def __getitem__(self, index: Any) -> Any:
        key = self._key(index)
        plane = np.asarray(self._data[key])
        if self._given is not None:
            missing = self._given.missing(plane, key)
            if missing.all():
                return plane[:0, :0]  # nothing there to look for anything in
            plane = without_missing(plane, missing)
        return upright(plane, self._axes)


def upright(plane: npt.NDArray[Any], axes: str) -> npt.NDArray[Any]:
    """Turn a plane whose axes are stored as (X, Y) into (Y, X), or back."""
    return plane.T if axes.index("X") < axes.index("Y") else plane
