"""The noise that turns an encoded tile into one posterior sample."""

from collections.abc import Sequence

import torch
from torch import Tensor

from quietscope.methods.base import LatentSpec
from quietscope.nn.keyed import noise_key
from quietscope.nn.latent import keyed_normal
from quietscope.tiling.grid import Tile


def tile_noise(
    latents: Sequence[LatentSpec],
    tile: Tile,
    *,
    seed: int,
    frame: int,
    samples: Sequence[int],
    device: torch.device | str = "cpu",
) -> tuple[Tensor, ...]:
    """Make the noise of some samples over one tile, one tensor per level.

    A value depends on (seed, frame, sample, level, channel, absolute latent coordinate) alone: not on the tile it is
    drawn for, nor on which samples are drawn together.

    Args:
        latents: Where the latents lie, from `PosteriorMethod.latents`.
        tile: The tile; its outer box starts and ends at multiples of every reduction.
        seed: Seed of the whole prediction.
        frame: Number of the frame.
        samples: Numbers of the samples.
        device: Where to make it.

    Returns:
        Per level a float32 tensor (len(samples), C_l, *S_l): standard normal, or zeros where the level is not random.
    """
    noise = []
    for spec in latents:
        origin, reduced = tile.reduced(spec.reduction)
        shape = (spec.channels, *reduced)
        if spec.is_random:
            keys = [noise_key(seed, frame, sample, spec.level) for sample in samples]
            noise.append(torch.stack([keyed_normal(key, origin, shape, device) for key in keys]))
        else:
            noise.append(torch.zeros(len(samples), *shape, device=device))
    return tuple(noise)
