"""A trained method as the engine of a walk through an image, in PyTorch on any device."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from quietscope.methods.abilities import (
    DECONVOLVED,
    DENOISED,
    DEVIATION,
    draws,
    kinds_of,
    require,
    respond,
    sample,
)
from quietscope.methods.base import DeconvolvingMethod, Method, MomentsMethod, PosteriorMethod, SamplingMethod
from quietscope.nn.hardware import chosen_device, gains_from_bf16
from quietscope.prediction.latent_noise import tile_noise
from quietscope.prediction.memory import bytes_per_pixel, free_memory
from quietscope.tiling.antithetic import NO_PAIRS, Pairs
from quietscope.tiling.border import Pixels
from quietscope.tiling.drawn import Drawn
from quietscope.tiling.estimators import Estimator
from quietscope.tiling.grid import Tile
from quietscope.tiling.kinds import Kind, chosen_kinds, imported
from quietscope.tiling.request import Precision, Request
from quietscope.tiling.spec import MOST_PIXELS_ON_CPU, TileSpec, automatic_tile, memory_for_tiles

# Pixels decoded in one call. On a CPU four samples of 128 x 128 together take 15 % less time each than alone, and
# sixteen of 64 x 64 half; beyond 256 x 256 nothing is gained. A GPU wants more (not measured); small ones must hold it.
_PIXELS_AT_ONCE = {"cpu": 256**2, "cuda": 512**2}


@contextmanager
def ready_to_predict(method: Method, device: torch.device | str | None, precision: Precision) -> Iterator[torch.device]:
    """Put a method into evaluation mode on a device, without gradients; all of it is undone at the end.

    Args:
        method: The method.
        device: Where to run; where the method already is if None.
        precision: What its networks compute in.

    Yields:
        The device.

    Raises:
        SettingsError: If the device is not there.
    """
    home = method.statistics.mean.device
    there = chosen_device(device) if device is not None else home
    autocast = precision == "bfloat16" or (precision == "auto" and gains_from_bf16(there))
    # Part by part: a frozen part of a method in training may be in evaluation mode, and must stay so.
    training = [(module, module.training) for module in method.modules()]
    try:
        method.to(there).eval()
        with torch.inference_mode(), torch.autocast(there.type, dtype=torch.bfloat16, enabled=autocast):
            yield there
    finally:
        method.to(home)
        for module, flag in training:
            module.training = flag


@dataclass(frozen=True, kw_only=True)
class TorchEngine:
    """Draws images of tiles in PyTorch; use within `ready_to_predict`. See `quietscope.tiling.walk.Engine`.

    Attributes:
        model: The method, in evaluation mode on `device`.
        request: How many samples to draw, and their seed.
        device: Where to compute.
        kinds: What is wanted, which decides whether samples are drawn of a method that need not.
    """

    model: Method
    request: Request
    device: torch.device
    kinds: tuple[Kind, ...]

    @property
    def num_channels(self) -> int:
        """Channels of its images."""
        return self.model.statistics.num_channels

    @property
    def gives_deviation(self) -> bool:
        """Whether the method computes the deviation of its image."""
        return isinstance(self.model, MomentsMethod)

    @property
    def gives_samples(self) -> bool:
        """Whether samples are drawn."""
        return draws(self.model, self.kinds)

    def estimator_of(self, kind: Kind) -> type[Estimator[Tensor]]:
        """Return the estimator that makes a kind of results."""
        assert kind.estimator is not None, kind
        estimator: type[Estimator[Tensor]] = imported(kind.estimator)
        return estimator

    def bytes_per_pixel(self, bytes_per_value: float) -> float:
        """Return the memory that a pixel of an outer box takes in networks and estimators."""
        return bytes_per_pixel(self.model, self.device) + bytes_per_value * self.num_channels

    def most_pixels(self, bytes_per_value: float) -> int:
        """Return the pixels of an outer box that networks and estimators fill a quarter of the free memory with."""
        return most_pixels_of_tile(self.model, self.device, bytes_per_value, self.request.max_memory)

    @property
    def pixels_at_once(self) -> int:
        """Pixels of all samples of a small tile that are decoded in one call; 0 where no samples are drawn."""
        return _PIXELS_AT_ONCE.get(self.device.type, 1) if self.gives_samples else 0

    @property
    def pairs(self) -> Pairs:
        """Which samples are antithetic pairs; none where the mean is no mean of samples."""
        return self.request.drawn_pairs if isinstance(self.model, PosteriorMethod) else NO_PAIRS

    def num_draws(self, num_turns: int) -> int:
        """Return the number of samples, which the orientations share, or one image for each of them."""
        return self.request.num_samples if self.gives_samples else num_turns

    def draw(self, x: Pixels, tile: Tile, *, frame: int, numbers: Sequence[int]) -> Iterator[Drawn[Tensor]]:
        """Draw images of one tile, whose pixels are (C, *outer): encoded once, decoded per sample."""
        image = torch.from_numpy(x).to(self.device).unsqueeze(0)
        if self.gives_samples:
            yield from self._draw_samples(image, tile, frame, numbers)
            return
        made = respond(self.model, image)
        for number in numbers:
            yield Drawn([number], made[DENOISED], deconvolved=made.get(DECONVOLVED), deviation=made.get(DEVIATION))

    def _draw_samples(self, image: Tensor, tile: Tile, frame: int, numbers: Sequence[int]) -> Iterator[Drawn[Tensor]]:
        method, pairs = require(self.model, SamplingMethod), self.pairs
        encoding = method.encode(image)
        known: dict[str, Tensor] = {}
        if isinstance(method, MomentsMethod):
            known["expected"], known["deviation"] = method.moments(image)
        at_once = max(1, self.pixels_at_once // prod(tile.outer_shape))
        for start in range(0, len(numbers), at_once):
            some = numbers[start : start + at_once]
            key = {"seed": self.request.seed, "frame": frame}
            noise = tile_noise(method.latents(), tile, **key, samples=some, pairs=pairs, device=self.device)
            yield Drawn(some, sample(method, encoding, noise), **known)
            known = {}  # once for every orientation, which so weigh the same

    def flip(self, images: Tensor, axes: tuple[int, ...]) -> Tensor:
        """Reverse axes of images."""
        return images.flip(axes)

    def to_memory(self, images: Tensor) -> Pixels:
        """Return images as a NumPy array, float32."""
        pixels: Pixels = images.float().cpu().numpy()
        return pixels


def check_kinds(method: Method, wanted: Iterable[str]) -> None:
    """Refuse kinds of results that a method does not give.

    Args:
        method: The method.
        wanted: Names of the kinds.

    Raises:
        SettingsError: If samples, or what is made of them, are wanted of a method that gives one image, or a
            deconvolved image of a method that gives none.
    """
    kinds = chosen_kinds(wanted)
    if any(kind.needs == "deconvolves" for kind in kinds):
        require(method, DeconvolvingMethod)
    able = kinds_of(type(method))
    sampled = [kind.name for kind in kinds if kind not in able]
    if sampled:
        given = " and ".join(kind.name for kind in able)
        require(
            method,
            SamplingMethod,
            f"for {', '.join(sampled)}",
            f"which gives {given} and no more",
            f"train with {{able}}, or ask for {given} alone",
        )


def choose_tile(
    method: Method, size: tuple[int, ...], device: torch.device, *, bytes_per_value: float = 0.0
) -> TileSpec:
    """Choose tiles from the memory that is free: their networks and estimators fill a quarter of it.

    Args:
        method: The method, in evaluation mode on `device`; call within `ready_to_predict`.
        size: Size of the frames in pixels per spatial axis.
        device: Where to compute.
        bytes_per_value: Bytes that estimators keep per pixel and channel.

    Returns:
        The tiles.
    """
    return automatic_tile(method, size, most_pixels_of_tile(method, device, bytes_per_value))


def most_pixels_of_tile(
    method: Method, device: torch.device, bytes_per_value: float = 0.0, limit_bytes: int | None = None
) -> int:
    """Return the pixels of a tile with its halo that fill a quarter of the free memory, or that speed allows.

    Args:
        method: The method, in evaluation mode on `device`; call within `ready_to_predict`.
        device: Where to compute.
        bytes_per_value: Bytes that estimators keep per pixel and channel.
        limit_bytes: Bytes that the user allows; None for no limit.

    Returns:
        The number.
    """
    needed = bytes_per_pixel(method, device) + bytes_per_value * method.statistics.num_channels
    most = int(memory_for_tiles(free_memory(device), limit_bytes) / needed)
    return most if device.type == "cuda" else min(most, MOST_PIXELS_ON_CPU)
