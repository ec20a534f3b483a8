"""Files that appear whole or not at all.

A result is built beside its target under a temporary name and renamed at the end. Whatever happens in between, an
exception, Ctrl+C or a full disk, leaves an older file at the target as it was.
"""

import errno
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from quietscope.errors import OutputError

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def check_target(path: Path, overwrite: bool, replaceable: Callable[[Path], bool] | None = None) -> None:
    """Refuse a target that cannot or must not be written, before any work is done for it.

    Args:
        path: Where the result is to stand.
        overwrite: Whether something that already stands there may be replaced.
        replaceable: For results that are folders: whether the folder standing there is of the kind that may be
            replaced. Without it the result is a file, and no folder is ever replaced.

    Raises:
        OutputError: If the folder is missing or not writable, or the target stands in the way.
    """
    folder = path.parent
    if not folder.exists():
        raise OutputError(f"an existing folder for {path.name}", f"no folder {folder}", f"run `mkdir -p {folder}`")
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise OutputError(
            f"a folder that can be written for {path.name}", str(folder), "choose another place with `--output`"
        )
    if not path.exists():
        return
    if path.is_dir() if replaceable is None else not (path.is_dir() and replaceable(path)):
        kind = "folder" if path.is_dir() else "file"
        raise OutputError("a path that is free", f"{path}, a {kind} of another kind", "choose another name")
    if not overwrite:
        raise OutputError("a path that is free", f"{path}, which exists", "choose another name or pass `--overwrite`")


@contextmanager
def atomic_path(
    path: str | os.PathLike[str], *, overwrite: bool = False, replaceable: Callable[[Path], bool] | None = None
) -> Iterator[Path]:
    """Hand out a temporary path that becomes `path` when the block ends well.

    Args:
        path: Where the result, a file or a folder, is to stand. A symbolic link is followed.
        overwrite: Whether an existing result may be replaced.
        replaceable: For results that are folders; see `check_target`.

    Yields:
        A path in the same folder that does not exist yet. The block creates a file (or folder) there.

    Raises:
        OutputError: If the target is refused, the disk is full, or the result cannot be put in place.
    """
    target = Path(os.path.realpath(path))
    check_target(target, overwrite, replaceable)
    temporary = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.partial")
    try:
        yield temporary
        _put_in_place(temporary, target, overwrite)
    except OSError as error:
        if error.errno in _DISK_FULL:
            raise OutputError(
                f"room on the disk for {path}", os.strerror(error.errno), "free some space or choose another disk"
            ) from error
        if error.filename is not None and str(error.filename).startswith(str(temporary)):
            raise OutputError(
                f"a place where {path} can be written", str(error.strerror), "choose another place with `--output`"
            ) from error
        raise
    finally:
        _remove(temporary)


def write_bytes_atomically(path: str | os.PathLike[str], data: bytes, *, overwrite: bool = False) -> None:
    """Write a whole file at once.

    Args:
        path: Where the file is to stand.
        data: Its contents.
        overwrite: Whether an existing file may be replaced.

    Raises:
        OutputError: If the target is refused, cannot be written, or the disk is full.
    """
    with atomic_path(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(data)


def reserve(path: Path) -> None:
    """Claim disk space for the whole of a sparse file.

    A memory-mapped file that meets a full disk kills the process with SIGBUS, where a write would have raised. So the
    space is claimed before the file is mapped.

    Args:
        path: A file that has its final length already.

    Raises:
        OSError: With errno ENOSPC, if the disk has no room for it.
    """
    size = path.stat().st_size
    if hasattr(os, "posix_fallocate"):
        descriptor = os.open(path, os.O_RDWR)
        try:
            os.posix_fallocate(descriptor, 0, size)
            return
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS, errno.ENODEV):
                raise
        finally:
            os.close(descriptor)
    # Where nothing can be claimed (macOS, some network disks), at least look before leaping.
    if shutil.disk_usage(path.parent).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def _put_in_place(temporary: Path, target: Path, overwrite: bool) -> None:
    if not temporary.is_dir():
        if not overwrite and target.exists():  # it appeared while this result was being made
            raise OutputError("a path that is free", f"{target}, which exists", "pass `--overwrite`")
        temporary.replace(target)
        return
    if not target.exists():
        temporary.rename(target)
        return
    # No system renames a folder over a full one: step aside, then in, and back if the second step fails.
    aside = temporary.with_suffix(".old")
    target.rename(aside)
    try:
        temporary.rename(target)
    except BaseException:
        aside.rename(target)
        raise
    shutil.rmtree(aside)


def _remove(temporary: Path) -> None:
    if temporary.is_dir():
        shutil.rmtree(temporary, ignore_errors=True)
    else:
        temporary.unlink(missing_ok=True)
