"""Room for samples among the temporary files, reserved before any is drawn, and cleared of what was killed."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from quietscope.errors import OutputError
from quietscope.io.alive import clear_leftovers, workshop
from quietscope.io.atomic import DISK_FULL, reserve
from quietscope.wording import numbered, typed

_NAME = "quietscope-samples"
_ELSEWHERE = "name a folder on another disk, `export TMPDIR=FOLDER`"


@contextmanager
def scratch_file(num_bytes: int, num_samples: int) -> Iterator[Path]:
    """Make a file for samples that is gone when the block ends; what a killed run has left goes first.

    Args:
        num_bytes: Its size. The room is reserved, since a disk that fills up later ends a process that has mapped it.
        num_samples: How many samples it is for, for the message.

    Yields:
        The file, which nobody else may read.

    Raises:
        OutputError: If there is no folder for temporary files, or too little room in it.
    """
    try:
        place = Path(tempfile.gettempdir()) / _NAME
    except FileNotFoundError as error:
        raise OutputError("a folder for temporary files", "none that can be written", _ELSEWHERE) from error
    clear_leftovers(place)
    with workshop(place) as folder:
        folder.chmod(0o700)
        path = folder / "samples.f32"
        with path.open("wb") as file:
            file.truncate(num_bytes)
        _reserve(path, num_bytes, num_samples)
        yield path


def _reserve(path: Path, num_bytes: int, num_samples: int) -> None:
    try:
        reserve(path)
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        size = f"{num_bytes / 2**30:.1f} GiB" if num_bytes >= 2**30 else f"{num_bytes / 2**20:.1f} MiB"
        raise OutputError(
            f"room for {size}, {numbered(num_samples, 'sample')}, in {tempfile.gettempdir()}",
            f"{error.strerror}",
            f"draw fewer, e.g. `{typed(num_samples=10)}`, or {_ELSEWHERE}",
        ) from error
