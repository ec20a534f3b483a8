"""Check of the training images before training, and their statistics."""

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from quietscope.axes import Layout
from quietscope.data.boxes import boxes_of
from quietscope.data.frames import Frames, spread
from quietscope.data.likeness import Seen, of_one_scale
from quietscope.data.measured import MeasuredArray, stored
from quietscope.data.normalize import Statistics
from quietscope.data.standing_in import bounded
from quietscope.errors import PixelError
from quietscope.io.image import LazyArray
from quietscope.io.pixel_check import check_finite, check_resolved, check_varied, saturated_share
from quietscope.wording import typed

Notify: TypeAlias = Callable[[str], None]
"""Function that is called with one line for a person."""


NOTEWORTHY_SATURATION = 1e-4


def prepare(frames: Frames, notify: Notify | None = None) -> Statistics:
    """Check the training frames, and measure their statistics.

    Args:
        frames: The training frames; at most 256 of them, evenly spread, are read for their statistics, and boxes of
            those that are large. Every frame of floating-point numbers is read once, since one NaN anywhere would spoil
            the weights, but of large ones the same boxes.
        notify: Called with one line about saturated pixels.

    Returns:
        The statistics of each channel.

    Raises:
        PixelError: If a pixel is NaN or infinite, all pixels of a channel are equal, or images differ in scale.
    """
    tell = notify or (lambda _: None)
    if not frames.own_units:
        _check_one_scale(frames)
    frames = bounded(frames)
    chosen = spread(frames)
    recorded = frames.in_intensities
    _check_all_finite(recorded)
    low, high = np.full(frames.num_channels, np.inf), np.full(frames.num_channels, -np.inf)
    for n in chosen:
        frame = frames[n]
        flat = frame.reshape(len(frame), -1)
        low, high = np.fmin(low, np.fmin.reduce(flat, axis=1)), np.fmax(high, np.fmax.reduce(flat, axis=1))
    for channel in range(frames.num_channels):
        _check_channel(float(low[channel]), float(high[channel]), channel, frames)
    share = _saturated_share(recorded, by_image=frames.own_units)
    if share > NOTEWORTHY_SATURATION:
        tell(
            f"{share:.2%} of the pixels are saturated: their true brightness is lost, and the result there is a guess."
        )
    return Statistics.of_frames(frames[n] for n in chosen)


def all_but(channel: int, count: int) -> str:
    """Say how to do without one of several channels."""
    return f"leave it out: `{typed(channels=[number for number in range(count) if number != channel])}`"


def _check_channel(low: float, high: float, channel: int, frames: Frames) -> None:
    """Refuse a channel that nothing can be learnt from, and say how to do without it."""
    count = frames.num_channels
    if low == high and count > 1:
        raise PixelError(
            f"pixels that differ in channel {channel}, counted from 0", f"{low:g} everywhere", all_but(channel, count)
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


def _saturated_share(frames: Frames, *, by_image: bool) -> float:
    """Return the share of saturated pixels; images of unlike scale are looked at one by one, each up to its own top."""
    if not by_image:
        return saturated_share((frames[n] for n in spread(frames)), frames.stored_dtype)
    images = [Frames((part,)) for part in frames.parts]
    shares = [_saturated_share(image, by_image=False) for image in images]
    return float(np.average(shares, weights=[len(image) for image in images]))


def _check_one_scale(frames: Frames) -> None:
    """Refuse images whose intensities have nothing in common, such as 0 to 1 beside 16 bits; by their first frames.

    The frames of one array are not compared with each other: they were recorded together, and some may be dark.
    """
    if len(frames.parts) == 1:
        return
    looks = [_first_look(array, layout) for array, layout in frames.parts]
    for channel, seen in enumerate(zip(*looks, strict=True)):
        _check_alike(seen, f" (channel {channel})" if frames.num_channels > 1 else "")


def _check_alike(looks: Sequence[Seen], channel: str) -> None:
    """Refuse images of which one channel is of unlike scale; a blank image says nothing about its scale."""
    known = [n for n, look in enumerate(looks) if look.range > 0.0]
    for low, high in _extremes(looks, known):
        if not of_one_scale(looks[low], looks[high]):
            raise PixelError(
                "training images of one scale",
                " and ".join(f"{looks[n].words()} in image {n}" for n in (low, high)) + f", counted from 0{channel}",
                f"bring them to the same units, let `{typed(normalize='each')}` do it, which wants a method without a "
                f"noise model, or train one model for each kind of image",
            )


def _extremes(looks: Sequence[Seen], known: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the pairs of images that differ most: of each type the narrowest and the widest, the darkest and brightest.

    Not all pairs, of which there may be millions.
    """
    orders = (sorted(known, key=lambda n: looks[n].range), sorted(known, key=lambda n: looks[n].middle))
    for order in orders:
        lowest, highest = ({looks[n].dtype: n for n in each}.values() for each in (reversed(order), order))
        yield from product(lowest, highest)


def _first_look(array: Any, layout: Layout) -> tuple[Seen, ...]:
    """Return what each channel of an image looks like, from the first of its frames, or boxes, that has any pixel."""
    for number, box in product(range(layout.num_frames), boxes_of(layout.spatial_shape)):
        frame = layout.region(array, number, box)
        if not np.isnan(frame).all():
            break
    dtype = str(np.dtype(stored(array).dtype))
    return tuple(_look(channel.reshape(-1, *frame.shape[-2:]), dtype) for channel in frame)


def _look(planes: npt.NDArray[Any], dtype: str) -> Seen:
    """Return what the plane in the middle looks like; a channel in which nothing was measured looks blank."""
    plane = planes[len(planes) // 2]
    return Seen(dtype=dtype, low=0.0, middle=0.0, high=0.0) if np.isnan(plane).all() else Seen.of([plane], dtype)
