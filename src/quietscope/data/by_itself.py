"""Images as a model sees them; of unlike scale, each with a mean of 0 and a deviation of 1, channel by channel."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from weakref import WeakKeyDictionary

import numpy as np

from quietscope.axes import NO_CONTEXT, Context
from quietscope.data.frame_statistics import measure
from quietscope.data.frames import Frame, Frames, spread
from quietscope.data.measured import as_measured
from quietscope.data.scaled import Normalize, OwnUnits, ScaledArray
from quietscope.io import Image
from quietscope.io.pixel_check import check_finite

_KNOWN: WeakKeyDictionary[Image, OwnUnits] = WeakKeyDictionary()
"""Units of images in files, so that none is read through twice in a run."""


def in_context(image: Image, context: Context) -> Image:
    """Return an image that knows what a model sees beside each of its planes.

    Args:
        image: The image.
        context: What the model sees.

    Returns:
        The image; the very same where it knows already.

    Raises:
        AxesError: If it lacks the axis along which the model sees neighbours.
        SizeError: If there is one frame along it.
    """
    if image.context == context:
        return image
    context.check(image.layout().axes, image.shape)
    return replace(image, context=context)


def for_model(image: Image, normalize: Normalize, context: Context = NO_CONTEXT) -> Image:
    """Return an image as a model learns from it: NaN where nothing was measured, and in the units that it learns in.

    Args:
        image: The noisy image.
        normalize: "each" brings every channel of it to (x - mean) / std, with the mean and the deviation of this image
            alone, over at most 256 of its planes; "together" leaves intensities to the model.
        context: What the model sees beside each plane.

    Returns:
        The image; it keeps the very same array where there is nothing to do.

    Raises:
        AxesError: If the image lacks the axis along which the model sees neighbours.
        SizeError: If the image has a mask that does not fit it, or one frame along that axis.
        PixelError: If a pixel that is read is NaN or infinite and nobody said that it stands for none.
    """
    image = in_context(as_measured(image), context)
    return image if normalize == "together" or isinstance(image.data, ScaledArray) else in_units(image, units_of(image))


def units_of(image: Image) -> OwnUnits:
    """Measure mean and deviation of each channel of an image.

    Args:
        image: The image, as `as_measured` returns it. A channel of one value has a deviation of 1.

    Returns:
        Its units.

    Raises:
        PixelError: If a pixel that is read is NaN or infinite and nobody said that it stands for none.
    """
    if image.path is not None and image in _KNOWN:
        return _KNOWN[image]
    frames = Frames.of([image], 2)
    known = [n for n in spread(frames) if frames.is_measured(n)]
    units = _measured(frames, known, str(image.path or "the image")) if known else _none(frames.num_channels)
    if image.path is not None:
        _KNOWN[image] = units
    return units


def in_units(image: Image, units: OwnUnits) -> Image:
    """Return an image in given units, such as a clean reference in those of its noisy image."""
    return replace(image, data=ScaledArray(image.data, image.layout().axes, units))


def _measured(frames: Frames, chosen: Sequence[int], name: str) -> OwnUnits:
    def read() -> Iterator[Frame]:
        for n in chosen:
            frame = frames[n]
            if not frames.has_gaps:
                check_finite(frame, name)
            yield frame

    found = measure(read())
    low, high = found.quantiles[:, 0], found.quantiles[:, -1]  # NaN where nothing was measured
    return OwnUnits(mean=np.where(np.isfinite(low), found.mean, 0.0), std=np.where(high > low, found.std, 1.0))


def _none(num_channels: int) -> OwnUnits:
    return OwnUnits(mean=np.zeros(num_channels), std=np.ones(num_channels))
