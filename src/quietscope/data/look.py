"""A short look at images, to compare them with others."""

import math
from collections.abc import Sequence

from quietscope.data.frames import Frames, spread
from quietscope.data.likeness import Seen
from quietscope.io import Image

MOST_FRAMES = 8
MOST_PIXELS = 512
"""Side of the part of a plane that is looked at, in the middle."""


def look_at(images: Sequence[Image], spatial_dims: int) -> tuple[Seen, ...]:
    """Return what each channel looks like, from the middle of a few planes.

    Args:
        images: The images, with the same number of channels.
        spatial_dims: 2 or 3.

    Returns:
        One record per channel.
    """
    frames = Frames.of(images, spatial_dims)
    parts = []
    for number in spread(frames, MOST_FRAMES):
        *depth, height, width = frames.spatial_shape(number)
        middle = tuple(slice(n // 2, n // 2 + 1) for n in depth)
        sides = tuple(slice(max(0, n // 2 - MOST_PIXELS // 2), n // 2 + MOST_PIXELS // 2) for n in (height, width))
        parts.append(frames.region(number, (*middle, *sides)))
    size = float(images[0].pixel_size_um.get("X", math.nan))
    return tuple(
        Seen.of([part[channel].reshape(part.shape[-2:]) for part in parts], str(images[0].dtype), size)
        for channel in range(frames.num_channels)
    )
