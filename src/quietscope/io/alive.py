"""Who is still at work: locks that die with their owner, and what owners that were killed have left behind.

Whatever is being written lies in a hidden folder beside its target, `.NAME.HOST-PID-TOKEN.partial`, which its writer
has locked. The system gives up the lock when the process ends, however it ends. Where a disk knows no such locks, as
some network disks do, the name says which process it was.
"""

import errno
import os
import re
import secrets
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from quietscope.errors import OutputError
from quietscope.wording import elsewhere

OLD = "old"
"""Within a folder of a writer: what stood at the target until then, while folders change places."""

_LONGEST = 100  # bytes of a target's name within that of its folder
_RUNNING = ".quietscope-running"
_SLOW, _SHARE = 0.005, 50
"""From how many seconds on the list of a folder is kept, and for how many times as long."""
_LISTED: dict[Path, tuple[float, list[str]]] = {}
_UNKNOWN = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EBADF, errno.EINVAL, errno.ENOLCK}


@contextmanager
def workshop(target: Path) -> Iterator[Path]:
    """Make a hidden folder beside a target to write it in, which is gone at the end, whatever happens.

    Args:
        target: Path of the result.

    Yields:
        The folder.
    """
    while True:
        folder = target.with_name(f".{_head(target)}.{_owner()}-{secrets.token_hex(4)}.partial")
        folder.mkdir()
        with suppress(FileNotFoundError):  # somebody has just cleared it away
            descriptor = _locked(folder)
            if descriptor is not None and folder.exists():
                break
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _close(descriptor)


def clear_leftovers(target: Path) -> None:
    """Remove what writers of a target have left that were killed, and put an old folder back that they had moved aside.

    Args:
        target: Path of a result, which need not exist.
    """
    pattern = re.compile(re.escape(f".{_head(target)}.") + r"(?P<owner>.+-\d+)-[0-9a-f]{8}\.partial")
    for found in filter(None, map(pattern.fullmatch, _left_in(target.parent))):
        with suppress(OSError):
            _clear(target.parent / found.string, found["owner"], target)


def _left_in(folder: Path) -> list[str]:
    """Return the names of what writers have left in a folder, or are writing.

    One with very many files is not listed for each of them: only so often that it takes a small part of the time.
    """
    begin = time.monotonic()
    until, names = _LISTED.get(folder, (0.0, []))
    if begin < until:
        return names
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.name.endswith(".partial")]
    except OSError:
        names = []
    took = time.monotonic() - begin
    _LISTED.pop(folder, None)
    if took >= _SLOW:
        _LISTED[folder] = (begin + _SHARE * took, names)
    return names


def _clear(folder: Path, owner: str, target: Path) -> None:
    descriptor = _locked(folder)
    if descriptor is None or (descriptor < 0 and _may_live(owner)):
        return
    try:
        if (folder / OLD).exists() and not target.exists():
            (folder / OLD).rename(target)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        _close(descriptor)


@contextmanager
def at_work(folder: Path) -> Iterator[None]:
    """Keep other runs out of a folder for as long as the block lasts.

    Args:
        folder: A folder that exists.

    Raises:
        OutputError: If another run works in it, with its process number and its start.
    """
    with _held(folder / _RUNNING, partial(_busy, folder)):
        yield


@contextmanager
def making(target: Path) -> Iterator[None]:
    """Keep other runs from making the same result for as long as the block lasts, and from a folder of a run at work.

    Args:
        target: Path of the result, in a folder that exists.

    Raises:
        OutputError: If another run makes it, or works in its folder, with its process number and its start.
    """
    check_idle(target.absolute().parent)
    place = target.with_name(f".{_head(target)}{_RUNNING}")
    with _held(place, partial(_made_elsewhere, target, place)):
        yield


@contextmanager
def _held(place: Path, refusal: Callable[[], OutputError]) -> Iterator[None]:
    """Hold a file that says who is at work, and is gone at the end."""
    while True:
        with place.open("a", encoding="utf-8"):
            pass
        try:
            descriptor = _locked(place)
        except FileNotFoundError:
            continue
        if descriptor is None or (descriptor < 0 and _may_live(_written(place)[0])):
            raise refusal()
        if descriptor < 0 or _is_same(descriptor, place):
            break
        _close(descriptor)  # of a run that has just ended, and removed it
    try:  # a full disk may have no room for the words, and must not keep an empty file
        place.write_text(f"{_owner()}\n{time.strftime('%Y-%m-%d %H:%M:%S')}\n", encoding="utf-8")
        yield
    finally:
        place.unlink(missing_ok=True)
        _close(descriptor)


def check_idle(folder: Path) -> None:
    """Refuse a folder in which another run is at work; what one has left that was killed is removed.

    Args:
        folder: A folder, which need not exist.

    Raises:
        OutputError: If one is, with its process number and its start.
    """
    place = folder / _RUNNING
    try:
        descriptor = _locked(place)
    except OSError:  # no run, or nothing that may be looked at
        return
    if descriptor is None or (descriptor < 0 and _may_live(_written(place)[0])):
        raise _busy(folder)
    if descriptor < 0 or _is_same(descriptor, place):
        with suppress(OSError):
            place.unlink(missing_ok=True)
    _close(descriptor)


def _busy(folder: Path) -> OutputError:
    who, since = _whose(folder / _RUNNING)
    return OutputError(
        "a folder that no other run works in",
        f"{folder}, in which {who} is at work{since}",
        f"wait until it has ended, or {elsewhere('folder')}",
    )


def _made_elsewhere(target: Path, place: Path) -> OutputError:
    who, since = _whose(place)
    return OutputError(
        "a result that no other run is making",
        f"{target}, which {who} is making{since}",
        f"wait until it has ended, or {elsewhere('name')}",
    )


def _whose(place: Path) -> tuple[str, str]:
    """Return, in words, which process is at work, and since when."""
    owner, start = _written(place)
    host, _, process = owner.rpartition("-")
    who = f"process {process or 'unknown'}" + (f" on {host}" if host not in ("", _host()) else "")
    return who, f", started {start}" if start else ""


def _written(place: Path) -> tuple[str, str]:
    """Return owner and start of a run; empty where they are not written yet."""
    try:
        owner, start = place.read_text(encoding="utf-8").splitlines()[:2]
    except (OSError, ValueError):
        return "", ""
    return owner, start


def _locked(path: Path) -> int | None:
    """Lock a file or folder: a descriptor to close, -1 where there are no locks, or None where another holds it."""
    if sys.platform == "win32":
        return -1
    import fcntl

    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            return None
        if error.errno in _UNKNOWN:
            return -1
        raise
    return descriptor


def _is_same(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _close(descriptor: int) -> None:
    if descriptor >= 0:
        os.close(descriptor)


def _may_live(owner: str) -> bool:
    """Tell whether a process may still be there, by its name; one of another machine always may."""
    host, _, process = owner.rpartition("-")
    if not process.isdigit() or host != _host():
        return bool(owner)
    if os.name != "posix" or int(process) == os.getpid():  # elsewhere the question would end the process
        return True
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _owner() -> str:
    return f"{_host()}-{os.getpid()}"


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9]", "_", socket.gethostname())[:30]


def _head(target: Path) -> str:
    return os.fsdecode(os.fsencode(target.name)[:_LONGEST])
