"""What draws the images of one tile: posterior samples of an encoding, or the one answer of a point method."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from quietscope.errors import SettingsError
from quietscope.methods import METHODS
from quietscope.methods.base import DeconvolvingMethod, Method, PointMethod, PosteriorMethod
from quietscope.nn.hardware import chosen_device, gains_from_bf16
from quietscope.prediction.noise import tile_noise
from quietscope.tiling.drawn import Drawn
from quietscope.tiling.grid import Tile
from quietscope.tiling.request import Precision, Request

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


class Source(ABC):
    """Draws numbered images of one tile; use within `ready_to_predict`."""

    @abstractmethod
    def num_draws(self, num_turns: int) -> int:
        """Return how many images there are of every tile where frames are looked at in that many turns."""

    @abstractmethod
    def draw(self, x: Tensor, tile: Tile, *, frame: int, numbers: Sequence[int]) -> Iterator[Drawn[Tensor]]:
        """Draw images of one tile.

        Args:
            x: The tile's outer box, (1, C, *outer), intensity units.
            tile: Where it lies.
            frame: Number of the frame.
            numbers: Numbers of the images to draw.

        Yields:
            A few at a time.
        """


@dataclass(frozen=True, kw_only=True)
class PosteriorSource(Source):
    """Encodes once and decodes per sample.

    Attributes:
        method: The method, in evaluation mode.
        num_samples: Samples to draw of every tile.
        seed: Seed of the whole prediction.
    """

    method: PosteriorMethod
    num_samples: int
    seed: int

    def num_draws(self, num_turns: int) -> int:
        """Return the number of samples, which the turns share."""
        return self.num_samples

    def draw(self, x: Tensor, tile: Tile, *, frame: int, numbers: Sequence[int]) -> Iterator[Drawn[Tensor]]:
        """Draw posterior samples of one tile."""
        encoding = self.method.encode(x)
        at_once = max(1, _PIXELS_AT_ONCE.get(x.device.type, 1) // prod(tile.outer_shape))
        for start in range(0, len(numbers), at_once):
            some = numbers[start : start + at_once]
            noise = tile_noise(self.method.latents(), tile, seed=self.seed, frame=frame, samples=some, device=x.device)
            repeated = tuple(part.expand(len(some), *part.shape[1:]) for part in encoding)
            yield Drawn(numbers=some, images=self.method.decode(repeated, noise))


@dataclass(frozen=True)
class PointSource(Source):
    """Gives the one answer of a point method, once per turn.

    Attributes:
        method: The method, in evaluation mode.
    """

    method: PointMethod

    def num_draws(self, num_turns: int) -> int:
        """Return one image per turn."""
        return num_turns

    def draw(self, x: Tensor, tile: Tile, *, frame: int, numbers: Sequence[int]) -> Iterator[Drawn[Tensor]]:
        """Predict one tile."""
        if isinstance(self.method, DeconvolvingMethod):
            deconvolved = self.method.deconvolve(x)
            image = self.method.blur(deconvolved)
        else:
            deconvolved, image = None, self.method.predict(x)
        for number in numbers:
            yield Drawn(numbers=[number], images=image, deconvolved=deconvolved)


def source_of(method: Method, request: Request, wanted: Sequence[str]) -> Source:
    """Return what draws the images of a method.

    Args:
        method: The method.
        request: How to predict.
        wanted: Names of the results that are wanted.

    Returns:
        The source.

    Raises:
        SettingsError: If samples, or what is made of them, are wanted of a point method, or a deconvolved image of a
            method that gives none.
    """
    if "deconvolved" in wanted and not isinstance(method, DeconvolvingMethod):
        able = " or ".join(f"`--method {n}`" for n, each in METHODS.items() if issubclass(each, DeconvolvingMethod))
        raise SettingsError("a method that deconvolves", f"{method.name}, which does not", f"train with {able}")
    if isinstance(method, PosteriorMethod):
        return PosteriorSource(method=method, num_samples=request.num_samples, seed=request.seed)
    assert isinstance(method, PointMethod), f"{type(method)} neither predicts nor samples"
    beyond = [name for name in wanted if name not in ("mean", "deconvolved")]
    if beyond:
        able = " or ".join(f"`--method {name}`" for name, each in METHODS.items() if issubclass(each, PosteriorMethod))
        raise SettingsError(
            f"a method that samples, for {', '.join(beyond)}",
            f"{method.name}, which gives one image and no more",
            f"train with {able}, or ask for the mean alone",
        )
    return PointSource(method)
