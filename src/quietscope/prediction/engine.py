"""A trained method as the engine of a walk through an image, in PyTorch on any device."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from quietscope.methods.base import Method
from quietscope.prediction.memory import bytes_per_pixel, free_memory
from quietscope.prediction.sampling import Source
from quietscope.tiling.border import Pixels
from quietscope.tiling.drawn import Drawn
from quietscope.tiling.estimators import Estimator
from quietscope.tiling.grid import Tile
from quietscope.tiling.kinds import Kind, imported
from quietscope.tiling.spec import SHARE_OF_FREE_MEMORY, TileSpec, automatic_tile


@dataclass(frozen=True, kw_only=True)
class TorchEngine:
    """Draws images of tiles in PyTorch; use within `ready_to_predict`. See `quietscope.tiling.walk.Engine`.

    Attributes:
        model: The method, in evaluation mode on `device`.
        source: What draws its images.
        device: Where to compute.
    """

    model: Method
    source: Source
    device: torch.device

    @property
    def num_channels(self) -> int:
        """Channels of its images."""
        return self.model.statistics.num_channels

    def estimator_of(self, kind: Kind) -> type[Estimator[Tensor]]:
        """Return the estimator that makes a kind of results."""
        assert kind.estimator is not None, kind
        estimator: type[Estimator[Tensor]] = imported(kind.estimator)
        return estimator

    def most_pixels(self, bytes_per_value: float) -> int:
        """Return the pixels of an outer box that networks and estimators fill half of the free memory with."""
        return _most_pixels(self.model, self.device, bytes_per_value)

    def num_draws(self, num_turns: int) -> int:
        """Return how many images there are of every tile."""
        return self.source.num_draws(num_turns)

    def draw(self, x: Pixels, tile: Tile, *, frame: int, numbers: Sequence[int]) -> Iterator[Drawn[Tensor]]:
        """Draw images of one tile, whose pixels are (C, *outer)."""
        batch = torch.from_numpy(x).to(self.device).unsqueeze(0)
        return self.source.draw(batch, tile, frame=frame, numbers=numbers)

    def flip(self, images: Tensor, axes: tuple[int, ...]) -> Tensor:
        """Reverse axes of images."""
        return images.flip(axes)

    def to_memory(self, images: Tensor) -> Pixels:
        """Return images as a NumPy array, float32."""
        pixels: Pixels = images.float().cpu().numpy()
        return pixels


def choose_tile(
    method: Method, size: tuple[int, ...], device: torch.device, *, bytes_per_value: float = 0.0
) -> TileSpec:
    """Choose tiles from the memory that is free: their networks and estimators fill half of it.

    Args:
        method: The method, in evaluation mode on `device`; call within `ready_to_predict`.
        size: Size of the frames in pixels per spatial axis.
        device: Where to compute.
        bytes_per_value: Bytes that estimators keep per pixel and channel.

    Returns:
        The tiles.
    """
    return automatic_tile(method, size, _most_pixels(method, device, bytes_per_value))


def _most_pixels(method: Method, device: torch.device, bytes_per_value: float) -> int:
    needed = bytes_per_pixel(method, device) + bytes_per_value * method.statistics.num_channels
    return int(SHARE_OF_FREE_MEMORY * free_memory(device) / needed)
