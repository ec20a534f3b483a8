"""The posterior of one frame, or of every frame of an image, tile by tile."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from quietscope.axes import Layout
from quietscope.errors import AxesError, ChannelError
from quietscope.methods.base import PosteriorMethod
from quietscope.prediction.sampling import (
    Counter,
    Posterior,
    Precision,
    Progress,
    SampleSink,
    TileSampler,
    ready_to_sample,
)
from quietscope.prediction.tiled import TileSpec, read_outer


def predict_frame(
    method: PosteriorMethod,
    frame: npt.NDArray[Any],
    *,
    num_samples: int = 100,
    seed: int = 0,
    frame_index: int = 0,
    tile: TileSpec | None = None,
    device: torch.device | str | None = None,
    precision: Precision = "float32",
    on_sample: SampleSink | None = None,
    progress: Progress | None = None,
) -> Posterior:
    """Summarise the posterior p(s|x) of one frame by the mean and standard deviation of samples.

    The result depends on neither device nor tiling, up to rounding and to what lies beyond the halo. The method is left
    as it was, and no global random number is drawn.

    Args:
        method: A trained method.
        frame: The noisy frame x, (C, *S), intensity units; any size from one pixel up.
        num_samples: Samples to draw; the error of the mean falls with their square root.
        seed: Seed of the samples: equal seeds, equal samples.
        frame_index: Number of the frame in its series; gives every frame noise of its own.
        tile: How to cut the frame; chosen from the free memory if None.
        device: Where to compute; where the method is if None.
        precision: What networks compute in.
        on_sample: Receives every sample of every tile, see `SampleSink`.
        progress: Called after each decoded batch, see `Progress`.

    Returns:
        Mean and standard deviation, each (C, *S), float32.

    Raises:
        AxesError: If the frame's number of dimensions does not fit the method.
        ChannelError: If its number of channels does not.
        SettingsError: If a setting lies outside its range.
    """
    _check_frame(method, frame.shape)
    size = frame.shape[1:]
    mean, std = np.empty(frame.shape, np.float32), np.empty(frame.shape, np.float32)
    with ready_to_sample(method, device, precision) as where:
        sampler = TileSampler(method=method, device=where, num_samples=num_samples, seed=seed)
        grid = (tile or sampler.automatic_tile(size)).grid(method, size)
        counter = Counter(progress, num_samples * len(grid))
        for piece in grid:
            pixels = read_outer(lambda box: frame[(slice(None), *box)], size, piece)
            part = sampler.draw(pixels, piece, frame=frame_index, on_sample=on_sample, on_drawn=counter)
            mean[(slice(None), *piece.inner)] = part.mean
            std[(slice(None), *piece.inner)] = part.std
    return Posterior(mean, std)


def predict_image(
    method: PosteriorMethod,
    layout: Layout,
    array: Any,
    *,
    num_samples: int = 100,
    seed: int = 0,
    mean_out: Any = None,
    std_out: Any = None,
    samples_out: Any = None,
    tile: TileSpec | None = None,
    device: torch.device | str | None = None,
    precision: Precision = "float32",
    progress: Progress | None = None,
) -> None:
    """Denoise every frame of an image of any size, reading and writing one tile at a time.

    Frame n gives the same values as `predict_frame` with ``frame_index=n``. Memory depends on neither the size of the
    image nor the number of samples.

    Args:
        method: A trained method.
        layout: How the dimensions of `array` map to frames, channels and space.
        array: The noisy image: anything that is indexed like a NumPy array, a lazy reader too.
        num_samples: Samples to draw of every frame.
        seed: Seed of the samples.
        mean_out: Receives the mean by ``mean_out[index] = block``, index and block in the order of the image's axes.
        std_out: Receives the standard deviation likewise.
        samples_out: Receives the samples; has a leading sample axis: ``samples_out[k]`` is like the image.
        tile: How to cut frames; chosen from the free memory if None.
        device: Where to compute; where the method is if None.
        precision: What networks compute in.
        progress: Called after each decoded batch, see `Progress`.

    Raises:
        AxesError: If the layout's frames have another number of dimensions than the method's.
        ChannelError: If they have another number of channels.
        SettingsError: If a setting lies outside its range.
    """
    _check_frame(method, layout.frame_shape)
    size = layout.spatial_shape
    with ready_to_sample(method, device, precision) as where:
        sampler = TileSampler(method=method, device=where, num_samples=num_samples, seed=seed)
        grid = (tile or sampler.automatic_tile(size)).grid(method, size)
        counter = Counter(progress, num_samples * len(grid) * layout.num_frames)
        for n in range(layout.num_frames):
            sink = None if samples_out is None else _sample_writer(layout, samples_out, n)
            read = _frame_reader(layout, array, n)
            for piece in grid:
                pixels = read_outer(read, size, piece)
                part = sampler.draw(pixels, piece, frame=n, on_sample=sink, on_drawn=counter)
                for out, values in ((mean_out, part.mean), (std_out, part.std)):
                    if out is not None:
                        layout.put_region(out, n, piece.inner, values)


@dataclass(frozen=True)
class _Sample:
    """One sample of an array with a leading sample axis, written to as if it were an image."""

    samples: Any
    number: int

    def __setitem__(self, index: tuple[int | slice, ...], block: npt.NDArray[Any]) -> None:
        self.samples[(self.number, *index)] = block


def _sample_writer(layout: Layout, samples_out: Any, n: int) -> SampleSink:
    return lambda piece, number, block: layout.put_region(_Sample(samples_out, number), n, piece.inner, block)


def _frame_reader(layout: Layout, array: Any, n: int) -> Callable[[tuple[slice, ...]], npt.NDArray[Any]]:
    return lambda box: layout.region(array, n, box)


def _check_frame(method: PosteriorMethod, shape: Sequence[int]) -> None:
    dims, channels = method.spatial_dims, method.statistics.num_channels
    if len(shape) != dims + 1:
        wanted = "(C, Z, Y, X)" if dims == 3 else "(C, Y, X)"
        raise AxesError(
            f"frames of {wanted} for a {dims}-D model",
            f"frames of shape {tuple(shape)}",
            f"denoise with `--dims {dims}`",
        )
    if shape[0] != channels:
        raise ChannelError(
            f"{channels} channel{'s' * (channels != 1)}, as in training",
            f"{shape[0]}",
            "pick the channels that the model was trained on",
        )
