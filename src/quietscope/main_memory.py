"""The main memory: how much of it is free, and a setting of the C library that makes it reuse large blocks."""

import ctypes
import os
import sys
from pathlib import Path

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_CGROUP_FILES = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"), Path("/sys/fs/cgroup/memory/memory.usage_in_bytes")),
)
_MEMINFO = Path("/proc/meminfo")
# Assumed where the system cannot be asked (Windows has no sysconf): any machine that runs PyTorch has this much.
_UNKNOWN_FREE_BYTES = 2 * 2**30


def tune_allocator() -> bool:
    """Make the C library keep freed memory for reuse; calling it again does no harm.

    glibc returns every freed block above 128 KiB to the system, and a network allocates and frees hundreds of them per
    pass. The resulting page faults take more than half of the time of a float32 pass on a CPU.

    Returns:
        Whether the setting was made; only glibc has it.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):  # musl and others
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, 2**30)) and bool(mallopt(_M_TRIM_THRESHOLD, 2**31 - 1))


def free_main_memory() -> int:
    """Return the number of bytes of main memory that can still be allocated.

    Returns:
        The memory that the system reports as available, or the limit of the control group (container, batch job) if
        that is lower.
    """
    limits = [_system_free(), *(_cgroup_free(limit, used) for limit, used in _CGROUP_FILES)]
    return min(limit for limit in limits if limit is not None)


def _system_free() -> int:
    if _MEMINFO.is_file():
        for line in _MEMINFO.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    try:
        # Half of all memory: systems without /proc do not report how much of it is free.
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, ValueError, OSError):
        return _UNKNOWN_FREE_BYTES


def _cgroup_free(limit: Path, used: Path) -> int | None:
    try:
        return max(int(limit.read_text()) - int(used.read_text()), 0)
    except (OSError, ValueError):  # no such group, or the limit reads "max"
        return None
