"""The file of a script: one that another run has written is replaced, and nothing else."""

from pathlib import Path

from quietscope.io.atomic import check_target, write_bytes_atomically
from quietscope.pipeline.chunks.job_array import MADE_BY


def check_script(path: Path) -> None:
    """Refuse a file that cannot be written, or is no such script.

    Args:
        path: The file.

    Raises:
        OutputError: If its folder is not there, or something else stands at its place.
    """
    check_target(path, _is_ours(path))


def write_script(path: Path, script: str) -> None:
    """Write a script whole.

    Args:
        path: The file.
        script: The script.

    Raises:
        OutputError: If something else stands at its place.
    """
    write_bytes_atomically(path, script.encode(errors="surrogateescape"), overwrite=_is_ours(path))


def _is_ours(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return MADE_BY.encode() in file.read(4096)
