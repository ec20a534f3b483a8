"""The device to run on, and whether bfloat16 is faster there."""

from collections.abc import Mapping

import torch
from torch import nn

from quietscope.errors import SettingsError
from quietscope.wording import typed

_BF16_CPU_FLAGS = ("amx_bf16", "avx512_bf16")
_FIRST_CUDA_CAPABILITY_WITH_BF16 = (8, 0)


def best_device() -> torch.device:
    """Return the CUDA device if there is one, otherwise the CPU.

    Apple's MPS is used only on request: transposed 3-D convolutions and 64-bit integer hashes have not been verified on
    it, and a slow result is better than a wrong one.
    """
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def chosen_device(device: torch.device | str | None) -> torch.device:
    """Return the device that a user named, or the best one available.

    Args:
        device: Name of a device, such as "cpu" or "cuda:1"; None for the best one.

    Returns:
        The device.

    Raises:
        SettingsError: If the device is not available.
    """
    if device is None:
        return best_device()
    device = "cuda" if str(device).lower() == "gpu" else device
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError) as error:  # PyTorch asserts where it was built without CUDA
        reason = str(error).splitlines()[0]
        got = f"{str(device)!r} ({reason})"
        raise SettingsError("a device that is available", got, f"try `{typed(device='cpu')}`") from error
    return chosen


def gains_from_bf16(device: torch.device | str) -> bool:
    """Return whether convolutions run faster in bfloat16 than in float32.

    Args:
        device: The device.

    Returns:
        True on CPUs with AMX or AVX-512 bfloat16 instructions and on CUDA devices of capability 8.0 and up. On other
        devices bfloat16 is emulated and slower than float32.
    """
    device = torch.device(device)
    if device.type == "cpu":
        # PyTorch reports this from 2.11 on; for older versions float32 is the safe choice.
        found: Mapping[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
        return any(bool(found.get(flag)) for flag in _BF16_CPU_FLAGS)
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= _FIRST_CUDA_CAPABILITY_WITH_BF16
    return False


def place(module: nn.Module, device: torch.device | str, spatial_dims: int) -> None:
    """Move a network to a device, in place, and store the weights of its convolutions in the fastest memory format."""
    layout = torch.channels_last if spatial_dims == 2 else torch.channels_last_3d
    module.to(device)
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.dim() == 2 + spatial_dims:
            tensor.data = tensor.data.contiguous(memory_format=layout)
