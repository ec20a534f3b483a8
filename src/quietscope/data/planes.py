"""Planes of images: pairs to be judged against each other, and how often intervals hold the reference."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.data.measured import MeasuredArray
from quietscope.errors import PixelError, SizeError
from quietscope.io import Image
from quietscope.io.pixel_check import check_finite
from quietscope.metrics import METRICS, Calibration, Score, calibration_of_moments, evaluate_pairs
from quietscope.metrics.units_of_reference import UnitsOfReference

Plane = npt.NDArray[Any]


@dataclass(frozen=True)
class Pair:
    """One plane of an image and of its clean reference.

    Attributes:
        frame: Number of the frame, from 0.
        channel: Number of the channel, from 0.
        image: (Y, X); NaN, in both, where one of them was never measured.
        clean: (Y, X).
    """

    frame: int
    channel: int
    image: Plane
    clean: Plane

    def known(self, plane: Plane) -> Plane:
        """Return those pixels of a plane (Y, X) that were measured here, flat; the very same where all were."""
        missing = np.isnan(self.clean)
        return plane[~missing] if missing.any() else plane


def pairs(image: Image, clean: Image, stride: int = 1, *, measured: Image | None = None) -> Iterator[Pair]:
    """Yield the planes of an image beside those of its clean reference, each read when it is its turn.

    Args:
        image: What is to be judged; pixels that `as_measured` has found missing are left out, and planes of nothing
            else.
        clean: The reference; its axes may be named differently, so long as they count alike.
        stride: Every how many-th frame to take.
        measured: An image of the same shape whose missing pixels are left out, too; None for none.

    Yields:
        The pairs, channels counting fastest.

    Raises:
        SizeError: If the two differ in frames, channels or size.
        PixelError: If a pixel that is not said to be missing is NaN or infinite.
    """
    layout, truth = image.layout(), clean.layout()
    if (layout.num_frames, layout.frame_shape) != (truth.num_frames, truth.frame_shape):
        raise SizeError(
            f"a clean image like {describe_image(image)}", describe_image(clean), "pass the reference of this image"
        )
    told = [each for each in (image, clean, measured) if each is not None and isinstance(each.data, MeasuredArray)]
    for frame in range(0, layout.num_frames, stride):
        missing = [np.isnan(each.layout().take(each.data, frame)) for each in told]
        frames = [each.layout().take(each.data, frame) for each in (image, clean)]
        for channel in range(layout.num_channels):
            where = np.logical_or.reduce([each[channel] for each in missing]) if told else None
            if where is None or not where.all():
                one, other = (
                    _with_gaps(pixels[channel], where, each)
                    for pixels, each in zip(frames, (image, clean), strict=True)
                )
                yield Pair(frame, channel, one, other)


def _with_gaps(plane: Plane, missing: Plane | None, image: Image) -> Plane:
    """Return a plane with NaN where it is missing, the very same where nothing is; what is not finite is refused."""
    name = str(image.path or "the image")
    if missing is None or not missing.any():
        check_finite(plane, name)
        return plane
    check_finite(plane[~missing], name)
    return np.where(missing, np.nan, plane)


def measured_pixels(chosen: Sequence[Pair]) -> tuple[Plane, Plane]:
    """Return all pixels of pairs that were measured.

    Args:
        chosen: The pairs, of planes of one shape.

    Returns:
        Clean and noisy pixels: (N, Y, X) each where none is missing, else flat.

    Raises:
        PixelError: If there are none.
    """
    if not chosen:
        raise PixelError("pixels that were measured", "none", "pass another image or another mask")
    clean, noisy = np.stack([pair.clean for pair in chosen]), np.stack([pair.image for pair in chosen])
    missing = np.isnan(noisy)
    return (clean[~missing], noisy[~missing]) if missing.any() else (clean, noisy)


def score(image: Image, clean: Image, measured: Image | None = None) -> Score:
    """Judge an image by PSNR and SSIM of its planes.

    Args:
        image: What is to be judged.
        clean: The reference.
        measured: An image of the same shape, whose pixels that were never measured are left out; None for none.

    Returns:
        The means over all planes.

    Raises:
        SizeError: If the two differ in size, or are too small.
        PixelError: If a plane of the reference is constant.
    """
    shown = {name: METRICS[name] for name in ("psnr", "ssim")}
    chosen = pairs(image, clean, measured=measured)
    return evaluate_pairs(((pair.image, pair.clean) for pair in chosen), metrics=shown)


def units_notes(image: Image, clean: Image, measured: Image | None = None) -> list[str]:
    """Say of each channel where its clean reference has another brightness; for arguments see `score`.

    Returns:
        One line per channel that differs.
    """
    found: defaultdict[int, UnitsOfReference] = defaultdict(UnitsOfReference)
    for pair in pairs(image, clean, measured=measured):
        found[pair.channel].add(pair.image, pair.clean)
    told = {channel: each.words() for channel, each in found.items()}
    return [f"channel {channel}: {words}" if len(told) > 1 else words for channel, words in told.items() if words]


def describe_image(image: Image) -> str:
    """Return axes, shape and data type in words: ``4 x 512 x 512 QYX uint8``."""
    return f"{' x '.join(map(str, image.shape))} {image.axes} {image.dtype}"


def honesty(
    mean: Image, std: Image, clean: Image, measured: Image | None = None, num_samples: int | None = None
) -> Calibration:
    """Tell how often the intervals of mean and deviation hold the clean image.

    Args:
        mean: The denoised image.
        std: Its deviation.
        clean: The reference.
        measured: An image of the same shape, whose pixels that were never measured are left out; None for none.
        num_samples: How many samples the deviation was made of; None for one that was computed.

    Returns:
        The coverage over all of it.

    Raises:
        SizeError: If they differ in frames, channels or size.
    """
    judged, spread = pairs(mean, clean, measured=measured), pairs(std, clean, measured=measured)
    parts = (
        (one.known(one.image), one.known(other.image), one.known(one.clean))
        for one, other in zip(judged, spread, strict=True)
    )
    return calibration_of_moments(parts, num_samples=num_samples)
