"""New noise for a given image: what the same scene would look like in another exposure."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from quietscope.errors import SettingsError
from quietscope.explore.added_noise import check_noise, noise_blocks, observed
from quietscope.methods.abilities import require
from quietscope.methods.base import GenerativeMethod, Method
from quietscope.prediction import Progress, choose_tile, ready_to_predict
from quietscope.prediction.latent_noise import tile_noise
from quietscope.prediction.predict import check_frame
from quietscope.tiling.border import read_outer
from quietscope.tiling.request import Precision
from quietscope.tiling.spec import TileSpec


def renoise(
    method: Method,
    frame: npt.NDArray[Any],
    *,
    num: int = 1,
    seed: int = 0,
    tile: TileSpec | None = None,
    device: torch.device | str | None = None,
    precision: Precision = "float32",
    progress: Progress | None = None,
) -> npt.NDArray[np.float32]:
    """Draw noisy images of the scene that a noisy frame shows: ``x' ~ p(x | z), z ~ q(z | frame)``.

    Image n has the clean signal of posterior sample n of the frame, and noise of its own. Compared with the frame, the
    images tell whether the noise has been understood: they should look alike, stripes and all.

    Args:
        method: A trained generative method.
        frame: The noisy frame, (C, *S), intensity units.
        num: Number of images.
        seed: Seed of signal and noise.
        tile: How to cut the frame; chosen from the free memory if None.
        device: Where to compute; where the method is if None.
        precision: What networks compute in.
        progress: Called after each image of a tile with (done, in all).

    Returns:
        Images (num, C, *S), float32, intensity units.

    Raises:
        SettingsError: If the method has no prior or knows no noise, or `num` is below 1.
        AxesError: If the frame has another number of dimensions than the method's images.
        ChannelError: If it has another number of channels.
    """
    able = require(method, GenerativeMethod)
    check_noise(able)
    _check(able, frame, num)
    size = tuple(frame.shape[1:])
    images = np.empty((num, *frame.shape), np.float32)
    with ready_to_predict(able, device, precision) as where:
        grid = (tile or choose_tile(able, size, where)).grid(able, size, noise_blocks(able, size))
        for number, piece in enumerate(grid):
            pixels = read_outer(lambda box: frame[(slice(None), *box)], size, piece)
            encoding = able.encode(torch.from_numpy(pixels).to(where).unsqueeze(0))
            for n in range(num):
                noise = tile_noise(able.latents(), piece, seed=seed, frame=0, samples=[n], device=where)
                index: tuple[Any, ...] = (n, slice(None), *piece.inner)
                drawn = observed(able, able.infer(encoding, noise), piece, (seed, "renoise", n))
                images[index] = drawn.cpu().numpy()
                if progress:
                    progress(number * num + n + 1, len(grid) * num)
    return images


def _check(method: Method, frame: npt.NDArray[Any], num: int) -> None:
    if num < 1:
        raise SettingsError("at least 1 image", str(num), "pass e.g. num=4")
    check_frame(method, frame.shape)
