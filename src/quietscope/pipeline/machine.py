"""What a run was computed on, and by which programs, in words; nothing that tells whose machine it is."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from quietscope.version import __version__

_PACKAGES = ("torch", "numpy", "scipy")


def hardware_words(device: str) -> tuple[tuple[str, str], ...]:
    """Return names and words.

    Args:
        device: Where the networks were computed, such as "cuda:0".
    """
    found = [("device", device)]
    if device.startswith("cuda"):
        import torch

        if torch.cuda.is_available():
            found.append(("graphics card", torch.cuda.get_device_name(device)))
    found.append(("processor", f"{_processor()}, {os.cpu_count() or 1} cores"))
    return tuple(found)


def version_words() -> tuple[tuple[str, str], ...]:
    """Return programs and their versions."""
    found = [("quietscope", __version__), ("python", platform.python_version())]
    for name in _PACKAGES:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:  # put somewhere by hand
            continue
    return (*found, ("system", f"{platform.system()} {platform.machine()}"))


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())
