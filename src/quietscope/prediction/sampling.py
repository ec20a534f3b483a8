"""Draws posterior samples of one tile: encodes once, decodes per sample, keeps only running sums."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import Literal, TypeAlias

import torch

from quietscope.errors import SettingsError
from quietscope.methods.base import PosteriorMethod
from quietscope.nn.hardware import gains_from_bf16
from quietscope.prediction.memory import bytes_per_pixel, free_memory
from quietscope.prediction.noise import tile_noise
from quietscope.prediction.streaming import StreamingMoments
from quietscope.prediction.tiled import Pixels, TileSpec, automatic_tile
from quietscope.tiles import Tile

Precision: TypeAlias = Literal["auto", "float32", "bfloat16"]
"""What networks compute in; "auto" is bfloat16 where the hardware gains from it. Sums and likelihoods stay float32."""

SampleSink: TypeAlias = Callable[[Tile, int, Pixels], None]
"""Receives (tile, sample number, the sample's inner box (C, *inner)) as soon as it is drawn."""

Progress: TypeAlias = Callable[[int, int], None]
"""Receives (samples of tiles done, samples of tiles in all)."""

# Half of the free memory: the estimate of what a method needs is no bound, and other programs live here too.
_SHARE_OF_FREE_MEMORY = 0.5
# Pixels decoded in one call. On a CPU four samples of 128 x 128 together take 15 % less time each than alone, and
# sixteen of 64 x 64 half; beyond 256 x 256 nothing is gained. A GPU wants more (not measured); small ones must hold it.
_PIXELS_AT_ONCE = {"cpu": 256**2, "cuda": 512**2}


@dataclass(frozen=True)
class Posterior:
    """Pixelwise summary of posterior samples, intensity units.

    Attributes:
        mean: Mean of the samples, the estimate of least mean squared error; (C, *S), float32.
        std: Their standard deviation (n - 1 in the denominator; 0 for one sample); (C, *S), float32.
    """

    mean: Pixels
    std: Pixels


@contextmanager
def ready_to_sample(
    method: PosteriorMethod, device: torch.device | str | None, precision: Precision
) -> Iterator[torch.device]:
    """Put a method into evaluation mode on a device, without gradients; all of it is undone at the end.

    Args:
        method: The method.
        device: Where to run; where the method already is if None.
        precision: What its networks compute in.

    Yields:
        The device.

    Raises:
        SettingsError: If the precision is not known, or the device not there.
    """
    home = method.statistics.mean.device
    there = _checked_device(device) if device is not None else home
    autocast = _uses_bf16(precision, there)
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
class TileSampler:
    """Draws the samples of tiles; use within `ready_to_sample`.

    Attributes:
        method: The method, in evaluation mode.
        device: Where it is.
        num_samples: Samples to draw of every tile.
        seed: Seed of the whole prediction.
    """

    method: PosteriorMethod
    device: torch.device
    num_samples: int
    seed: int

    def __post_init__(self) -> None:
        if self.num_samples < 1:
            raise SettingsError("at least 1 sample", str(self.num_samples), "try `--samples 100`")

    def automatic_tile(self, size: tuple[int, ...]) -> TileSpec:
        """Choose the tiles of frames of that size, in pixels per spatial axis, from the memory that is free."""
        budget = _SHARE_OF_FREE_MEMORY * free_memory(self.device)
        return automatic_tile(self.method, size, int(budget / bytes_per_pixel(self.method, self.device)))

    def draw(
        self,
        pixels: Pixels,
        tile: Tile,
        *,
        frame: int,
        on_sample: SampleSink | None = None,
        on_drawn: Callable[[int], None] | None = None,
    ) -> Posterior:
        """Draw all samples of one tile.

        Args:
            pixels: The tile's outer box, (C, *outer), intensity units.
            tile: Where it lies.
            frame: Number of the frame.
            on_sample: Receives every sample.
            on_drawn: Receives how many samples were just drawn.

        Returns:
            Mean and standard deviation of the inner box, (C, *inner).
        """
        encoding = self.method.encode(torch.from_numpy(pixels).to(self.device).unsqueeze(0))
        moments = StreamingMoments()
        at_once = max(1, _PIXELS_AT_ONCE.get(self.device.type, 1) // prod(tile.outer_shape))
        for start in range(0, self.num_samples, at_once):
            numbers = range(start, min(start + at_once, self.num_samples))
            noise = tile_noise(
                self.method.latents(), tile, seed=self.seed, frame=frame, samples=numbers, device=self.device
            )
            repeated = tuple(part.expand(len(numbers), *part.shape[1:]) for part in encoding)
            samples = self.method.decode(repeated, noise)[(slice(None), slice(None), *tile.inner_in_outer)]
            moments.update(samples)
            if on_sample:
                for number, sample in zip(numbers, samples.float().cpu().numpy(), strict=True):
                    on_sample(tile, number, sample)
            if on_drawn:
                on_drawn(len(numbers))
        return Posterior(moments.mean().cpu().numpy(), moments.std().cpu().numpy())


class Counter:
    """Adds up finished samples and tells a `Progress`."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._done, self._total = progress, 0, total

    def __call__(self, num: int) -> None:
        """Count `num` more samples."""
        self._done += num
        if self._progress:
            self._progress(self._done, self._total)


def _uses_bf16(precision: Precision, device: torch.device) -> bool:
    if precision not in ("auto", "float32", "bfloat16"):
        raise SettingsError("auto, float32 or bfloat16", f"precision {precision!r}", "try `--precision auto`")
    return precision == "bfloat16" or (precision == "auto" and gains_from_bf16(device))


def _checked_device(device: torch.device | str) -> torch.device:
    try:
        found = torch.device(device)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError) as error:  # PyTorch asserts where it was built without CUDA
        raise SettingsError("a device that is there", f"{device!s}", "try `--device cpu`") from error
    return found
