"""Files, folders, and what is neither: pipes, sockets and devices are never opened; reading them may not end."""

import os
import stat
from pathlib import Path

from quietscope.errors import QuietScopeError

_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
_FIX = "copy what it gives into a file, and name that file"
_FIX_OF_LINK = "point the link at a file that is there"


def irregular(path: str | os.PathLike[str]) -> str | None:
    """Say what is at a path that is neither a file nor a folder.

    Args:
        path: The path; symbolic links are followed.

    Returns:
        Such as "a named pipe", or "a symbolic link to b.tif, where nothing is"; None for a file, a folder, or where
        there is nothing.
    """
    try:
        mode = Path(path).stat().st_mode
    except (OSError, ValueError) as error:  # nothing there, or no name that a file can have: whoever opens it says so
        return _broken_link(Path(path)) if isinstance(error, OSError) else None
    return next((words for is_kind, words in _KINDS if is_kind(mode)), None)


def _broken_link(path: Path) -> str | None:
    """Say where a symbolic link leads that leads nowhere; None for what is no link."""
    if not path.is_symlink():
        return None
    try:
        path.resolve(strict=True)
    except FileNotFoundError:
        return f"a symbolic link to {path.readlink()}, where nothing is"
    except (OSError, RuntimeError):  # Python 3.11 and 3.12 raise the second
        return "a symbolic link that leads back to itself"
    return None


def check_regular(path: Path, error: type[QuietScopeError], expected: str) -> None:
    """Refuse a path at which there is a named pipe, a socket or a device; it is not opened.

    Args:
        path: The path; that nothing is there, or a folder, is not this function's business.
        error: The kind of mistake to raise.
        expected: What was expected there, such as "an image file".

    Raises:
        QuietScopeError: Of the given kind, if it is neither a file nor a folder, or a link to nothing.
    """
    kind = irregular(path)
    if kind is not None:
        raise error(expected, f"{path}, {kind}", _FIX_OF_LINK if "symbolic link" in kind else _FIX)


def read_bounded(path: Path, most: int, error: type[QuietScopeError], expected: str) -> bytes:
    """Read a whole file that has no reason to be large.

    Args:
        path: The file.
        most: Largest size, in bytes.
        error: The kind of mistake to raise.
        expected: What was expected there, such as "a YAML file".

    Returns:
        Its contents.

    Raises:
        OSError: If it is missing or cannot be read.
        QuietScopeError: Of the given kind, if it is no regular file, or larger.
    """
    check_regular(path, error, expected)
    with path.open("rb") as file:
        # Python sets memory aside for all that it is asked for, before it knows that the file is small.
        found = file.read(min(most, os.fstat(file.fileno()).st_size) + 1)
    if len(found) > most:
        raise error(f"{expected} of at most {most:,} bytes", f"{path}, which is larger", "check which file it is")
    return found
