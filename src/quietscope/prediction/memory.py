"""How much memory is free, and how much of it a method needs per pixel."""

from collections.abc import Callable
from math import prod

import torch
from torch import Tensor, nn

from quietscope.errors import SettingsError
from quietscope.main_memory import free_main_memory
from quietscope.methods.abilities import decode, encode, latents_of
from quietscope.methods.base import MeasuredMethod, Method
from quietscope.prediction.latent_noise import tile_noise
from quietscope.tiling.grid import Tile

# Largest activations alive at once inside a residual block: its input, both halves of a gate and their product,
# and the copies that convolution libraries make to reorder them.
_LIVE_ACTIVATIONS = 8

COPIES_IN_TRAINING = 5
"""How often a network's weights are in memory: with their gradients, two moments of Adam, and the best ones so far."""

_BYTES = 4


def free_memory(device: torch.device | str) -> int:
    """Return the bytes that can still be allocated on a device.

    Args:
        device: A CUDA device, or anything else for main memory.

    Returns:
        On CUDA what the driver reports as free and PyTorch's own unused cache; otherwise what the system calls
        available, and no more than the control group (container, batch job) still allows.
    """
    device = torch.device(device)
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return free_main_memory()


def check_weights_fit(build: Callable[[], Method], device: torch.device | str) -> None:
    """Refuse a network that cannot be trained in the memory that is free, before it takes any.

    Args:
        build: Builds the network; it is built without memory here.
        device: Where it will be trained.

    Raises:
        SettingsError: If weights, gradients, what the optimiser remembers and the best weights take more.
    """
    with torch.device("meta"):
        count = sum(each.numel() for each in build().parameters())
    needed, free = COPIES_IN_TRAINING * _BYTES * count, free_memory(device)
    if needed > free:
        raise SettingsError(
            f"a network that can be trained in the {free / 1e9:.3g} GB of memory that are free",
            f"{count / 1e6:,.0f} million weights, which take {needed / 1e9:,.3g} GB with their gradients, the "
            "optimiser's memory and the best weights",
            "set fewer `filters` or `blocks` in the network's settings, or leave them out",
        )


def bytes_per_pixel(method: Method, device: torch.device) -> float:
    """Estimate the peak of activations while one image is made, per pixel of it.

    Runs the method once on the smallest image it takes and records what its modules put out:
    ``(encoding + noise + 8 * largest output of any module) / pixels``. The factor covers what a residual block keeps
    alive at once: measured peaks of HDN are 0.54 (gated, float32), 0.77 (gated, bfloat16) and 0.93 (without gates) of
    the estimate.

    Args:
        method: The method, in evaluation mode on `device`; call inside the autocast that prediction will use.
        device: Where to run.

    Returns:
        Bytes per image pixel.
    """
    if isinstance(method, MeasuredMethod):
        return method.bytes_per_pixel
    size = method.size_multiple
    largest = 0

    def record(_module: nn.Module, _inputs: object, output: object) -> None:
        nonlocal largest
        if isinstance(output, Tensor):
            largest = max(largest, output.nbytes)

    handles = [module.register_forward_hook(record) for module in method.modules()]
    try:
        kept = _make_one(method, torch.zeros(1, method.input_channels, *size, device=device))
    finally:
        for handle in handles:
            handle.remove()
    return (sum(part.nbytes for part in kept) + _LIVE_ACTIVATIONS * max(largest, kept[-1].nbytes)) / prod(size)


def _make_one(method: Method, x: Tensor) -> tuple[Tensor, ...]:
    """Make one image of `x`; returns what has to be kept for it, and the image last."""
    latents, box = latents_of(method), tuple(slice(0, length) for length in x.shape[2:])
    noise = tile_noise(latents, Tile(box, box), seed=0, frame=0, samples=[0], device=x.device)
    encoding = encode(method, x)
    image, *_ = decode(method, encoding, noise).values()
    return *(encoding if latents else ()), *noise, image
