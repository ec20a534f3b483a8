"""The noise that turns an image into one posterior sample, in NumPy: the values that PyTorch would draw."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from quietscope.deploy.card import CardLatent
from quietscope.nn.keyed import keyed_normal, noise_key
from quietscope.tiling.grid import Tile


def tile_noise(
    latents: Sequence[CardLatent], tile: Tile, *, seed: int, frame: int, samples: Sequence[int]
) -> tuple[npt.NDArray[np.float32], ...]:
    """Make the noise of some samples over one tile, one array per level; see `quietscope.prediction.noise`.

    Args:
        latents: Where the latents lie.
        tile: The tile; its outer box starts and ends at multiples of every reduction.
        seed: Seed of the whole prediction.
        frame: Number of the frame.
        samples: Numbers of the samples.

    Returns:
        Per level (len(samples), C_l, *S_l): standard normal, or zeros where the level is not random.
    """
    noise = []
    for spec in latents:
        origin = tuple(start // r for start, r in zip(tile.origin, spec.reduction, strict=True))
        reduced = (length // r for length, r in zip(tile.outer_shape, spec.reduction, strict=True))
        shape = (spec.channels, *reduced)
        if spec.is_random:
            keys = [noise_key(seed, frame, sample, spec.level) for sample in samples]
            noise.append(np.stack([keyed_normal(key, origin, shape) for key in keys]))
        else:
            noise.append(np.zeros((len(samples), *shape), np.float32))
    return tuple(noise)
