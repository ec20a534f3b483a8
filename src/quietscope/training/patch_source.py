"""Sources of training patches: images in the device's memory, or image files if the images do not fit into it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from quietscope.data.foreground import Foreground
from quietscope.data.frames import Frame, Frames
from quietscope.data.patches import Patches, PatchPlan, ResidentPatches, pad_to_patch
from quietscope.data.regions import Starts
from quietscope.data.streamed import BlockPatches, StreamedPatches, are_large
from quietscope.errors import SettingsError
from quietscope.methods.base import LearningMethod, Method
from quietscope.nn.seeding import seeded
from quietscope.tiling.grid import round_up
from quietscope.tiling.orientations import TRANSPOSE
from quietscope.training.settings import TrainingSettings

RESIDENT_BYTES = 4 << 30
"""Largest size of all images in bytes, as float32, to keep on the device; larger image sets are read from files."""


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where patches may lie, see `PatchPlan`.

    Attributes:
        patch: Size of the patches, in pixels per spatial axis.
        spaces: Where patches of every chosen frame may begin.
        weights: How often patches come from each of them, in pixels.
    """

    patch: tuple[int, ...]
    spaces: tuple[tuple[Starts, ...], ...]
    weights: tuple[int, ...]


def make_patches(
    method: Method,
    frames: Frames,
    chosen: Sequence[int],
    settings: TrainingSettings,
    seed: int,
    device: torch.device,
    resident_bytes: int = RESIDENT_BYTES,
    *,
    within: Places | None = None,
    foreground: Foreground | None = None,
) -> Patches:
    """Make the patch source of some frames: on the device if they fit, otherwise streamed from their files.

    Both sources give the same patches, but for frames that are much larger than patches: of these, blocks are read,
    see `quietscope.data.streamed`. Frames smaller than a patch are padded by mirroring.

    Args:
        method: The method to train, which determines the number of axes and the turns that the noise allows.
        frames: All frames.
        chosen: Indices of the frames to use.
        settings: Training settings, which contain the patch size.
        seed: Seed of the order of patches.
        device: Device to put batches on.
        resident_bytes: Largest size of all images, as float32, to keep on the device.
        within: Size and places of the patches; None for those of the settings, anywhere in the frames.
        foreground: What patches are to hold, but for a quarter of them; None where they may be empty.

    Returns:
        The source.

    Raises:
        SettingsError: If the method cannot learn from images or patches of this size.
    """
    patch = patch_size(method, settings) if within is None else within.patch
    sizes = [frames.spatial_shape(n) for n in chosen]
    for size in {patch, *sizes}:
        method.check_size(size)
    padded_sizes = tuple(tuple(max(n, p) for n, p in zip(size, patch, strict=True)) for size in sizes)
    windows = [frames.window(n) if method.neighbours else (n,) for n in chosen]
    needed = sorted({n for window in windows for n in window})
    num_pixels = sum(math.prod(size) for size in padded_sizes) * len(needed) // max(1, len(chosen))
    is_resident = 4 * frames.num_channels * num_pixels <= resident_bytes
    resident = {n: pad_to_patch(frames[n], patch) for n in needed} if is_resident else None
    plan = PatchPlan(
        sizes=padded_sizes,
        patch=patch,
        seed=seed,
        orientations=method.orientations,
        measured=_share_measured(frames, chosen, patch, resident) if frames.has_gaps else None,
        filled=None if foreground is None else _is_filled(frames, chosen, patch, resident, foreground),
        spaces=None if within is None else within.spaces,
        weights=None if within is None else within.weights,
    )
    if resident is not None:
        places = {n: place for place, n in enumerate(needed)}
        seen = [[places[n] for n in window] for window in windows]
        return ResidentPatches(list(resident.values()), plan, device, seen)
    told: dict[str, Any] = {"surrounded": method.neighbours > 0}
    if are_large(padded_sizes, patch):
        return BlockPatches(frames, chosen, plan, device, batch_size=settings.batch_size, foreground=foreground, **told)
    return StreamedPatches(frames, chosen, plan, device, stride=settings.batch_size, **told)


def _share_measured(
    frames: Frames, chosen: Sequence[int], patch: tuple[int, ...], resident: Mapping[int, Frame] | None
) -> Callable[[int, list[int]], float]:
    """Return a function that tells which share of a patch was measured, see `PatchPlan`."""
    known = None if resident is None else {n: np.asarray(~np.isnan(resident[n]).any(axis=0)) for n in chosen}

    def share(frame: int, starts: list[int]) -> float:
        box = tuple(slice(start, start + length) for start, length in zip(starts, patch, strict=True))
        if known is not None:
            return float(known[chosen[frame]][box].mean())
        return float((~np.isnan(frames.region(chosen[frame], box))).mean())

    return share


