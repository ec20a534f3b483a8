"""Random numbers that can be drawn again."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Start PyTorch's random numbers at a seed for the length of a block; afterwards they go on where they were.

    Args:
        seed: From 0 to 2^64 - 1.
        device: Where numbers are drawn beside the CPU; None for nowhere else.
    """
    elsewhere = device is not None and device.type != "cpu"
    devices = [device] if device is not None and device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        # `torch.manual_seed` notes the calling code for every kind of device that is absent: 3 ms in a deep stack.
        (torch.manual_seed if elsewhere else torch.default_generator.manual_seed)(seed)
        yield
