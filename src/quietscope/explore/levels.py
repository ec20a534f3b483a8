"""The content of each level of a hierarchy for an image: reconstruction without finer levels, spread, and KL.

Levels are numbered from the finest, 0, to the coarsest, L - 1. Prakash et al., ICLR 2022, arXiv 2104.01374, analyse HDN
in a similar way: one level is sampled while the others are fixed.
"""

from dataclasses import dataclass
from math import prod
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from quietscope.errors import SettingsError
from quietscope.methods.abilities import require
from quietscope.methods.base import Encoding, LatentSpec, Method
from quietscope.methods.generative import HierarchicalMethod, Latents
from quietscope.prediction import Progress, StreamingMoments, choose_tile, ready_to_predict
from quietscope.prediction.latent_noise import tile_noise
from quietscope.prediction.predict import check_frame
from quietscope.tiling.border import read_outer
from quietscope.tiling.drawn import cropped
from quietscope.tiling.grid import Tile
from quietscope.tiling.request import Precision, Request
from quietscope.tiling.spec import TileSpec

Pixels: TypeAlias = npt.NDArray[np.float32]

_LEAST_SAMPLES = 2


@dataclass(frozen=True, kw_only=True)
class Levels:
    """The content of the levels of a hierarchy for one frame; L levels, finest first.

    Attributes:
        reconstructions: The image if only level l and the coarser levels are inferred from the frame, (L, C, *S),
            float32, intensity units. Entry 0 is the denoised image, the mean of the same samples.
        prior: The image if no level is inferred from the frame, and every level is at its prior's mean, (C, *S).
        spread: The standard deviation that level l adds, (L, C, *S): the deviation of samples in which only level l is
            drawn and every other level is at its posterior mean, given the coarser levels. 0 for levels that are never
            drawn.
        kl: KL(q(z_l | z_>l, x) || p(z_l | z_>l)), mean over the samples, nats per latent pixel, (*S_l) per level.
        latents: Channels and resolution of each level's latents.
        num_samples: Number of samples that the means and deviations are computed from.
    """

    reconstructions: Pixels
    prior: Pixels
    spread: Pixels
    kl: tuple[Pixels, ...]
    latents: tuple[LatentSpec, ...]
    num_samples: int

    @property
    def num_levels(self) -> int:
        """Number of levels L."""
        return len(self.latents)

    @property
    def size(self) -> tuple[int, ...]:
        """Pixels of the frame per spatial axis."""
        return self.prior.shape[1:]

    @property
    def kl_per_pixel(self) -> npt.NDArray[np.float64]:
        """KL of each level over the whole frame, in nats per image pixel, (L,): the information that each contains."""
        return np.array([each.sum(dtype=np.float64) / prod(self.size) for each in self.kl])

    @property
    def kl_share(self) -> npt.NDArray[np.float64]:
        """Share of each level in the total KL, (L,); all zeros if the total KL is zero."""
        spent = self.kl_per_pixel
        return np.zeros_like(spent) if spent.sum() == 0.0 else spent / spent.sum()

    def added(self, level: int) -> Pixels:
        """Return what a level adds to the image of the coarser levels, (C, *S).

        ``reconstruction_l - reconstruction_l+1``, with `prior` in place of ``reconstruction_l+1`` for the top level.
        """
        top = self.num_levels - 1
        difference: Pixels = self.reconstructions[level] - (
            self.prior if level == top else self.reconstructions[level + 1]
        )
        return difference

    def kl_map(self, level: int) -> Pixels:
        """Return the KL of a level in nats per image pixel, (*S).

        The KL of a latent pixel is divided evenly among the image pixels that it covers. The sum over the frame equals
        the sum of `kl`, except for latent pixels that extend beyond the end of the frame.
        """
        reduction = self.latents[level].reduction
        pixels = self.kl[level]
        for axis, factor in enumerate(reduction):
            pixels = np.repeat(pixels, factor, axis=axis)
        cut: Pixels = pixels[tuple(slice(0, length) for length in self.size)] / np.float32(prod(reduction))
        return cut


