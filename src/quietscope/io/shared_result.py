"""An OME-Zarr image that several processes write at once, each into whole pieces of its own.

One process begins it, with all its levels and metadata; then whoever likes writes boxes of whole pieces. Where boxes
are large enough to hold whole pieces of the levels above, these are written with them; what is left of the pyramid is
made at the end, of the last level that is there, by one process. What was cut off in the middle of a piece can be
written again: Zarr puts files in their place when they are whole.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.axes import reorder
from quietscope.io import ngff_writer
from quietscope.io.format import WriteRequest
from quietscope.io.gathered import Box, Gathered
from quietscope.io.image import whole_key
from quietscope.io.ngff_writer import ZarrPieces
from quietscope.io.pyramid import halved
from quietscope.io.zarr_tasks import settle

_CUT_OFF = re.compile(r"\.[0-9a-f]{32}\.partial$")
"""How Zarr calls a file until it is whole."""

MARK = "quietscope"
"""Name, among the attributes of an image, of what says who has made it."""


def begin_shared(path: Path, request: WriteRequest, made_by: str, run: str) -> None:
    """Make the folder of an image, with all that it holds but its pixels.

    Args:
        path: Where; nothing is there yet.
        request: Description of the image.
        made_by: What tells its pixels from those of other models and requests.
        run: What tells it from other images with the same pixels.

    Raises:
        OutputError: If there are axes that NGFF does not allow.
    """
    import zarr

    ngff_writer.begin(path, request)
    zarr.open_group(str(path), mode="r+").attrs.update({MARK: {"made_by": made_by, "run": run}})


def made_by_of(path: Path) -> str | None:
    """Return what tells the pixels of an image from others, see `mark_of`."""
    found = mark_of(path)
    return None if found is None else found[0]


def mark_of(path: Path) -> tuple[str, str] | None:
    """Return what `begin_shared` was told of an image; None where it was written otherwise, or is no OME-Zarr."""
    import zarr

    with suppress(Exception):  # of Zarr's many: whatever it is, it is none of ours
        found = zarr.open_group(str(path), mode="r").attrs.get(MARK)
        match found:
            case {"made_by": str(made_by), "run": str(run)}:
                return made_by, run
    return None


def clear_cut_off(path: Path) -> None:
    """Remove what writers have left in an image that were killed while they wrote a file; none may be at work.

    Args:
        path: Its folder.
    """
    for folder, _, names in os.walk(path):
        for name in filter(_CUT_OFF.search, names):
            Path(folder, name).unlink(missing_ok=True)


def piece_of(request: WriteRequest) -> Mapping[str, int]:
    """Return the size of a piece, the least that one file holds of an image, along each of its axes."""
    return ngff_writer.piece_of(request)


class SharedResult:
    """An image that was begun: its pixels are read and written in the order of axes of the request.

    Args:
        path: Its folder.
        request: What it was begun with.
        boxes: Size of the boxes that are written, by axis: the image is cut into such boxes, from its first pixel on.
            All of the image along axes that are not named.
    """

    def __init__(self, path: Path, request: WriteRequest, boxes: Mapping[str, int]) -> None:
        self._path, self._request = path, request
        self._order = ngff_writer.order_of(request)
        self._levels = ngff_writer.pieces_in(path, request)
        self._steps = [level.step for level in ngff_writer.levels_in(request)]
        self._with_boxes = self._levels_within(boxes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the image."""
        return self._request.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of its pixels."""
        return self._request.dtype

    def __setitem__(self, key: Any, block: Any, /) -> None:
        """Write a box of whole pieces, and those above it, and wait until they are on the disk."""
        box, kept, letters = self._own(key)
        pixels = reorder(np.asarray(block), kept, letters).reshape([at.stop - at.start for at in box])
        for number, level in enumerate(self._levels[: self._with_boxes + 1]):
            if number:
                step = self._steps[number]
                box = tuple(slice(at.start // n, -(-at.stop // n)) for at, n in zip(box, step, strict=True))
                pixels = halved(pixels, step)
            try:
                level.write(box, pixels)
            except BaseException:
                settle()
                raise
            for file in level.files(box):
                _wait_for(file)

    def _levels_within(self, boxes: Mapping[str, int]) -> int:
        """Return how many levels above the image consist of whole pieces within each box."""
        sides = [boxes.get(letter, size) for letter, size in zip(self._order, self._levels[0].shape, strict=True)]
        for number, level in enumerate(self._levels[1:], 1):
            axes = zip(sides, self._steps[number], self._levels[number - 1].shape, level.piece, strict=True)
            if any(side < size and side % (step * piece) for side, step, size, piece in axes):
                return number - 1
            sides = [-(-side // step) for side, step in zip(sides, self._steps[number], strict=True)]
        return len(self._levels) - 1

    def __getitem__(self, key: Any, /) -> npt.NDArray[Any]:
        """Read a box, at integers and slices."""
        box, kept, letters = self._own(key)
        sizes = dict(zip(self._order, (at.stop - at.start for at in box), strict=True))
        return reorder(self._levels[0].read(box).reshape([sizes[letter] for letter in letters]), letters, kept)

    def raise_pyramid(self) -> Iterator[tuple[int, int]]:
        """Make the levels that are missing, in memory that does not grow with the image, and the display range.

        Yields:
            (pieces that have gone up, pieces in all), after each.
        """
        if len(self._levels) > self._with_boxes + 1:
            yield from self._raised()
        ngff_writer.tell_range(self._path, self._request)

    def _raised(self) -> Iterator[tuple[int, int]]:
        bottom, *above = self._levels[self._with_boxes :]
        standing = _Standing(bottom.array, bottom.piece, bottom.folder)
        gathered = Gathered(ngff_writer.levels_in(self._request)[self._with_boxes :], [standing, *above])
        places = [
            [slice(at, min(at + each, size)) for at in range(0, size, each)]
            for each, size in zip(bottom.piece, bottom.shape, strict=True)
        ]
        counts = [len(each) for each in places]
        total = int(np.prod(counts))
        try:
            for number in range(total):
                box = tuple(each[int(at)] for each, at in zip(places, np.unravel_index(number, counts), strict=True))
                gathered[box] = bottom.read(box)
                yield number + 1, total
            gathered.finish()
        except BaseException:
            settle()
            raise

    def _own(self, key: Any) -> tuple[Box, str, str]:
        """Return an index as slices in the arrays' order, and the axes that it keeps in its own order and in theirs."""
        axes, shape = self._request.axes, self._request.shape
        index = whole_key(key, len(axes))
        spans = {
            letter: slice(*at.indices(size)[:2]) if isinstance(at, slice) else slice(at, at + 1)
            for letter, at, size in zip(axes, index, shape, strict=True)
        }
        kept = "".join(letter for letter, at in zip(axes, index, strict=True) if isinstance(at, slice))
        box = tuple(spans[letter] for letter in self._order)
        return box, kept, "".join(letter for letter in self._order if letter in kept)


def _wait_for(file: Path) -> None:
    """Wait until a file is on the disk."""
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class _Standing(ZarrPieces):
    """Pieces that are written already, see `quietscope.io.gathered.Pieces`."""

    def write(self, box: Box, pixels: npt.NDArray[Any]) -> None:
        """Nothing: it is there."""
