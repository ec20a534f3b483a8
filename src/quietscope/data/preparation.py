"""Check of the training images before training, and their statistics."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from quietscope.axes import Layout
from quietscope.data.frames import Frames, spread
from quietscope.data.likeness import Seen, of_one_scale
from quietscope.data.measured import MeasuredArray, stored
from quietscope.data.normalize import Statistics
from quietscope.errors import PixelError
from quietscope.io.image import LazyArray
from quietscope.io.pixel_check import check_finite, check_resolved, check_varied, saturated_share

Notify: TypeAlias = Callable[[str], None]
"""Function that is called with one line for a person."""


NOTEWORTHY_SATURATION = 1e-4


def prepare(frames: Frames, notify: Notify | None = None) -> Statistics:
    """Check the training frames, and measure their statistics.

    Args:
        frames: The training frames; at most 256 of them, evenly spread, are read for their statistics. Every frame
            of floating-point numbers is read once, since one NaN anywhere would spoil the weights.
        notify: Called with one line about saturated pixels.

    Returns:
        The statistics of each channel.

    Raises:
        PixelError: If a pixel is NaN or infinite, all pixels of a channel are equal, or images differ in scale.
    """
    tell = notify or (lambda _: None)
    chosen = spread(frames)
    _check_all_finite(frames)
    _check_one_scale(frames)
    low, high = np.full(frames.num_channels, np.inf), np.full(frames.num_channels, -np.inf)
    for n in chosen:
        frame = frames[n]
        flat = frame.reshape(len(frame), -1)
        low, high = np.fmin(low, np.fmin.reduce(flat, axis=1)), np.fmax(high, np.fmax.reduce(flat, axis=1))
    for channel in range(frames.num_channels):
        _check_channel(float(low[channel]), float(high[channel]), channel, frames)
    share = saturated_share((frames[n] for n in chosen), frames.stored_dtype)
    if share > NOTEWORTHY_SATURATION:
        tell(
            f"{share:.2%} of the pixels are saturated: their true brightness is lost, and the result there is a guess."
        )
    return Statistics.of_frames(frames[n] for n in chosen)


def _check_channel(low: float, high: float, channel: int, frames: Frames) -> None:
    """Refuse a channel that nothing can be learnt from, and say how to do without it."""
    count = frames.num_channels
    if low == high and count > 1:
        others = ", ".join(str(number) for number in range(count) if number != channel)
        raise PixelError(
            f"pixels that differ in channel {channel}, counted from 0",
            f"{low:g} everywhere",
            f"save the image without that channel: ImageJ's Image > Color > Split Channels, or in Python "
            f"`numpy.take(image, [{others}], axis=...)` along its axis C",
        )
    check_varied(low, high, f"channel {channel}")
    check_resolved(low, high, frames.stored_dtype, f"channel {channel}")


def note_small(frames: Frames, patch: int, notify: Notify) -> None:
    """Tell of images that are smaller than a patch.

    Args:
        frames: The training frames.
        patch: Patch size in Y and X in pixels.
        notify: Called with one line, if there are any.
    """
    smallest = min(min(frames.spatial_shape(n)[-2:]) for n in range(len(frames)))
    if smallest < patch:
        pixels = f"{smallest} pixel{'s' * (smallest != 1)}"
        notify(f"An image is {pixels} wide, less than a training patch ({patch}): it is mirrored up to that size.")


def _check_all_finite(frames: Frames) -> None:
    """Refuse NaN in any frame, one frame in memory at a time; integers, which cannot hold it, are not read."""
    first = 0
    for array, layout in frames.parts:
        pixels = stored(array)
        if np.dtype(pixels.dtype).kind == "f":
            for n in range(layout.num_frames):
                name = f"frame {n} of {pixels.path}" if isinstance(pixels, LazyArray) else f"frame {first + n}"
                if isinstance(array, MeasuredArray):
                    _check_measured(array, layout, n)
                else:
                    check_finite(np.asarray(layout.take(pixels, n)), name)
        first += layout.num_frames


def _check_measured(array: MeasuredArray, layout: Layout, number: int) -> None:
    """Refuse a frame that is not finite where nobody said that it was never measured."""
    try:
        layout.take(array, number)
    except PixelError as error:
        raise PixelError(f"{error.expected}, frame {number}", error.got, error.fix) from error


def _check_one_scale(frames: Frames) -> None:
    """Refuse images whose intensities have nothing in common, such as 0 to 1 beside 16 bits; by their first frames."""
    if len(frames.parts) == 1:
        return
    looks = [_first_look(array, layout) for array, layout in frames.parts]
    # Of each type the narrowest and the widest are enough; a blank image says nothing about its scale.
    order = sorted((n for n, look in enumerate(looks) if look.range > 0.0), key=lambda n: looks[n].range)
    ends = {looks[n].dtype: n for n in reversed(order)}.values(), {looks[n].dtype: n for n in order}.values()
    for low in ends[0]:
        for high in ends[1]:
            if not of_one_scale(looks[low], looks[high]):
                raise PixelError(
                    "training images of one scale",
                    f"{looks[low].words()} in image {low} and {looks[high].words()} in image {high}, counted from 0",
                    "bring them to the same units, or train one model for each kind of image",
                )


def _first_look(array: Any, layout: Layout) -> Seen:
    """Return what the first channel of an image looks like, from the first of its frames that has any pixel."""
    for number in range(layout.num_frames):
        frame = np.asarray(layout.take(array, number))
        if not np.isnan(frame).all():
            break
    planes = frame[0].reshape(-1, *frame.shape[-2:])
    return Seen.of(planes[len(planes) // 2 :][:1], str(np.dtype(stored(array).dtype)))
