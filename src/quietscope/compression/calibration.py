"""Inputs to measure int8 ranges on: patches of noisy frames, the brightest included, and noise for sampling methods."""

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.data.frames import Frames
from quietscope.data.patches import pad_to_patch
from quietscope.export.graph import Graph
from quietscope.methods.base import LatentSpec

NUM_PATCHES = 32
"""Number of patches that ranges are measured on. On W2S, with a U-Net of 64 filters, 24 patches lose as little as 12
whole frames, which have 20 times as many pixels."""

SIDE, DEPTH, SIDE_3D = 128, 16, 64

Array = npt.NDArray[np.float32]
Inputs = Mapping[str, Array]


def calibration_inputs(graph: Graph, frames: Frames, chosen: Sequence[int], seed: int) -> Iterator[Inputs]:
    """Yield inputs of a graph, like the inputs that prediction makes.

    Half of the patches lie at random positions, the other half around the brightest pixel of their frame: a pixel
    brighter than all calibration patches would come out too dark, and the error is largest there.

    Args:
        graph: The graph.
        frames: Noisy frames.
        chosen: Indices of the frames to take patches from.
        seed: Seed of the positions and the noise.

    Yields:
        One array per input of the graph, float32.
    """
    rng = np.random.default_rng(seed)
    sides = (SIDE, SIDE) if graph.spatial_dims == 2 else (DEPTH, SIDE_3D, SIDE_3D)
    size = tuple(-(-side // m) * m for side, m in zip(sides, graph.size_multiple, strict=True))
    for n in range(NUM_PATCHES):
        # Pairs of patches share a frame, and pairs are spread over all frames.
        index = chosen[(n // 2) * len(chosen) // (NUM_PATCHES // 2) % len(chosen)]
        frame = np.asarray(frames[index], np.float32)
        patch = _around_peak(frame, size) if n % 2 else _anywhere(frame, size, rng)
        yield {"x": pad_to_patch(patch, size)[None].astype(np.float32), **latent_noise(graph.latents, size, 1, rng)}


def latent_noise(
    latents: Sequence[LatentSpec], size: Sequence[int], num_samples: int, rng: np.random.Generator
) -> dict[str, Array]:
    """Draw the noise inputs of a graph.

    Args:
        latents: Shape of each noise input.
        size: Image size in pixels per spatial axis.
        num_samples: Number of samples, K.
        rng: Random generator to draw with.

    Returns:
        One array (K, c_l, *S_l) per entry of `latents`, by name: standard normal, or zeros if the entry is not random.
    """
    noise = {}
    for n, spec in enumerate(latents):
        shape = spec.shape(num_samples, size)
        noise[f"noise_{n}"] = rng.standard_normal(shape, np.float32) if spec.is_random else np.zeros(shape, np.float32)
    return noise


def _anywhere(frame: npt.NDArray[Any], size: Sequence[int], rng: np.random.Generator) -> npt.NDArray[Any]:
    return _box(frame, size, [int(rng.integers(max(1, n - p + 1))) for n, p in zip(frame.shape[1:], size, strict=True)])


def _around_peak(frame: npt.NDArray[Any], size: Sequence[int]) -> npt.NDArray[Any]:
    brightest = int(np.argmax(frame.max(axis=0)))
    assert brightest < prod(frame.shape[1:])
    peak = np.unravel_index(brightest, frame.shape[1:])
    places = zip(peak, frame.shape[1:], size, strict=True)
    return _box(frame, size, [int(np.clip(at - p // 2, 0, max(0, n - p))) for at, n, p in places])


def _box(frame: npt.NDArray[Any], size: Sequence[int], starts: Sequence[int]) -> npt.NDArray[Any]:
    return frame[(slice(None), *(slice(start, start + p) for start, p in zip(starts, size, strict=True)))]