def levels(
    method: Method,
    frame: npt.NDArray[Any],
    *,
    num_samples: int = 20,
    seed: int = 0,
    frame_index: int = 0,
    tile: TileSpec | None = None,
    device: torch.device | str | None = None,
    precision: Precision = "float32",
    progress: Progress | None = None,
) -> Levels:
    """Analyse the contribution of each level of a hierarchy to the image of one noisy frame.

    With q the posterior, p the prior, E the mean over the samples, and mu the mean of a level given the coarser levels:

    * reconstruction l: ``E[emit(z)]``, with ``z_k ~ q(z_k | z_>k, x)`` for k >= l and ``z_k = mu_p(z_>k)`` for k < l.
      Levels k >= l are drawn and not set to their means, because in training the network has seen only drawn latents;
      entry 0 is then exactly the image that prediction gives with this seed and without antithetic pairs. Drawing the
      levels k < l from the prior instead of using its means changes the squared error of these images by a few per
      cent, and makes them random.
    * spread l: the deviation of ``emit(z)``, with ``z_l ~ q(z_l | z_>l, x)`` and ``z_k = mu_q(z_>k, x)`` for k != l.

    Tiles influence the results only through pixels beyond the halo. Memory does not grow with the number of samples.

    Args:
        method: A trained method with a hierarchy of latents.
        frame: The noisy frame x, (C, *S), intensity units; any size from one pixel up.
        num_samples: Number of samples for every mean and deviation, at least 2.
        seed: Seed of the samples, which are the same as in a prediction with this seed.
        frame_index: Number of the frame in its series, so that every frame gets different noise.
        tile: How to cut the frame into tiles; chosen from the free memory if None.
        device: Device to compute on; the method's device if None.
        precision: Precision in which networks compute.
        progress: Called after each sample of a tile with (done, in all).

    Returns:
        The content of each level.

    Raises:
        SettingsError: If the method has no hierarchy, or there are fewer than 2 samples.
        AxesError: If the frame's number of dimensions does not fit the method.
        ChannelError: If the frame's number of channels does not fit the method.
    """
    able = require(method, HierarchicalMethod)
    if num_samples < _LEAST_SAMPLES:
        raise SettingsError(f"at least {_LEAST_SAMPLES} samples", str(num_samples), "pass e.g. num_samples=20")
    check_frame(able, frame.shape)
    size, specs = tuple(frame.shape[1:]), able.latents()
    found = Levels(
        reconstructions=np.empty((len(specs), *frame.shape), np.float32),
        prior=np.empty(frame.shape, np.float32),
        spread=np.empty((len(specs), *frame.shape), np.float32),
        kl=tuple(np.empty(_reduced(size, spec), np.float32) for spec in specs),
        latents=specs,
        num_samples=num_samples,
    )
    with ready_to_predict(able, device, precision) as where:
        kept = 2.0 * len(specs) * StreamingMoments.bytes_per_value(Request())
        grid = (tile or choose_tile(able, size, where, bytes_per_value=kept)).grid(able, size)
        for number, box in enumerate(grid):
            pixels = read_outer(lambda each: frame[(slice(None), *each)], size, box)
            study = _TileStudy(able, torch.from_numpy(pixels).to(where).unsqueeze(0), box)
            for sample in range(num_samples):
                noise = tile_noise(specs, box, seed=seed, frame=frame_index, samples=[sample], device=where)
                study.take(noise)
                if progress:
                    progress(number * num_samples + sample + 1, len(grid) * num_samples)
            study.put(found)
    return found


class _TileStudy:
    """Accumulates the results of one tile, sample by sample; no sample is stored.

    Args:
        method: The method, in evaluation mode.
        x: The tile's outer box, (1, C, *outer), intensity units.
        tile: Position of the tile.
    """

    def __init__(self, method: HierarchicalMethod, x: Tensor, tile: Tile) -> None:
        self._method, self._tile, self._specs = method, tile, method.latents()
        self._encoding: Encoding = method.encode(x)
        self._images = [StreamingMoments() for _ in self._specs]
        self._alone = [StreamingMoments() for _ in self._specs]
        self._kl = [torch.zeros(()) for _ in self._specs]
        self._count = 0

    def take(self, noise: tuple[Tensor, ...]) -> None:
        """Add the sample made from the given noise, one (1, c_l, *S_l) per level."""
        latents, divergences = self._method.infer_with_kl(self._encoding, noise)
        still = [torch.zeros_like(each) for each in noise]
        self._count += 1
        for level, spec in enumerate(self._specs):
            self._images[level].update(self._inner(self._method.emit(self._completed(latents, level, still))))
            share = (divergences[level][0].float().cpu() - self._kl[level]) / self._count
            self._kl[level] = self._kl[level] + share
            if spec.is_random:
                drawn = [*still[:level], noise[level], *still[level + 1 :]]
                self._alone[level].update(self._inner(self._method.decode(self._encoding, drawn)))

    def put(self, found: Levels) -> None:
        """Write the results of the tile into the arrays of the frame."""
        tile, device = self._tile, self._encoding[0].device
        inner: tuple[Any, ...] = (slice(None), *tile.inner)
        shapes = [(1, spec.channels, *_reduced(tile.outer_shape, spec)) for spec in self._specs]
        still = [torch.zeros(shape, device=device) for shape in shapes]
        nothing = self._method.emit(self._method.complete([None] * len(still), still))
        found.prior[inner] = self._inner(nothing)[0].cpu().numpy()
        for level, spec in enumerate(self._specs):
            at: tuple[Any, ...] = (level, *inner)
            found.reconstructions[at] = self._images[level].mean().cpu().numpy()
            found.spread[at] = self._alone[level].std().cpu().numpy() if spec.is_random else 0.0
            divergence = cropped(self._kl[level], _on_latents(tile.inner_in_outer, spec))
            found.kl[level][_on_latents(tile.inner, spec)] = divergence.numpy()

    def _completed(self, latents: Latents, level: int, still: list[Tensor]) -> Latents:
        """Set the levels finer than `level` to their priors' means, given `level` and the coarser levels."""
        if level == 0:
            return latents
        return self._method.complete([*[None] * level, *latents[level:]], still)

    def _inner(self, images: Tensor) -> Tensor:
        return cropped(images, self._tile.inner_in_outer).float()


def _reduced(size: tuple[int, ...], spec: LatentSpec) -> tuple[int, ...]:
    """Return the number of latent pixels that cover an image size, per spatial axis."""
    return tuple(-(-length // r) for length, r in zip(size, spec.reduction, strict=True))


def _on_latents(box: tuple[slice, ...], spec: LatentSpec) -> tuple[slice, ...]:
    """Return the box of latent pixels that covers an image box, which starts at a multiple of the reduction."""
    return tuple(slice(each.start // r, -(-each.stop // r)) for each, r in zip(box, spec.reduction, strict=True))
