"""The frames of one or many images as one sequence; a frame is read when it is indexed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, chain
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.axes import Context, Layout
from quietscope.data.boxes import boxes_of
from quietscope.data.measured import in_intensities, measured_in, stored
from quietscope.data.scaled import OwnUnits, ScaledArray
from quietscope.errors import AxesError, ChannelError
from quietscope.io import Image

Frame = npt.NDArray[np.generic]


MOST_FRAMES = 256
"""Number of frames, spread over a recording, whose statistics are as good as those of all; a terabyte is not read."""


@dataclass(frozen=True)
class Frames(Sequence[Frame]):
    """The frames of several arrays as one sequence of arrays (C, *S); a frame is read when it is indexed.

    Args:
        parts: Pairs of an array and its layout; all with the same number of channels, sizes may differ.

    Raises:
        ChannelError: If the images differ in their number of channels.
    """

    parts: tuple[tuple[Any, Layout], ...]

    def __post_init__(self) -> None:
        """Check that all parts have the same channels."""
        counts = sorted({layout.num_channels for _, layout in self.parts})
        if len(counts) > 1:
            raise ChannelError(
                "images with the same number of channels",
                f"images of {' and '.join(map(str, counts))} channels",
                "train one model for each kind of image",
            )

    @classmethod
    def of(cls, images: Sequence[Image], spatial_dims: int) -> "Frames":
        """Return the frames of all images as one sequence.

        Args:
            images: The images.
            spatial_dims: 2 for planes, 3 for volumes.

        Returns:
            The frames.

        Raises:
            AxesError: If `spatial_dims` is 3 and an image has no axis for the depth.
            ChannelError: If the images differ in their number of channels.
        """
        layouts = layouts_of(images, spatial_dims)
        return cls(tuple((image.data, layout) for image, layout in zip(images, layouts, strict=True)))

    @cached_property
    def _ends(self) -> tuple[int, ...]:
        return tuple(accumulate(layout.num_frames for _, layout in self.parts))

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, index: Any) -> Any:
        """Read one frame as an array of shape (C, *S)."""
        array, layout, n = self._locate(int(index))
        return layout.take(array, n)

    def __iter__(self) -> Iterator[Frame]:
        return (self[index] for index in range(len(self)))

    @property
    def stored_dtype(self) -> np.dtype[Any]:
        """Data type in which the first image is stored; frames in which pixels are missing are read as float."""
        dtype: np.dtype[Any] = np.dtype(stored(self.parts[0][0]).dtype)
        return dtype

    @property
    def has_gaps(self) -> bool:
        """Whether NaN stands for pixels that were never measured in any frame."""
        return any(measured_in(array) is not None for array, _ in self.parts)

    @property
    def own_units(self) -> bool:
        """Whether every image is read in units of its own."""
        return any(isinstance(array, ScaledArray) for array, _ in self.parts)

    @property
    def in_intensities(self) -> "Frames":
        """The same frames in the units of their files."""
        return Frames(tuple((in_intensities(array), layout) for array, layout in self.parts))

    def units(self, index: int) -> OwnUnits | None:
        """Return the units of the image that a frame belongs to; None where it is read as it is stored."""
        array = self._locate(index)[0]
        return array.units if isinstance(array, ScaledArray) else None

    @property
    def num_channels(self) -> int:
        """Number of channels of every frame."""
        return self.parts[0][1].num_channels

    def is_measured(self, index: int) -> bool:
        """Return whether any pixel of a frame was measured; read where some may be missing, a few boxes of it first."""
        array, layout, n = self._locate(index)
        size = layout.spatial_shape
        rows = ((slice(at, at + 1), *(slice(0, length) for length in size[1:])) for at in range(size[0]))
        return measured_in(array) is None or any(
            not np.isnan(layout.region(array, n, box)).all() for box in chain(boxes_of(size), rows)
        )

    @cached_property
    def measured(self) -> list[int]:
        """Indices of the frames of which some pixel was measured."""
        return [index for index in range(len(self)) if self.is_measured(index)]

    def spatial_shape(self, index: int) -> tuple[int, ...]:
        """Return the spatial size S of one frame."""
        return self._locate(index)[1].spatial_shape

    @property
    def context(self) -> Context:
        """What a model sees beside a frame, of the first image as of all others."""
        return self.parts[0][1].context

    def window(self, index: int) -> tuple[int, ...]:
        """Return the numbers of the frames that a model sees along with one, see `Layout.window`."""
        _, layout, n = self._locate(index)
        return tuple(index - n + number for number in layout.window(n))

    def surrounded(self, index: int, slices: tuple[slice, ...]) -> Frame:
        """Read a box of one frame and of those that a model sees along with it, shape (W C, *box)."""
        array, layout, n = self._locate(index)
        return layout.surrounded(array, n, slices)

    def region(self, index: int, slices: tuple[slice, ...]) -> Frame:
        """Read a box of one frame, shape (C, *box)."""
        array, layout, n = self._locate(index)
        return np.asarray(layout.region(array, n, slices))

    def _locate(self, index: int) -> tuple[Any, Layout, int]:
        if not 0 <= index < len(self):
            raise IndexError(index)
        part = next(k for k, end in enumerate(self._ends) if index < end)
        array, layout = self.parts[part]
        return array, layout, index - (self._ends[part] - layout.num_frames)


def spread(frames: Sequence[object], most: int = MOST_FRAMES) -> list[int]:
    """Return the indices of at most `most` frames, evenly spread."""
    return sorted({int(n) for n in np.linspace(0, len(frames) - 1, min(len(frames), most)).round()})


def layouts_of(images: Sequence[Image], spatial_dims: int) -> tuple[Layout, ...]:
    """Return how the axes of images that go together map to frames, channels and space.

    Args:
        images: The images.
        spatial_dims: 2 for planes, 3 for volumes.

    Returns:
        A layout for each.

    Raises:
        AxesError: If `spatial_dims` is 3 and an image has no axis for the depth.
        ChannelError: If the images differ in their number of channels.
    """
    layouts = tuple(_layout(image, spatial_dims) for image in images)
    counts = [layout.num_channels for layout in layouts]
    others = [number for number, count in enumerate(counts) if count != counts[0]]
    if others:
        more = f" (and {len(others) - 1:,} more that differ from the first)" if len(others) > 1 else ""
        raise ChannelError(
            "images with the same number of channels",
            f"{_name(images[0])} of {counts[0]} and {_name(images[others[0]])} of {counts[others[0]]}{more}",
            "train one model for each kind of image, or on channels that all of them have",
        )
    return layouts


def _layout(image: Image, spatial_dims: int) -> Layout:
    try:
        return image.layout(spatial_dims)
    except AxesError as error:
        if image.path is None:
            raise
        raise AxesError(f"{error.expected} in {image.path}", error.got, error.fix) from error


def _name(image: Image) -> str:
    return "an image" if image.path is None else str(image.path)
