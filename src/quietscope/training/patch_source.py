"""Where training patches come from: the memory of the device, or their files where the images do not fit into it."""

import math
from collections.abc import Sequence

import torch

from quietscope.data.frames import Frames
from quietscope.data.patches import Patches, PatchPlan, ResidentPatches, StreamedPatches, pad_to_patch
from quietscope.methods.base import Method
from quietscope.tiling.grid import round_up
from quietscope.training.settings import TrainingSettings

RESIDENT_BYTES = 4 << 30
"""Images of so many bytes, as float32, are kept on the device; larger ones are read from their files."""


def make_patches(
    method: Method,
    frames: Frames,
    chosen: Sequence[int],
    settings: TrainingSettings,
    seed: int,
    device: torch.device,
    resident_bytes: int = RESIDENT_BYTES,
) -> Patches:
    """Make the patch source of some frames: on the device where they fit, streamed from their files where not.

    Both give the same patches. Frames smaller than a patch are mirrored up to its size.

    Args:
        method: Gives the number of axes, and the turns that its noise allows.
        frames: All frames.
        chosen: Indices of those to use.
        settings: Patch size.
        seed: Seed of the order.
        device: Where batches are wanted.
        resident_bytes: Size of the images, as float32, up to which they are kept on the device.

    Returns:
        The source.

    Raises:
        SettingsError: If the method cannot learn from images or patches of this size.
    """
    patch = patch_size(method, settings)
    sizes = [frames.spatial_shape(n) for n in chosen]
    for size in {patch, *sizes}:
        method.check_size(size)
    plan = PatchPlan(
        sizes=tuple(tuple(max(n, p) for n, p in zip(size, patch, strict=True)) for size in sizes),
        patch=patch,
        seed=seed,
        orientations=method.orientations,
    )
    if 4 * frames.num_channels * sum(math.prod(size) for size in plan.sizes) <= resident_bytes:
        return ResidentPatches([pad_to_patch(frames[n], patch) for n in chosen], plan, device)
    return StreamedPatches(frames, chosen, plan, device)


def patch_size(method: Method, settings: TrainingSettings) -> tuple[int, ...]:
    """Return the patch size in pixels per spatial axis: the settings', rounded up to what the method wants."""
    patch = (settings.patch, settings.patch) if method.spatial_dims == 2 else (settings.patch_z, *[settings.patch] * 2)
    # A patch that the PSF does not fit into would teach mostly what lies beyond its borders.
    least = tuple(max(length, 2 * reach + 1) for length, reach in zip(patch, method.reach, strict=True))
    return tuple(round_up(length, multiple) for length, multiple in zip(least, method.size_multiple, strict=True))
