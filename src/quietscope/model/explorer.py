"""What a trained generative model knows, laid open: images from its prior, ways between images, levels, noise."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from quietscope.errors import SizeError
from quietscope.explore import Generation, Levels, generate_into, interpolate, levels, renoise
from quietscope.io import Image, ImageSource, Sink, as_image
from quietscope.io.pixel_check import CheckedArray
from quietscope.methods.abilities import require
from quietscope.methods.base import GenerativeMethod, Method
from quietscope.nn.hardware import place
from quietscope.tiling.request import Precision
from quietscope.tiling.spec import TileSpec

Progress: TypeAlias = Callable[[int, int], None]
Pixels: TypeAlias = npt.NDArray[np.float32]


class Explorer(ABC):
    """A trained model to be explored; where it comes from is its heirs' business."""

    device: torch.device

    @property
    @abstractmethod
    def method(self) -> Method:
        """The trained method."""

    @property
    @abstractmethod
    def precision(self) -> Precision:
        """What its networks compute in."""

    def generate(
        self,
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
            num: How many to draw.
            size: (Y, X) or (Z, Y, X) in pixels; one number stands for Y and X, and for 16 slices of a volume.
            seed: Seed; image n of a seed is the same however many are drawn.
            temperature: Below 1 images are more typical and less varied.
            with_noise: Whether to add the camera's noise.
            progress: Called with (done, total) tiles.

        Returns:
            Images (num, *size), or (num, C, *size) where there is more than one channel; float32, intensity units.

        Raises:
            SettingsError: If the method has no prior, or a setting lies outside its range.
        """
        chosen = self.generation(num=num, size=size, seed=seed, temperature=temperature, with_noise=with_noise)
        images = np.empty(self.shape_of(chosen), np.float32)
        self.generate_into(chosen, images, progress=progress)
        return images

    def generation(self, *, size: int | Sequence[int] = 256, **settings: Any) -> Generation:
        """Say what to generate, checked against the model.

        Args:
            size: As for `generate`.
            **settings: num, seed, temperature and with_noise, as for `generate`.

        Returns:
            The specification, for `generate_into`.

        Raises:
            SettingsError: If the method has no prior, or a setting lies outside its range.
        """
        return Generation.of(require(self.method, GenerativeMethod), size, precision=self.precision, **settings)

    def shape_of(self, generation: Generation) -> tuple[int, ...]:
        """Return (num, *size), or (num, C, *size) where there is more than one channel."""
        channels = self.method.statistics.num_channels
        return (generation.num, *((channels,) if channels > 1 else ()), *generation.size)

    def generate_into(self, generation: Generation, sink: Sink, *, progress: Progress | None = None) -> None:
        """Draw images from the prior of any number and size into an array or a writer, tile by tile.

        Args:
            generation: What to generate, from `generation`.
            sink: Receives ``sink[index] = block``; of the shape that `shape_of` tells.
            progress: Called with (done, total) tiles.
        """
        method = self._ready()
        plain = method.statistics.num_channels == 1
        generate_into(method, generation, _OneChannel(sink) if plain else sink, device=self.device, progress=progress)

    def interpolate(
        self,
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
            a: The first noisy image, a single frame.
            b: The second, of the same size.
            num: Number of images, both ends included.
            seed: Seed of the samples at the ends.
            axes: Axes of both where they do not name them.
            progress: Called with (done, total) images of tiles.

        Returns:
            Clean images (num, *S), or (num, C, *S) where there is more than one channel; S is (Y, X) or (Z, Y, X).

        Raises:
            QuietScopeError: If the images differ in size, hold several frames, or do not fit the model.
        """
        method = self._ready()
        start, end = (_only_frame(as_image(image, axes), method.spatial_dims) for image in (a, b))
        images = interpolate(
            method, start, end, num=num, seed=seed, device=self.device, precision=self.precision, progress=progress
        )
        return _without_single_channel(images)

    def renoise(
        self,
        image: ImageSource,
        num: int = 1,
        *,
        seed: int = 0,
        axes: str | None = None,
        progress: Progress | None = None,
    ) -> Pixels:
        """Draw new noise for an image: what its scene would look like in other exposures.

        Args:
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
        method = self._ready()
        frame = _only_frame(as_image(image, axes), method.spatial_dims)
        where: dict[str, Any] = {"device": self.device, "precision": self.precision, "progress": progress}
        return _without_single_channel(renoise(method, frame, num=num, seed=seed, **where))

    def levels(
        self,
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
        method = self._ready()
        pixels = _frame(as_image(image, axes), frame, method.spatial_dims)
        cut = None if tile is None else TileSpec.of(method, tile)
        where: dict[str, Any] = {"device": self.device, "precision": self.precision, "progress": progress}
        return levels(method, pixels, num_samples=num_samples, seed=seed, frame_index=frame, tile=cut, **where)

    def _ready(self) -> Method:
        place(self.method, self.device, self.method.spatial_dims)
        return self.method


@dataclass(frozen=True)
class _OneChannel:
    """A sink without an axis for channels, written to as if it had one."""

    sink: Sink

    def __setitem__(self, index: Any, block: Any, /) -> None:
        number, _, *box = index
        self.sink[(number, *box)] = block[0]


def _only_frame(image: Image, spatial_dims: int) -> npt.NDArray[Any]:
    """Read an image of one frame, (C, *S)."""
    layout = image.layout(spatial_dims)
    if layout.num_frames != 1:
        raise SizeError("an image of one frame", f"{layout.num_frames} along {layout.frame_axes}", "pass one of them")
    return _frame(image, 0, spatial_dims)


def _frame(image: Image, number: int, spatial_dims: int) -> npt.NDArray[Any]:
    """Read one frame of an image, (C, *S)."""
    layout = image.layout(spatial_dims)
    if not 0 <= number < layout.num_frames:
        last = layout.num_frames - 1
        raise SizeError(f"a frame from 0 to {last}", str(number), f"pass e.g. frame={last}")
    return layout.take(CheckedArray(image.data, str(image.path or "the image")), number)


def _without_single_channel(images: Pixels) -> Pixels:
    return images[:, 0] if images.shape[1] == 1 else images
