"""Planes of images: pairs to be judged against each other, and the one to be shown."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from quietscope.errors import SizeError
from quietscope.io import Image
from quietscope.metrics import METRICS, Score, calibration_of_moments, evaluate_pairs

Plane = npt.NDArray[Any]


@dataclass(frozen=True)
class Pair:
    """One plane of an image and of its clean reference.

    Attributes:
        frame: Number of the frame, from 0.
        channel: Number of the channel, from 0.
        image: (Y, X).
        clean: (Y, X).
    """

    frame: int
    channel: int
    image: Plane
    clean: Plane


def pairs(image: Image, clean: Image, stride: int = 1) -> Iterator[Pair]:
    """Yield the planes of an image beside those of its clean reference, each read when it is its turn.

    Args:
        image: What is to be judged.
        clean: The reference; its axes may be named differently, so long as they count alike.
        stride: Every how many-th frame to take.

    Yields:
        The pairs, channels counting fastest.

    Raises:
        SizeError: If the two differ in frames, channels or size.
    """
    layout, truth = image.layout(), clean.layout()
    if (layout.num_frames, layout.frame_shape) != (truth.num_frames, truth.frame_shape):
        raise SizeError(
            f"a clean image like {describe_image(image)}", describe_image(clean), "pass the reference of this image"
        )
    for frame in range(0, layout.num_frames, stride):
        planes = zip(layout.take(image.data, frame), truth.take(clean.data, frame), strict=True)
        for channel, (one, other) in enumerate(planes):
            yield Pair(frame, channel, one, other)


def score(image: Image, clean: Image) -> Score:
    """Judge an image by PSNR and SSIM of its planes.

    Args:
        image: What is to be judged.
        clean: The reference.

    Returns:
        The means over all planes.

    Raises:
        SizeError: If the two differ in size, or are too small.
        PixelError: If a plane of the reference is constant.
    """
    shown = {name: METRICS[name] for name in ("psnr", "ssim")}
    return evaluate_pairs(((pair.image, pair.clean) for pair in pairs(image, clean)), metrics=shown)


def describe_image(image: Image) -> str:
    """Return axes, shape and data type in words: ``4 x 512 x 512 QYX uint8``."""
    return f"{' x '.join(map(str, image.shape))} {image.axes} {image.dtype}"


def honesty(mean: Image, std: Image, clean: Image) -> str:
    """Say in words how often the intervals of mean and deviation hold the clean image.

    Args:
        mean: The denoised image.
        std: Its deviation.
        clean: The reference.

    Returns:
        One line.

    Raises:
        SizeError: If they differ in frames, channels or size.
    """
    planes = zip(pairs(mean, clean), pairs(std, clean), strict=True)
    return calibration_of_moments((one.image, other.image, one.clean) for one, other in planes).describe()
