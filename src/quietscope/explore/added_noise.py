"""Noise added to clean images, drawn from a noise model or by a method that has learnt the noise."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from quietscope.errors import SettingsError
from quietscope.methods.base import Method
from quietscope.methods.generative import GenerativeMethod, Latents, LearnedNoiseMethod
from quietscope.nn.keyed import noise_key
from quietscope.nn.latent import keyed_normal
from quietscope.noise.noise_model import NoiseModel
from quietscope.tiling.drawn import cropped
from quietscope.tiling.grid import Tile, round_up, tile_grid

# Noise of a noise model is drawn block by block. No tile cuts a block, so the noise does not depend on the tiles.
_BLOCK = {2: (64, 64), 3: (8, 64, 64)}


def noise_blocks(method: Method, size: tuple[int, ...]) -> tuple[int, ...]:
    """Return the size of noise blocks, in pixels per spatial axis; no tile may cut a block if a noise model is used."""
    return tuple(round_up(b, m) for b, m in zip(_BLOCK[len(size)], method.size_multiple, strict=True))


def check_noise(method: Method) -> None:
    """Refuse a method that cannot draw noise.

    Args:
        method: The method.

    Raises:
        SettingsError: If the method has not learnt the noise and has no noise model.
    """
    if not isinstance(method, LearnedNoiseMethod) and not method.channel_noise:
        raise SettingsError(
            "a method that knows the noise, to add it", f"{method.name}, which does not", "pass with_noise=False"
        )


def observed(method: GenerativeMethod, latents: Latents, tile: Tile, key: tuple[int | str, ...]) -> Tensor:
    """Draw the noisy image of one tile, ``x ~ p(x | z)``.

    The noise of a pixel depends on the key and the pixel's coordinate. If the method has learnt noise that is
    correlated along a direction, the noise also depends on the pixels before it, and so slightly on where the tile
    begins.

    Args:
        method: The method.
        latents: The tile's latents, for one image.
        tile: Position of the tile.
        key: Numbers and words that, with the coordinate, determine the noise.

    Returns:
        The inner box, (C, *inner), float32, intensity units.
    """
    if isinstance(method, LearnedNoiseMethod):
        shape = (method.statistics.num_channels, *tile.outer_shape)
        choice, noise = (
            keyed_normal(noise_key("observe", *key, part), tile.origin, shape, latents[0].device).unsqueeze(0)
            for part in ("choice", "noise")
        )
        drawn = cropped(method.observe(latents, torch.special.ndtr(choice), noise), tile.inner_in_outer)[0].float()
        return _recorded(method, drawn)
    return with_noise(method, cropped(method.emit(latents), tile.inner_in_outer)[0].float(), tile, key)


def with_noise(method: Method, image: Tensor, tile: Tile, key: tuple[int | str, ...]) -> Tensor:
    """Return the clean pixels of a tile's inner box, (C, *inner), with noise of the method's noise models.

    The noise of a pixel depends on the key and the pixel's coordinate.
    """
    image = image.clone()
    _add_noise(image, method.channel_noise, key, tile, noise_blocks(method, tile.outer_shape))
    return _recorded(method, image)


def _recorded(method: Method, image: Tensor) -> Tensor:
    """Return noisy pixels (C, *S) as a camera records them: none below 0 where none that was learnt from is.

    A noise model has a lower limit where many pixels lie at it. Where none of them happens to reach 0, the normal
    density beside it still does.
    """
    lowest = method.statistics.quantiles[:, 0].to(image.device)
    floor = torch.where(lowest >= 0.0, 0.0, float("-inf"))
    return torch.maximum(image, floor.reshape(-1, *[1] * (image.ndim - 1)))


def _add_noise(
    image: Tensor, models: Sequence[NoiseModel], key: tuple[int | str, ...], tile: Tile, blocks: tuple[int, ...]
) -> None:
    """Replace the clean pixels of an inner box, (C, *inner), by samples of the noise model, block by block.

    A noise model takes random numbers from a generator in the order of the pixels. Each block of the image has its own
    generator, so this order, and with it the noise, does not depend on how the image is cut into tiles.
    """
    origin = [box.start for box in tile.inner]
    for part in (block.inner for block in tile_grid(image.shape[1:], blocks, (0,) * len(blocks), blocks)):
        at = [o + box.start for o, box in zip(origin, part, strict=True)]
        for channel, model in enumerate(models):
            seed = noise_key("noise", *key, channel, *at) >> 1
            index: tuple[Any, ...] = (channel, *part)
            image[index] = model.sample(image[index], torch.Generator().manual_seed(seed))
