"""The noise that turns an encoded tile into one posterior sample."""

from collections.abc import Sequence

import torch
from torch import Tensor

from quietscope.methods.base import LatentSpec
from quietscope.nn.keyed import noise_key
from quietscope.nn.latent import keyed_normal
from quietscope.tiling.antithetic import NO_PAIRS, Pairs
from quietscope.tiling.grid import Tile


def tile_noise(
    latents: Sequence[LatentSpec],
    tile: Tile,
    *,
    seed: int,
    frame: int,
    samples: Sequence[int],
    pairs: Pairs = NO_PAIRS,
    device: torch.device | str = "cpu",
) -> tuple[Tensor, ...]:
    """Make the noise of some samples over one tile, one tensor per level.

    A value depends on (seed, frame, sample, level, channel, absolute latent coordinate) alone: not on the tile it is
    drawn for, nor on which samples are drawn together. The second sample of an antithetic pair has the values of the
    first with their sign turned.

    Args:
        latents: Where the latents lie, from `PosteriorMethod.latents`.
        tile: The tile; its outer box starts and ends at multiples of every reduction.
        seed: Seed of the whole prediction.
        frame: Number of the frame.
        samples: Numbers of the samples.
        pairs: Which samples pair.
        device: Where to make it.

    Returns:
        Per level a float32 tensor (len(samples), C_l, *S_l): standard normal, or zeros where the level is not random.
    """
    noise, sources = [], [pairs.source(sample) for sample in samples]
    for spec in latents:
        origin, reduced = tile.reduced(spec.reduction)
        shape = (spec.channels, *reduced)
        if spec.is_random:
            keys = {source: noise_key(seed, frame, source, spec.level) for source, _ in sources}
            drawn = {source: keyed_normal(key, origin, shape, device) for source, key in keys.items()}
            noise.append(torch.stack([drawn[source] if sign > 0 else -drawn[source] for source, sign in sources]))
        else:
            noise.append(torch.zeros(len(samples), *shape, device=device))
    return tuple(noise)
