"""The main memory: how much is free, and the C library's allocator, set so that large tensors are reused."""

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
# Where nothing can be asked (Windows has no sysconf): what any machine that runs PyTorch has to spare.
_UNKNOWN_FREE_BYTES = 2 * 2**30


def tune_allocator() -> bool:
    """Keep freed memory in the process.

    glibc hands every block above 128 KiB back to the system when it is freed, and a network frees and takes hundreds
    of them per pass: the page faults cost more than half of a float32 pass on a CPU. Harmless to call again.

    Returns:
        Whether it was done; only glibc has these settings.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):  # musl and others
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, 2**30)) and bool(mallopt(_M_TRIM_THRESHOLD, 2**31 - 1))


def free_main_memory() -> int:
    """Return the bytes of main memory that can still be allocated.

    Returns:
        What the system calls available, and no more than the control group (container, batch job) still allows.
    """
    limits = [_system_free(), *(_cgroup_free(limit, used) for limit, used in _CGROUP_FILES)]
    return min(limit for limit in limits if limit is not None)


def _system_free() -> int:
    if _MEMINFO.is_file():
        for line in _MEMINFO.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    try:
        # Half of all memory, because systems without /proc do not say how much of it is free.
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, ValueError, OSError):
        return _UNKNOWN_FREE_BYTES


def _cgroup_free(limit: Path, used: Path) -> int | None:
    try:
        return max(int(limit.read_text()) - int(used.read_text()), 0)
    except (OSError, ValueError):  # no such group, or the limit reads "max"
        return None
