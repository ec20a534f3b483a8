"""Atomic writing: a file is complete, or does not exist.

A result is written in a hidden folder beside its target, flushed to the disk, and renamed at the end. If writing fails,
by an exception, Ctrl+C, a kill, a full disk or a power cut, an older file at the target is unchanged. What a killed
writer leaves is removed by the next one with that target (`quietscope.io.alive`).
"""

import ctypes
import errno
import os
import shlex
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from quietscope.errors import OutputError
from quietscope.io.alive import OLD, clear_leftovers, workshop
from quietscope.outside.sources import check_apart
from quietscope.wording import elsewhere, typed

_HERE, _EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux
DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def check_target(path: Path, overwrite: bool, replaceable: Callable[[Path], bool] | None = None) -> None:
    """Refuse a target that cannot be written, or must not be replaced, before any work is done for it.

    Args:
        path: Path of the result.
        overwrite: Whether an existing result may be replaced.
        replaceable: For results that are folders: function that returns whether the folder at a path is of a kind that
            may be replaced. None for results that are files, which never replace a folder.

    Raises:
        OutputError: If the folder of the target is missing or not writable, the target exists and must not be
            replaced, or it would take the place of what the run reads.
    """
    check_apart(path)
    folder = path.parent
    if not folder.exists():
        fix = f"run `mkdir -p {shlex.quote(str(folder))}`"
        raise OutputError(f"an existing folder for {path.name}", f"no folder {folder}", fix)
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        got = f"{folder}, {'which is read-only' if folder.is_dir() else 'a file'}"
        raise OutputError(f"a folder in which {path.name} can be written", got, elsewhere())
    clear_leftovers(Path(os.path.realpath(path)))
    if not path.exists():
        return
    if path.is_dir() if replaceable is None else not (path.is_dir() and replaceable(path)):
        kind = "folder" if path.is_dir() else "file"
        raise OutputError("a path that is free", f"{path}, a {kind} of another kind", "choose another name")
    if not overwrite:
        raise OutputError(
            "a path that is free", f"{path}, which exists", f"choose another name or pass `{typed(overwrite=True)}`"
        )


@contextmanager
def atomic_path(
    path: str | os.PathLike[str], *, overwrite: bool = False, replaceable: Callable[[Path], bool] | None = None
) -> Iterator[Path]:
    """Provide a temporary path that is renamed to `path` if the ``with`` block ends without an error.

    Args:
        path: Path of the result, a file or a folder. Symbolic links are followed.
        overwrite: Whether an existing result may be replaced.
        replaceable: For results that are folders; see `check_target`.

    Yields:
        A path on the same disk that does not exist yet; the block creates a file or folder there.

    Raises:
        OutputError: If `check_target` refuses the target, the disk is full, or the result cannot be renamed.
    """
    target = Path(os.path.realpath(path))
    check_target(target, overwrite, replaceable)
    try:
        with told_if_full(path), workshop(target) as folder:
            temporary = folder / "new.partial"
            yield temporary
            put_in_place(temporary, target, overwrite)
    except OSError as error:
        if error.filename is not None and _lies_beside(Path(str(error.filename)), target):
            raise OutputError(f"a place where {path} can be written", str(error.strerror), elsewhere()) from error
        raise


def _lies_beside(path: Path, target: Path) -> bool:
    """Tell whether a path is that of a result which is being written, or lies in it."""
    return any(each.parent == target.parent and each.suffix == ".partial" for each in (path, *path.parents))


def _keep_mode(temporary: Path, target: Path) -> None:
    """Give a result that replaces another the rights of that one; a new one has those that the system gives."""
    if target.exists():
        temporary.chmod(stat.S_IMODE(target.stat().st_mode))


@contextmanager
def told_if_full(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn the error of a full disk, which does not say which file it was, into one that does.

    Args:
        path: What is being written, for the message.

    Raises:
        OutputError: If the block finds the disk full, or the user's share of it used up.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        got = os.strerror(error.errno)
        raise OutputError(f"room on the disk for {path}", got, "free some space or choose another disk") from error


def write_bytes_atomically(path: str | os.PathLike[str], data: bytes, *, overwrite: bool = False) -> None:
    """Write a whole file at once.

    Args:
        path: Path of the file.
        data: Contents of the file.
        overwrite: Whether an existing file may be replaced.

    Raises:
        OutputError: If the target exists and must not be replaced, cannot be written, or the disk is full.
    """
    with atomic_path(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(data)


def reserve(path: Path) -> None:
    """Reserve disk space for a whole sparse file.

    Writing to a memory-mapped file on a full disk kills the process with SIGBUS, instead of raising an error. So the
    space is reserved before the file is mapped.

    Args:
        path: A file that already has its final length.

    Raises:
        OSError: With errno ENOSPC, if the disk has no room for it.
    """
    with path.open("r+b") as file:
        _allocate(file.fileno(), path.parent, path.stat().st_size)


def _allocate(descriptor: int, folder: Path, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(descriptor, 0, size)
            return
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS, errno.ENODEV):
                raise
    # Where space cannot be reserved (macOS, some network disks), at least check that there is enough.
    if shutil.disk_usage(folder).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))


def check_room(folder: Path, num_bytes: int) -> None:
    """Find out whether a disk is full, after a library that does not say so has failed to write.

    Args:
        folder: Where it was to write.
        num_bytes: What it was to write, about.

    Raises:
        OSError: With the system's reason, if so much cannot be written there.
    """
    with tempfile.TemporaryFile(dir=folder) as probe:
        probe.truncate(num_bytes)
        _allocate(probe.fileno(), folder, num_bytes)


def put_in_place(written: Path, target: Path, overwrite: bool) -> None:
    """Give a result that is written beside its target the name of that, once all of it is on the disk.

    Args:
        written: The result, on the same disk; where it is a folder and another one stood there, that has its name now,
            or "old" in its place.
        target: Where it goes, links followed; `check_target` has nothing against it.
        overwrite: Whether an existing result may be replaced.

    Raises:
        OutputError: If something has come to stand there that may not be replaced.
    """
    _flush(written)
    _keep_mode(written, target)
    _put_in_place(written, target, overwrite)
    _flush_folder(target.parent)


def _put_in_place(temporary: Path, target: Path, overwrite: bool) -> None:
    if not overwrite and target.exists():  # created by someone else while this result was being written
        raise OutputError("a path that is free", f"{target}, which exists", f"pass `{typed(overwrite=True)}`")
    if not temporary.is_dir():
        temporary.replace(target)
        return
    if not target.exists():
        temporary.rename(target)
        return
    if _exchanged(temporary, target):
        return  # the old folder has the temporary name now, and is removed as that
    # A folder cannot be renamed onto a non-empty one: move the old one aside first, and back if the second step fails.
    # After a kill in between, `clear_leftovers` moves it back.
    aside = temporary.with_name(OLD)
    target.rename(aside)
    try:
        temporary.rename(target)
    except BaseException:
        aside.rename(target)
        raise


def _exchanged(one: Path, other: Path) -> bool:
    """Exchange the names of two folders in one step, which no kill can split, where the system and its disk can."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if sys.platform == "linux" else None
    return rename is not None and rename(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0


def _flush(written: Path) -> None:
    """Wait until a file, or all files and folders in a folder, are on the disk."""
    if not written.is_dir():
        with written.open("rb") as file:
            os.fsync(file.fileno())
        return
    for folder, _, names in os.walk(written):
        for name in names:
            _flush(Path(folder, name))
        _flush_folder(Path(folder))


def _flush_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the system lets one ask."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(descriptor)
