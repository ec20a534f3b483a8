"""A trained model, as far as denoising, exploring and judging are concerned, and how frames are read for it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from quietscope.data.measured import MeasuredArray, as_measured, for_network
from quietscope.deploy.card import History
from quietscope.errors import SizeError
from quietscope.io import Image
from quietscope.io.pixel_check import CheckedArray
from quietscope.methods.base import Method
from quietscope.metrics.coverage import Exposure
from quietscope.model.file import ModelCard
from quietscope.nn.hardware import place
from quietscope.noise import NoiseModel
from quietscope.noise.exposure import exposure_of
from quietscope.tiling.request import Precision

Pixels: TypeAlias = npt.NDArray[np.float32]


class TrainedModel(Protocol):
    """A trained method and how to run it; `quietscope.Denoiser` is one, and so is `quietscope.Deployed`."""

    @property
    def method(self) -> Method:
        """The trained method.

        Raises:
            ModelFileError: If nothing has been trained yet.
        """

    @property
    def device(self) -> torch.device:
        """Where to compute."""

    @property
    def precision(self) -> Precision:
        """What networks compute in."""

    @property
    def spread(self) -> float:
        """What the deviation of samples is multiplied by to be honest, see `quietscope.Denoiser.recalibrate`."""

    @property
    def history(self) -> History:
        """What it has learnt from, and how far."""


class RecordedModel(TrainedModel, Protocol):
    """A trained model with a card that figures are written into; `quietscope.Denoiser` is one."""

    card: ModelCard


def remember(model: RecordedModel, numbers: Mapping[str, float]) -> None:
    """Put numbers, by name, beside those of the training in a model's card, which is saved with it."""
    model.card = replace(model.card, training={**model.card.training, **numbers})


def noise_in_intensities(model: TrainedModel) -> tuple[NoiseModel, ...]:
    """Return the noise model of each channel in the units of images; none where every image has units of its own."""
    return model.method.channel_noise if model.history.normalize == "together" else ()


def known_noise(model: TrainedModel) -> tuple[Exposure, ...]:
    """Return the noise of each channel as functions of arrays, in the units of images; none where it is not known."""
    return tuple(exposure_of(each) for each in noise_in_intensities(model))


def ready(model: TrainedModel) -> Method:
    """Return the method of a model, on the model's device."""
    place(model.method, model.device, model.method.spatial_dims)
    return model.method


def checked_pixels(image: Image, name: str = "the image") -> CheckedArray:
    """Return the pixels of an image, refused where one that is read is NaN or infinite, by its path or else `name`."""
    return CheckedArray(image.data, str(image.path or name))


def frame_of(image: Image, number: int, spatial_dims: int) -> npt.NDArray[Any]:
    """Read one frame of an image for a network, with something harmless where nothing was measured.

    Args:
        image: The image.
        number: Number of the frame.
        spatial_dims: 2 or 3.

    Returns:
        The frame, (C, *S).

    Raises:
        SizeError: If there is no such frame.
        PixelError: If a pixel of it is NaN or infinite.
    """
    layout = image.layout(spatial_dims)
    if not 0 <= number < layout.num_frames:
        last = layout.num_frames - 1
        raise SizeError(f"a frame from 0 to {last}", str(number), f"pass e.g. frame={last}")
    return layout.take(checked_pixels(for_network(as_measured(image))), number)


def only_frame_of(image: Image, spatial_dims: int) -> npt.NDArray[Any]:
    """Read an image of one frame.

    Args:
        image: The image.
        spatial_dims: 2 or 3.

    Returns:
        Its frame, (C, *S).

    Raises:
        SizeError: If it has several.
        PixelError: If a pixel of it is NaN or infinite.
    """
    layout = image.layout(spatial_dims)
    if layout.num_frames != 1:
        raise SizeError("an image of one frame", f"{layout.num_frames} along {layout.frame_axes}", "pass one of them")
    return frame_of(image, 0, spatial_dims)


def missing_pixels(image: Image, frame: int, channel: int, spatial_dims: int) -> npt.NDArray[np.bool_]:
    """Return which pixels of a channel of a frame, (*S), were never measured; for an image of `as_measured`."""
    layout = image.layout(spatial_dims)
    if not isinstance(image.data, MeasuredArray):
        return np.zeros(layout.spatial_shape, dtype=bool)
    missing: npt.NDArray[np.bool_] = np.isnan(layout.take(image.data, frame)[channel])
    return missing