def _is_filled(
    frames: Frames,
    chosen: Sequence[int],
    patch: tuple[int, ...],
    resident: Mapping[int, Frame] | None,
    foreground: Foreground,
) -> Callable[[int, list[int]], bool]:
    """Return a function that tells whether a patch holds foreground, see `PatchPlan`."""

    def filled(frame: int, starts: list[int]) -> bool:
        box = tuple(slice(start, start + length) for start, length in zip(starts, patch, strict=True))
        number = chosen[frame]
        return foreground.is_in(frames.region(number, box) if resident is None else resident[number][:, *box])

    return filled


def patch_size(method: Method, settings: TrainingSettings) -> tuple[int, ...]:
    """Return the patch size in pixels per spatial axis: that of the settings, rounded up to the method's multiple.

    Patches of a method that learns from transposed ones too are square in Y and X.
    """
    patch = (settings.patch, settings.patch) if method.spatial_dims == 2 else (settings.patch_z, *[settings.patch] * 2)
    # In a patch smaller than the PSF, most of the blur would come from outside the patch.
    least = tuple(max(length, 2 * reach + 1) for length, reach in zip(patch, method.reach, strict=True))
    if is_transposed(method):
        least = (*least[:-2], *[max(least[-2:])] * 2)
    multiples = patch_multiples(method)
    return tuple(round_up(length, multiple) for length, multiple in zip(least, multiples, strict=True))


def is_transposed(method: Method) -> bool:
    """Return whether the method learns from transposed patches too, which are square in Y and X."""
    return any(turn & TRANSPOSE for turn in method.orientations)


def patch_multiples(method: Method) -> tuple[int, ...]:
    """Return the numbers that the size of a patch is a multiple of, one per spatial axis."""
    multiples = method.size_multiple
    return (*multiples[:-2], *[math.lcm(*multiples[-2:])] * 2) if is_transposed(method) else multiples


def check_batch(method: LearningMethod, settings: TrainingSettings, num_processes: int = 1) -> None:
    """Refuse batches in which batch normalisation would find one value per channel, and no spread.

    Args:
        method: The method.
        settings: Training settings.
        num_processes: Processes that share every batch.

    Raises:
        SettingsError: If there is one patch at a time, of which the deepest level of the network keeps one pixel.
    """
    shared = max(1, settings.batch_size // num_processes)
    if shared // settings.num_pieces(shared) > 1:
        return
    patch = patch_size(method, settings)
    if _fewest_normalized(method, patch) > 1:
        return
    if num_processes > 1:
        fix = f"set batch_size to {2 * num_processes} or more"
    else:
        fix = "set batch_size to 2 or more" if settings.micro_batch is None else "leave micro_batch out"
    raise SettingsError(
        "more than one pixel a batch at the network's deepest level, for batch normalisation",
        f"{_one_at_a_time(settings, num_processes)} and a patch of {' x '.join(map(str, patch))}, of which that level "
        "keeps one",
        f"{fix}, take a larger patch or fewer levels, or set batch_norm to false",
    )


def _fewest_normalized(method: LearningMethod, patch: tuple[int, ...]) -> int:
    """Return the fewest pixels of one patch that any batch normalisation is computed from; 2 where there is none.

    The network itself tells, for a flat patch: what a method does with a patch is its own affair.
    """
    norms = [each for each in method.modules() if isinstance(each, nn.BatchNorm2d | nn.BatchNorm3d)]
    if not norms:
        return 2
    counts: list[int] = []
    hooks = [each.register_forward_pre_hook(lambda _, seen: counts.append(seen[0][0, 0].numel())) for each in norms]
    mean, was_training = method.statistics.mean, method.training
    flat = mean.reshape(1, -1, *[1] * len(patch)).expand(1, -1, *patch).contiguous()
    try:
        with torch.no_grad(), seeded(0, mean.device):
            method.eval().loss(flat)
    finally:
        method.train(was_training)
        for hook in hooks:
            hook.remove()
    return min(counts, default=2)


def _one_at_a_time(settings: TrainingSettings, num_processes: int) -> str:
    pieces = "" if settings.micro_batch is None else f", micro_batch = {settings.micro_batch}"
    shared = "" if num_processes == 1 else f" for {num_processes} processes"
    return f"batch_size = {settings.batch_size}{pieces}{shared}"
