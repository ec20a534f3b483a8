"""What a method costs in time and memory, measured on a small part of the images before it has learnt anything."""

import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from math import prod

import numpy as np
import torch

from quietscope.axes import Layout
from quietscope.data.frames import Frame, Frames
from quietscope.data.patches import pad_to_patch
from quietscope.io import Image
from quietscope.methods.abilities import draws
from quietscope.methods.base import LearningMethod, Method, PosteriorMethod
from quietscope.nn.recompute import recomputing
from quietscope.pipeline.kept_memory import KeptMemory
from quietscope.prediction import predict_image, ready_to_predict
from quietscope.prediction.engine import most_pixels_of_tile
from quietscope.prediction.memory import bytes_per_pixel
from quietscope.tiling.grid import round_up
from quietscope.tiling.kinds import chosen_kinds
from quietscope.tiling.orientations import turns
from quietscope.tiling.request import Request
from quietscope.tiling.spec import automatic_tile
from quietscope.training.learner import learns_anything
from quietscope.training.patch_source import patch_size
from quietscope.training.settings import TrainingSettings

COPIES_OF_WEIGHTS = 6
"""Weights that training keeps: they, their gradients, two means of the optimiser, the best, a safe state."""

SIDE, DEPTH = 128, 16
"""Pixels of the part that prediction is timed on, in Y and X and in Z."""

FEW_PATCHES = 4
FEW_SAMPLES = 3


@dataclass(frozen=True, kw_only=True)
class TilePlan:
    """How one image is cut for prediction.

    Attributes:
        size: Largest inner size of a tile, in pixels per spatial axis.
        halo: Pixels around it that are computed and dropped.
        number: Tiles of all frames.
        pixels: Pixels of all tiles, halos included.
        num_bytes: Memory that one tile takes.
    """

    size: tuple[int, ...]
    halo: tuple[int, ...]
    number: int
    pixels: int
    num_bytes: int


def plan_tiles(method: Method, image: Image, request: Request, device: torch.device) -> TilePlan:
    """Say how an image will be cut for prediction, given the memory that is free now.

    Args:
        method: The method, on `device`.
        image: The image.
        request: How to predict.
        device: Where to compute.

    Returns:
        The tiles.
    """
    layout = image.layout(method.spatial_dims)
    with ready_to_predict(method, device, request.precision or "float32") as where:
        needed = bytes_per_pixel(method, where)
        most = most_pixels_of_tile(method, where, limit_bytes=request.max_memory)
    spec = request.tiles_for(method) or automatic_tile(method, layout.spatial_shape, most)
    tiles = spec.grid(method, layout.spatial_shape)
    outer = [prod(tile.outer_shape) for tile in tiles]
    return TilePlan(
        size=tuple(min(tile, length) for tile, length in zip(spec.size, layout.spatial_shape, strict=True)),
        halo=spec.halo,
        number=len(tiles) * layout.num_frames,
        pixels=sum(outer) * layout.num_frames,
        num_bytes=round(needed * max(outer)),
    )


