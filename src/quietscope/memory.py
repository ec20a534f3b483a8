"""The C library's allocator, set so that large tensors are reused instead of returned to the system."""

import ctypes
import sys

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3


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
