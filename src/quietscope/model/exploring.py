"""What a trained generative model knows, laid open: images from its prior, ways between images, levels, noise.

Each function takes the model first, and is a method of `quietscope.Denoiser` and `quietscope.Deployed`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from quietscope import explore
from quietscope.data.by_itself import for_model
from quietscope.data.scaled import OwnUnits, ScaledArray
from quietscope.errors import SettingsError
from quietscope.explore import Generation, Levels
from quietscope.io import Image, ImageSource, Sink, as_image
from quietscope.methods.abilities import require
from quietscope.methods.base import Method
from quietscope.methods.generative import PriorMethod
from quietscope.model.trained import Pixels, TrainedModel, frame_of, only_frame_of, ready
from quietscope.tiling.spec import TileSpec
from quietscope.tiling.walk import Progress
from quietscope.wording import typed


def generate(
    model: TrainedModel,
    num: int = 16,
    size: int | Sequence[int] = 256,
    *,
    seed: int = 0,
    temperature: float = 1.0,
    with_noise: bool = False,
    progress: Progress | None = None,
) -> Pixels:
    """Draw images from the prior: what the model believes that such a sample looks like.

    Args:
        model: A trained model.
        num: How many to draw.
        size: (Y, X) or (Z, Y, X) in pixels; one number stands for Y and X, and for 16 slices of a volume.
        seed: Seed; image n of a seed is the same however many are drawn.
        temperature: Below 1 images are more typical and less varied; gap knows 1 alone.
        with_noise: Whether to add the camera's noise.
        progress: Called with (done, total) tiles.

    Returns:
        Images (num, *size), or (num, C, *size) where there is more than one channel; float32, intensity units.

    Raises:
        SettingsError: If the method has no prior, or a setting lies outside its range.
    """
    chosen = generation(model, num=num, size=size, seed=seed, temperature=temperature, with_noise=with_noise)
    images = np.empty(shape_of(model, chosen), np.float32)
    generate_into(model, chosen, images, progress=progress)
    return images


def generation(model: TrainedModel, *, size: int | Sequence[int] = 256, **settings: Any) -> Generation:
    """Say what to generate, checked against the model.

    Args:
        model: A trained model.
        size: As for `generate`.
        **settings: num, seed, temperature and with_noise, as for `generate`.

    Returns:
        The specification, for `generate_into`.

    Raises:
        SettingsError: If the method has no prior, a setting lies outside its range, or the model knows no intensities.
    """
    _check_intensities(model, "an image that is like no other has none")
    return Generation.of(require(model.method, PriorMethod), size, precision=model.precision, **settings)


def shape_of(model: TrainedModel, generation: Generation) -> tuple[int, ...]:
    """Return the shape of generated images: (num, *size), or (num, C, *size) where there is more than one channel."""
    channels = model.method.statistics.num_channels
    return (generation.num, *((channels,) if channels > 1 else ()), *generation.size)


def generate_into(model: TrainedModel, generation: Generation, sink: Sink, *, progress: Progress | None = None) -> None:
    """Draw images from the prior of any number and size into an array or a writer, tile by tile.

    Args:
        model: A trained model.
        generation: What to generate, from `generation`.
        sink: Receives ``sink[index] = block``; of the shape that `shape_of` tells.
        progress: Called with (done, total) tiles.
    """
    method = ready(model)
    plain = method.statistics.num_channels == 1
    received = _OneChannel(sink) if plain else sink
    explore.generate_into(method, generation, received, device=model.device, progress=progress)


def interpolate(
    model: TrainedModel,
    a: ImageSource,
    b: ImageSource,
    num: int = 8,
    *,
    seed: int = 0,
    axes: str | None = None,
    progress: Progress | None = None,
) -> Pixels:
    """Go from one image to another through what the model knows, in equal steps.

    Args:
        model: A trained model.
        a: The first noisy image, a single frame.
        b: The second, of the same size.
        num: Number of images, both ends included.
        seed: Seed of the samples at the ends.
        axes: Axes of both where they do not name them.
        progress: Called with (done, total) images of tiles.

    Returns:
        Clean images (num, *S), or (num, C, *S) where there is more than one channel; S is (Y, X) or (Z, Y, X).

    Raises:
        QuietScopeError: If the images differ in size, hold several frames, or do not fit the model, or if the model
            knows no intensities.
    """
    _check_intensities(model, "between two images there are none")
    method = ready(model)
    _check_alone(method)
    start, end = (only_frame_of(_seen(model, image, axes), method.spatial_dims) for image in (a, b))
    images = explore.interpolate(
        method, start, end, num=num, seed=seed, device=model.device, precision=model.precision, progress=progress
    )
    return _without_single_channel(images)


def renoise(
    model: TrainedModel,
    image: ImageSource,
    num: int = 1,
    *,
    seed: int = 0,
    axes: str | None = None,
    progress: Progress | None = None,
) -> Pixels:
    """Draw new noise for an image: what its scene would look like in other exposures.

    Args:
        model: A trained model.
        image: The noisy image, a single frame.
        num: How many to draw; image n has the clean signal of posterior sample n.
        seed: Seed of signal and noise.
        axes: Axes of the image where it does not name them.
        progress: Called with (done, total) images of tiles.

    Returns:
        Noisy images (num, *S), or (num, C, *S) where there is more than one channel.

    Raises:
        QuietScopeError: If the image holds several frames or does not fit the model, or the model knows no noise.
    """
    method = ready(model)
    _check_alone(method)
    opened = _seen(model, image, axes)
    frame = only_frame_of(opened, method.spatial_dims)
    images = explore.renoise(
        method, frame, num=num, seed=seed, device=model.device, precision=model.precision, progress=progress
    )
    units = _units(opened)
    return _without_single_channel(images if units is None else units.intensities(images, method.spatial_dims))


def levels(
    model: TrainedModel,
    image: ImageSource,
    *,
    frame: int = 0,
    num_samples: int = 20,
    seed: int = 0,
    axes: str | None = None,
    tile: int | None = None,
    progress: Progress | None = None,
) -> Levels:
    """Take apart what the levels of a hierarchy make of an image: what each holds, and what it costs.

    Args:
        model: A trained model.
        image: The noisy image.
        frame: Which frame of it, from 0.
        num_samples: Posterior samples behind every mean and deviation, at least 2.
        seed: Seed of the samples.
        axes: Axes of the image where it does not name them.
        tile: Tile size in pixels; chosen from the free memory if None.
        progress: Called with (done, total) samples of tiles.

    Returns:
        The arrays, (L, C, *S) with the finest level first, and the KL of every level.

    Raises:
        QuietScopeError: If the method has no hierarchy, or the image does not fit the model.
    """
    method = ready(model)
    _check_alone(method)
    opened = _seen(model, image, axes)
    pixels = frame_of(opened, frame, method.spatial_dims)
    found = explore.levels(
        method,
        pixels,
        num_samples=num_samples,
        seed=seed,
        frame_index=frame,
        tile=None if tile is None else TileSpec.of(method, tile),
        device=model.device,
        precision=model.precision,
        progress=progress,
    )
    units = _units(opened)
    if units is None:
        return found
    return replace(
        found,
        reconstructions=units.intensities(found.reconstructions, method.spatial_dims),
        prior=units.intensities(found.prior, method.spatial_dims),
        spread=units.intensities(found.spread, method.spatial_dims, is_spread=True),
    )


def _seen(model: TrainedModel, image: ImageSource, axes: str | None) -> Image:
    """Open an image as the model sees it."""
    return for_model(as_image(image, axes), model.history.normalize, model.history.context)


def _check_alone(method: Method) -> None:
    """Refuse a method that sees neighbours, where there is one frame to look at."""
    if method.neighbours:
        raise SettingsError(
            "a model that sees frames one by one",
            f"one that sees {method.neighbours} more on each side",
            f"train one without `{typed('neighbours')}`",
        )


def _units(image: Image) -> OwnUnits | None:
    return image.data.units if isinstance(image.data, ScaledArray) else None


def _check_intensities(model: TrainedModel, why: str) -> None:
    """Refuse a model that sees every image in units of its own where nothing tells these units."""
    if model.history.normalize == "each":
        raise SettingsError(
            "a model that knows intensities",
            f"one that normalises each image by itself ({why})",
            "train one on images of one scale",
        )


@dataclass(frozen=True)
class _OneChannel:
    """A sink without an axis for channels, written to as if it had one."""

    sink: Sink

    def __setitem__(self, index: Any, block: Any, /) -> None:
        number, _, *box = index
        self.sink[(number, *box)] = block[0]


def _without_single_channel(images: Pixels) -> Pixels:
    return images[:, 0] if images.shape[1] == 1 else images
