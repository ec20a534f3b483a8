"""Zip archives that others wrote: a member is unpacked only as far as it may be large."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

MOST_MEMBERS = 10_000


class ArchiveError(ValueError):
    """An archive that is damaged, or holds more than it may; the message is one short line without its name."""


def members(path: Path) -> tuple[str, ...]:
    """Return the names of all members of an archive.

    Raises:
        ArchiveError: If it is damaged, or has too many.
        OSError: If it cannot be read.
    """
    with _opened(path) as archive:
        return tuple(archive.namelist())


def read_member(path: Path, name: str, most: int) -> bytes:
    """Unpack one member of an archive into memory.

    Args:
        path: The archive.
        name: The member.
        most: Its largest size, in bytes.

    Returns:
        Its contents.

    Raises:
        ArchiveError: If the archive is damaged, has no such member, or the member is larger.
        OSError: If it cannot be read.
    """
    return read_members(path, {name: most})[name]


def read_members(path: Path, sizes: Mapping[str, int]) -> dict[str, bytes]:
    """Unpack several members of an archive into memory; it is opened once.

    Args:
        path: The archive.
        sizes: The largest size of each member, in bytes, by its name.

    Returns:
        Their contents by name.

    Raises:
        ArchiveError: If the archive is damaged, has no such member, or a member is larger.
        OSError: If it cannot be read.
    """
    with _opened(path) as archive:
        return {name: _unpacked(archive, name, most) for name, most in sizes.items()}


def _unpacked(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    try:
        if archive.getinfo(name).file_size > most:
            raise ArchiveError(f"{_quoted(name)} in it unpacks to more than {most:,} bytes")
        with archive.open(name) as member:
            found = member.read(most + 1)
    except (ArchiveError, OSError):
        raise
    except Exception as error:  # passwords, unknown compressions, cut streams: each has an exception of its own
        raise ArchiveError(f"{_quoted(name)} in it cannot be unpacked ({_words(error)})") from error
    if len(found) > most:
        raise ArchiveError(f"{_quoted(name)} in it unpacks to more than {most:,} bytes")
    return found


def check_unpacked(path: Path, most: int) -> None:
    """Refuse an archive that unpacks to more than so many bytes; nothing is unpacked.

    Raises:
        ArchiveError: If it does, or is damaged.
        OSError: If it cannot be read.
    """
    with _opened(path) as archive:
        if sum(each.file_size for each in archive.infolist()) > most:
            raise ArchiveError(f"an archive that unpacks to more than {most:,} bytes")


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        archive = zipfile.ZipFile(path)
    except OSError:
        raise
    except Exception as error:
        raise ArchiveError(f"a damaged archive ({_words(error)})") from error
    names = archive.namelist()
    if len(names) > MOST_MEMBERS or len(set(names)) < len(names):  # two readers could take two members of one name
        archive.close()
        raise ArchiveError(f"an archive of {len(names):,} members, too many or several of one name")
    return archive


def _quoted(name: str) -> str:
    return repr(name[:100])


def _words(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:160]