def part_of(frames: Frames, most: Sequence[int]) -> Frame:
    """Return the middle of the first frame, (C, *S), of at most so many pixels per spatial axis.

    What was never measured is the mean of the rest there: prediction takes the same time, and has numbers to work on.
    """
    size = frames.spatial_shape(0)
    lengths = [min(n, longest) for n, longest in zip(size, most, strict=True)]
    middle = tuple(
        slice((whole - length) // 2, (whole - length) // 2 + length)
        for whole, length in zip(size, lengths, strict=True)
    )
    part = frames.region(0, middle)
    missing = np.isnan(part) if part.dtype.kind == "f" else np.zeros(part.shape, np.bool_)
    if not missing.any():
        return part
    return np.where(missing, 0.0 if missing.all() else part[~missing].mean(), part).astype(part.dtype)


def seconds_per_pixel(
    method: Method, frames: Frames, kinds: Sequence[str], request: Request, device: torch.device
) -> float:
    """Time prediction on a small part of a frame.

    A part is encoded once and decoded for every sample, so it is timed with one sample and with three.

    Args:
        method: The method, on `device`.
        frames: The noisy frames.
        kinds: Kinds of results that are wanted.
        request: How to predict.
        device: Where to compute.

    Returns:
        Seconds per pixel for all that the request asks for.
    """
    part = part_of(frames, (DEPTH, SIDE, SIDE)[-method.spatial_dims :])
    # A model that sees neighbours takes no single frame: two of them, which are each other's neighbours, take twice.
    several = np.stack([part] * (2 if method.neighbours else 1))
    axes = f"{frames.context.axis or 'Q'}C" + "ZYX"[-method.spatial_dims :]
    layout = Layout.of(axes, several.shape, method.spatial_dims, replace(frames.context, depth="Z"))
    wanted = [kind for kind in kinds if kind != "samples" or not isinstance(method, PosteriorMethod)] or ["mean"]
    looks = len(turns(method, part.shape[1:], request.augment))

    def seconds(num_samples: int) -> float:
        asked = replace(request, num_samples=num_samples, pairs=0, augment=False, tile=None)
        started = time.perf_counter()
        predict_image(method, layout, several, sinks=asked.arrays(wanted, several.shape), request=asked, device=device)
        return (time.perf_counter() - started) / len(several)

    seconds(1)  # the first time also pays for what is made once
    once, samples = seconds(1), request.num_samples if draws(method, chosen_kinds(kinds)) else 1
    each = max(0.0, seconds(FEW_SAMPLES) - once) / (FEW_SAMPLES - 1) if samples > 1 else 0.0
    pixels = prod(round_up(n, m) for n, m in zip(part.shape[1:], method.size_multiple, strict=True))
    return (looks * once + max(0, samples - looks) * each) / pixels


@dataclass(frozen=True, kw_only=True)
class StepCost:
    """What one training step costs.

    Attributes:
        patch: Size of a patch in pixels per spatial axis.
        seconds: Time of a step.
        num_bytes: Memory of weights, optimiser and of what is kept for the gradients.
    """

    patch: tuple[int, ...]
    seconds: float
    num_bytes: int


def step_cost(method: LearningMethod, frames: Frames, settings: TrainingSettings, device: torch.device) -> StepCost:
    """Measure forward and backward pass of a few patches, and reckon up to a batch.

    A method without anything to learn makes no step: it costs no time, and the memory of its weights.

    Args:
        method: The method, on `device`; its gradients are gone afterwards.
        frames: The noisy frames.
        settings: How to train.
        device: Where to compute.

    Returns:
        The cost, in float32.
    """
    patch = patch_size(method, settings)
    size = sum(parameter.nbytes for parameter in method.parameters())
    if not learns_anything(method):
        return StepCost(patch=patch, seconds=0.0, num_bytes=size)
    x = torch.from_numpy(pad_to_patch(part_of(frames, patch), patch).astype(np.float32)).to(device)
    x = x.repeat(2 * method.neighbours + 1, *[1] * (x.ndim - 1))
    few = min(settings.at_once, FEW_PATCHES)
    batch = x.expand(few, *x.shape).contiguous()
    kept = KeptMemory(method, settings.checkpointing)
    method.train()
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        with kept.counted():
            loss = method.loss(batch).total
        if not settings.checkpointing:
            torch.autograd.backward(loss)
        del loss
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        started = time.perf_counter()  # the first time also paid for what is made once
        with recomputing([method]) if settings.checkpointing else nullcontext():
            torch.autograd.backward(method.loss(batch).total)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds = time.perf_counter() - started
    method.zero_grad(set_to_none=True)
    method.eval()
    return StepCost(
        patch=patch,
        seconds=seconds * settings.batch_size / few,
        num_bytes=round(COPIES_OF_WEIGHTS * size + settings.at_once / few * kept.num_bytes),
    )
