"""Noise to go with clean images: drawn from a noise model, or by a method that has learnt the noise itself."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from quietscope.errors import SettingsError
from quietscope.methods.base import GenerativeMethod, Latents, LearnedNoiseMethod
from quietscope.nn.keyed import noise_key
from quietscope.nn.latent import keyed_normal
from quietscope.noise.noise_model import NoiseModel
from quietscope.tiling.drawn import cropped
from quietscope.tiling.grid import Tile, round_up, tile_grid

# Noise of a model is drawn block by block, so that it does not depend on the tiles: no tile cuts a block.
_BLOCK = {2: (64, 64), 3: (8, 64, 64)}


def noise_blocks(method: GenerativeMethod, size: tuple[int, ...]) -> tuple[int, ...]:
    """Return the blocks, in pixels per spatial axis, that no tile may cut where a noise model's noise is added."""
    return tuple(round_up(b, m) for b, m in zip(_BLOCK[len(size)], method.size_multiple, strict=True))


def check_noise(method: GenerativeMethod) -> None:
    """Refuse a method that knows nothing of noise.

    Args:
        method: The method.

    Raises:
        SettingsError: If it has neither learnt the noise nor a noise model.
    """
    if not isinstance(method, LearnedNoiseMethod) and not method.channel_noise:
        raise SettingsError(
            "a method that knows the noise, to add it", f"{method.name}, which does not", "pass with_noise=False"
        )


def observed(method: GenerativeMethod, latents: Latents, tile: Tile, key: tuple[int | str, ...]) -> Tensor:
    """Draw the noisy image of one tile, ``x ~ p(x | z)``.

    The noise of a pixel follows from the key and its coordinate. Where the method has learnt noise that runs along a
    direction, it also depends on the pixels before it, and so, a little, on where the tile begins.

    Args:
        method: The method.
        latents: The tile's latents, for one image.
        tile: Where it lies.
        key: What the noise is keyed by.

    Returns:
        The inner box, (C, *inner), float32, intensity units.
    """
    if isinstance(method, LearnedNoiseMethod):
        shape = (method.statistics.num_channels, *tile.outer_shape)
        choice, noise = (
            keyed_normal(noise_key("observe", *key, part), tile.origin, shape, latents[0].device).unsqueeze(0)
            for part in ("choice", "noise")
        )
        return cropped(method.observe(latents, torch.special.ndtr(choice), noise), tile.inner_in_outer)[0].float()
    image = cropped(method.emit(latents), tile.inner_in_outer)[0].float()
    _add_noise(image, method.channel_noise, key, tile, noise_blocks(method, tile.outer_shape))
    return image


def _add_noise(
    image: Tensor, models: Sequence[NoiseModel], key: tuple[int | str, ...], tile: Tile, blocks: tuple[int, ...]
) -> None:
    """Replace the clean pixels of an inner box, (C, *inner), by a draw of the noise model, block by block.

    A noise model draws from a generator, in the order of the pixels. One generator per block of the image makes that
    order, and so the draw, the same however the image is cut.
    """
    origin = [box.start for box in tile.inner]
    for part in (block.inner for block in tile_grid(image.shape[1:], blocks, (0,) * len(blocks), blocks)):
        at = [o + box.start for o, box in zip(origin, part, strict=True)]
        for channel, model in enumerate(models):
            seed = noise_key("noise", *key, channel, *at) >> 1
            index: tuple[Any, ...] = (channel, *part)
            image[index] = model.sample(image[index], torch.Generator().manual_seed(seed))
