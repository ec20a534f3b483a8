"""Images of any size drawn from the prior of a generative method, which show what it has learnt about the sample."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from quietscope.errors import SettingsError
from quietscope.explore.added_noise import check_noise, noise_blocks, observed, with_noise
from quietscope.io.image import Sink
from quietscope.methods.abilities import require
from quietscope.methods.base import Method
from quietscope.methods.generative import LearnedNoiseMethod, PriorMethod
from quietscope.prediction import Progress, choose_tile, ready_to_predict
from quietscope.prediction.latent_noise import tile_noise
from quietscope.tiling.drawn import cropped
from quietscope.tiling.grid import Tile
from quietscope.tiling.request import Precision
from quietscope.tiling.spec import TileSpec
from quietscope.wording import typed

# No frame has this number, so the prior shares no noise with any posterior.
_PRIOR = -1
_SLICES = 16


@dataclass(frozen=True, kw_only=True)
class Generation:
    """The images to generate.

    Attributes:
        num: Number of images.
        size: Size of the images in pixels, (Y, X) or (Z, Y, X).
        seed: Seed of the images; image n of a seed does not depend on the number of images.
        temperature: Factor of the latent noise; below 1 images are more typical and less varied. Methods that draw
            images by adding up measurements know 1 alone, see `PriorMethod.has_temperature`.
        with_noise: Whether to add the camera's noise, from the noise model or as learnt by the method.
        tile: How to cut the images into tiles; chosen from the free memory if None.
        precision: Precision in which networks compute.

    Raises:
        SettingsError: If a value lies outside its range.
    """

    num: int = 16
    size: tuple[int, ...] = (256, 256)
    seed: int = 0
    temperature: float = 1.0
    with_noise: bool = False
    tile: TileSpec | None = None
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        if self.num < 1:
            raise SettingsError("at least 1 image", str(self.num), "pass e.g. num=16")
        if not self.size or min(self.size) < 1:
            raise SettingsError("a size of at least 1 pixel", str(self.size), "pass e.g. size=256")
        if not 0 < self.temperature < float("inf"):
            raise SettingsError("a temperature above 0", str(self.temperature), "pass e.g. temperature=0.8")

    @classmethod
    def of(cls, method: Method, size: int | Sequence[int], **settings: Any) -> Self:
        """Make a specification from a size as a user may give it.

        Args:
            method: The method that will generate.
            size: Pixels per spatial axis; one number is the size in Y and X, with 16 slices for a volume.
            **settings: The other attributes.

        Returns:
            The specification.

        Raises:
            SettingsError: If a value lies outside its range, the method has no temperature, or size and method differ
                in the number of axes.
        """
        dims = method.spatial_dims
        sizes = (*[_SLICES] * (dims - 2), size, size) if isinstance(size, int) else tuple(size)
        if len(sizes) != dims:
            example = "(16, 256, 256)" if dims == 3 else "(256, 256)"
            raise SettingsError(f"a size of one or {dims} numbers", str(sizes), f"pass e.g. size={example}")
        made = cls(size=sizes, **settings)
        if isinstance(method, PriorMethod):
            check_temperature(method, made.temperature)
        return made


def generate(
    method: Method,
    generation: Generation,
    *,
    device: torch.device | str | None = None,
    progress: Progress | None = None,
) -> npt.NDArray[np.float32]:
    """Draw images from the prior into an array in memory; for larger images use `generate_into`.

    Args:
        method: A trained generative method.
        generation: The images to generate.
        device: Device to compute on; the method's device if None.
        progress: Called after each tile with (tiles done, tiles in all).

    Returns:
        Images (num, C, *size), float32, intensity units.

    Raises:
        SettingsError: If the method has no prior, or noise or a temperature is requested at which it cannot draw.
    """
    method = require(method, PriorMethod)
    images = np.empty((generation.num, method.statistics.num_channels, *generation.size), np.float32)
    generate_into(method, generation, images, device=device, progress=progress)
    return images


def generate_into(
    method: Method,
    generation: Generation,
    sink: Sink,
    *,
    device: torch.device | str | None = None,
    progress: Progress | None = None,
) -> None:
    """Draw images from the prior of any size, tile by tile: ``s = generate(temperature * noise)``.

    The noise of a latent pixel depends only on (seed, number of the image, level, coordinate), so tiles fit together
    without a seam. Latents for which prediction uses the mean are set to their mean here too.

    Args:
        method: A trained generative method.
        generation: The images to generate.
        sink: An array of shape (num, C, *size), or an object that accepts ``sink[(n, channels, *box)] = block``.
        device: Device to compute on; the method's device if None.
        progress: Called after each tile with (tiles done, tiles in all).

    Raises:
        SettingsError: If the method has no prior, or noise or a temperature is requested at which it cannot draw.
    """
    able = require(method, PriorMethod)
    check_temperature(able, generation.temperature)
    if generation.with_noise:
        check_noise(able)
    channels, size = slice(0, able.statistics.num_channels), generation.size
    blocks = noise_blocks(able, size)
    with ready_to_predict(able, device, generation.precision) as where:
        spec = generation.tile or choose_tile(able, size, where)
        grid = spec.grid(able, size, blocks)
        for n in range(generation.num):
            for number, tile in enumerate(grid):
                image = _draw(able, generation, n, tile, where)
                sink[(n, channels, *tile.inner)] = image.cpu().numpy()
                if progress:
                    progress(n * len(grid) + number + 1, generation.num * len(grid))


def check_temperature(method: PriorMethod, temperature: float) -> None:
    """Refuse a temperature other than 1 of a method that has none.

    Args:
        method: The method.
        temperature: Factor of the latent noise.

    Raises:
        SettingsError: If the method cannot draw at that temperature.
    """
    if temperature != 1.0 and not method.has_temperature:
        raise SettingsError(
            f"a temperature of 1, the only one at which {method.name} draws images",
            f"{temperature:g}",
            f"leave {typed('temperature')} out, or train e.g. hdn",
        )


def _draw(method: PriorMethod, generation: Generation, n: int, tile: Tile, device: torch.device) -> Tensor:
    """Draw the inner box of one tile of image n, (C, *inner)."""
    noise = tile_noise(method.prior_latents(), tile, seed=generation.seed, frame=_PRIOR, samples=[n], device=device)
    drawn = tuple(generation.temperature * level for level in noise)
    key = generation.seed, n
    if generation.with_noise and isinstance(method, LearnedNoiseMethod):
        return observed(method, method.imagine(drawn), tile, key)
    image = cropped(method.generate(drawn), tile.inner_in_outer)[0].float()
    return with_noise(method, image, tile, key) if generation.with_noise else image
