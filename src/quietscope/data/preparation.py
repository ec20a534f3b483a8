"""One look at the training images before anything is trained: are they usable, and what are their statistics."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from quietscope.data.frames import Frames
from quietscope.data.normalize import Statistics
from quietscope.io.pixel_check import check_finite, check_varied, saturated_share

Notify: TypeAlias = Callable[[str], None]
"""Receives one line for a person."""

# Statistics of so many frames spread over a recording are as good as those of all, and a terabyte is not read twice.
MOST_FRAMES = 256
NOTEWORTHY_SATURATION = 1e-4


def prepare(frames: Frames, patch: int, notify: Notify | None = None) -> Statistics:
    """Check the frames and measure them.

    Args:
        frames: The training frames; at most 256 of them, spread evenly, are looked at.
        patch: Patch size in Y and X, for the note on small images.
        notify: Receives notes on saturated pixels and on images smaller than a patch.

    Returns:
        Mean and standard deviation of each channel.

    Raises:
        PixelError: If a pixel is NaN or infinite, or a channel is the same everywhere.
    """
    tell = notify or (lambda _: None)
    chosen = spread(frames)
    low, high = np.full(frames.num_channels, np.inf), np.full(frames.num_channels, -np.inf)
    for n in chosen:
        frame = frames[n]
        check_finite(frame, f"frame {n}")
        flat = frame.reshape(len(frame), -1)
        low, high = np.minimum(low, flat.min(axis=1)), np.maximum(high, flat.max(axis=1))
    for channel in range(frames.num_channels):
        check_varied(float(low[channel]), float(high[channel]), f"channel {channel}")
    share = saturated_share((frames[n] for n in chosen), frames[0].dtype)
    if share > NOTEWORTHY_SATURATION:
        tell(
            f"{share:.2%} of the pixels are saturated: their true brightness is lost, and the result there is a guess."
        )
    smallest = min(min(frames.spatial_shape(n)[-2:]) for n in range(len(frames)))
    if smallest < patch:
        tell(
            f"An image is {smallest} pixels wide, less than a training patch ({patch}): it is mirrored up to that size."
        )
    return Statistics.of_frames(frames[n] for n in chosen)


def spread(frames: Sequence[object], most: int = MOST_FRAMES) -> list[int]:
    """Return the indices of at most `most` frames, spread evenly."""
    return sorted({int(n) for n in np.linspace(0, len(frames) - 1, min(len(frames), most)).round()})
