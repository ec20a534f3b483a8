"""Interpolation between two images in latent space."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from quietscope.errors import AxesError, SettingsError, SizeError
from quietscope.methods.abilities import require
from quietscope.methods.base import Method
from quietscope.methods.generative import GenerativeMethod, Latents
from quietscope.prediction import Progress, choose_tile, ready_to_predict
from quietscope.prediction.latent_noise import tile_noise
from quietscope.tiling.border import read_outer
from quietscope.tiling.drawn import cropped
from quietscope.tiling.grid import Tile
from quietscope.tiling.request import Precision
from quietscope.tiling.spec import TileSpec


def interpolate(
    method: Method,
    a: npt.NDArray[Any],
    b: npt.NDArray[Any],
    *,
    num: int = 8,
    seed: int = 0,
    tile: TileSpec | None = None,
    device: torch.device | str | None = None,
    precision: Precision = "float32",
    progress: Progress | None = None,
) -> npt.NDArray[np.float32]:
    """Return images along a straight line from the latents of one noisy frame to the latents of another.

    ``s_t = emit((1 - t) z_a + t z_b)``, with `num` equally spaced t from 0 to 1, and z_a and z_b drawn from the
    posteriors of the two frames with the same noise. The first and last image are sample 0 of each frame's posterior,
    as for frame 0 with this seed. Between the ends, noise of the latents that z_a and z_b do not share partly averages
    out, so the images in the middle are slightly smoother than the ends.

    Args:
        method: A trained generative method.
        a: The first noisy frame, (C, *S), intensity units.
        b: The second noisy frame, of the same shape.
        num: Number of images, both ends included.
        seed: Seed of the latent noise.
        tile: How to cut the frames into tiles; chosen from the free memory if None.
        device: Device to compute on; the method's device if None.
        precision: Precision in which networks compute.
        progress: Called after each image of a tile with (done, in all).

    Returns:
        Clean images (num, C, *S), float32, intensity units.

    Raises:
        SettingsError: If the method has no prior, or `num` is below 2.
        SizeError: If the frames differ in shape.
        AxesError: If the frames do not fit the method.
    """
    able = require(method, GenerativeMethod)
    _check(able, a, b, num)
    size = tuple(a.shape[1:])
    images = np.empty((num, *a.shape), np.float32)
    with ready_to_predict(able, device, precision) as where:
        grid = (tile or choose_tile(able, size, where)).grid(able, size)
        for number, piece in enumerate(grid):
            start, end = (_infer(able, frame, piece, seed, where) for frame in (a, b))
            for k, t in enumerate(np.linspace(0.0, 1.0, num).tolist()):
                image = able.emit([_between(p, q, t) for p, q in zip(start, end, strict=True)])
                index: tuple[Any, ...] = (k, slice(None), *piece.inner)
                images[index] = cropped(image, piece.inner_in_outer)[0].float().cpu().numpy()
                if progress:
                    progress(number * num + k + 1, len(grid) * num)
    return images


def _infer(method: GenerativeMethod, frame: npt.NDArray[Any], tile: Tile, seed: int, device: torch.device) -> Latents:
    """Draw the latents of one tile of a frame."""
    pixels = read_outer(lambda box: frame[(slice(None), *box)], frame.shape[1:], tile)
    noise = tile_noise(method.latents(), tile, seed=seed, frame=0, samples=[0], device=device)
    return method.infer(method.encode(torch.from_numpy(pixels).to(device).unsqueeze(0)), noise)


def _between(a: torch.Tensor, b: torch.Tensor, t: float) -> torch.Tensor:
    """Return ``(1 - t) a + t b``, exactly a and b at the ends."""
    return a if t == 0 else b if t == 1 else torch.lerp(a, b, t)


def _check(method: GenerativeMethod, a: npt.NDArray[Any], b: npt.NDArray[Any], num: int) -> None:
    if num < 2:
        raise SettingsError("at least 2 images, the two ends", str(num), "pass e.g. num=8")
    if a.shape != b.shape:
        raise SizeError("two images of one size", f"{a.shape} and {b.shape}", "crop the larger one")
    if a.ndim != method.spatial_dims + 1 or a.shape[0] != method.statistics.num_channels:
        wanted = f"{method.statistics.num_channels} channels and {method.spatial_dims} dimensions"
        raise AxesError(f"images of {wanted}, as in training", f"an array of shape {a.shape}", "pass one frame of each")
