"""Choice of the part of an image that a picture shows: one plane of one channel, where there is contrast."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.axes import Layout
from quietscope.data.measured import as_measured
from quietscope.io import Image
from quietscope.report.crop import LARGEST_SIDE, choose_crop

_COUNTED = {"Z": "plane", "P": "position"}
"""What axes that count frames count, in words; the others count frames."""

MOST_PLANES = 32
"""Largest number of planes around the shown one that are denoised with it; results in 3-D depend on neighbours."""


@dataclass(frozen=True)
class View:
    """The part of a frame that is shown.

    Attributes:
        middle: Index of the shown plane along Z; empty for 2-D frames.
        depth: Range of planes around it that are denoised with it; empty for 2-D frames.
        rows: Shown range along Y.
        columns: Shown range along X.
    """

    middle: tuple[int, ...]
    depth: tuple[slice, ...]
    rows: slice
    columns: slice

    @property
    def box(self) -> tuple[slice, ...]:
        """The shown part with the planes around it, one slice per spatial axis."""
        return (*self.depth, self.rows, self.columns)

    @property
    def thin_box(self) -> tuple[slice, ...]:
        """The shown part alone, one slice per spatial axis."""
        return (*(slice(z, z + 1) for z in self.middle), self.rows, self.columns)

    def plane(self, box: tuple[slice, ...]) -> tuple[int | slice, ...]:
        """Return the index that selects the shown part from a box of the frame that contains it."""
        depth = (z - planes.start for z, planes in zip(self.middle, box[:-2], strict=True))
        pairs = zip((self.rows, self.columns), box[-2:], strict=True)
        return (*depth, *(slice(mine.start - its.start, mine.stop - its.start) for mine, its in pairs))


def choose_view(image: Image, layout: Layout, frame: int = 0, channel: int = 0, side: int = LARGEST_SIDE) -> View:
    """Choose the part of a frame to show: the middle plane, where it has the highest contrast.

    Args:
        image: The noisy image.
        layout: Layout of the image.
        frame: Number of the frame.
        channel: Number of the channel.
        side: Largest side of the part in its plane, in pixels.

    Returns:
        The part.
    """
    *depths, height, width = layout.spatial_shape
    middle = tuple(size // 2 for size in depths)
    half = MOST_PLANES // 2
    depth = tuple(slice(max(0, z - half), min(size, z + half)) for z, size in zip(middle, depths, strict=True))
    thin = tuple(slice(z, z + 1) for z in middle)

    def read(rows: slice, columns: slice) -> npt.NDArray[Any]:
        box = layout.region(as_measured(image).data, frame, (*thin, rows, columns))[channel]
        return np.reshape(box, (rows.stop - rows.start, -1))

    return View(middle, depth, *choose_crop((height, width), read, side))


def middle_frame(layout: Layout) -> int:
    """Return the number of the first frame, or of the one in the middle of Z where Z counts frames."""
    number = 0
    for letter, size in zip(layout.axes, layout.shape, strict=True):
        if letter in layout.frame_axes:
            number = number * size + (size // 2 if letter == "Z" else 0)
    return number


def describe_part(layout: Layout, view: View, frame: int = 0, channel: int | None = 0) -> str:
    """Describe in words which part of an image is shown, counted from 1.

    Args:
        layout: Layout of the image.
        view: The part of the frame.
        frame: Number of the frame.
        channel: Number of the channel; None where all are shown.

    Returns:
        The words; none for an image that is shown whole.
    """
    sizes = dict(zip(layout.axes, layout.shape, strict=True))
    counted = [sizes[letter] for letter in layout.frame_axes]
    places = zip(layout.frame_axes, np.unravel_index(frame, counted), strict=True) if counted else ()
    words = [
        f"{_COUNTED.get(letter, 'frame')} {int(at) + 1} of {sizes[letter]}"
        for letter, at in places
        if sizes[letter] > 1
    ]
    words += (
        [f"channel {channel + 1} of {layout.num_channels}"] if layout.num_channels > 1 and channel is not None else []
    )
    words += [f"plane {view.middle[0] + 1} of {layout.spatial_shape[0]}"] if view.middle else []
    height, width = layout.spatial_shape[-2:]
    rows, columns = view.rows, view.columns
    if (rows, columns) != (slice(0, height), slice(0, width)):
        words.append(f"Y {rows.start} to {rows.stop}, X {columns.start} to {columns.stop}")
    return ", ".join(words)
