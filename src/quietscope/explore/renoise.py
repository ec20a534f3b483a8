"""New noise for a given image, as if the same scene had been exposed again."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from quietscope.errors import SettingsError
from quietscope.explore.added_noise import check_noise, noise_blocks, observed
from quietscope.methods.abilities import require
from quietscope.methods.base import Method
from quietscope.methods.generative import GenerativeMethod
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
    """Draw new noisy images of the scene in a noisy frame: ``x' ~ p(x | z), z ~ q(z | frame)``.

    Image n has the clean signal of posterior sample n of the frame, with new noise. Comparing these images with the
    frame shows whether the method has learnt the noise correctly: their noise should look the same, stripes included.

    Args:
        method: A trained generative method.
        frame: The noisy frame, (C, *S), intensity units.
        num: Number of images.
        seed: Seed of signal and noise.
        tile: How to cut the frame into tiles; chosen from the free memory if None.
        device: Device to compute on; the method's device if None.
        precision: Precision in which networks compute.
        progress: Called after each image of a tile with (done, in all).

    Returns:
        Images (num, C, *S), float32, intensity units.

    Raises:
        SettingsError: If the method has no prior or cannot draw noise, or `num` is below 1.
        AxesError: If the frame's number of dimensions does not fit the method.
        ChannelError: If the frame's number of channels does not fit the method.
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
