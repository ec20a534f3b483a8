"""The directory of a CZI file, looked through before its library, which follows damaged numbers wherever they lead.

Segments, entries and dimensions are laid out as Zeiss describes them (ZISRAW, DV-FILE).
"""

import struct
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from quietscope.errors import ImageFileError
from quietscope.io.image import truncated

_NUMBERS, _HEADER = 80, 112
"""Where the file header has its numbers, and where these end."""
_SEGMENT, _DIRECTORY = 32, 128
"""Bytes before the content of a segment, and of a directory's content before its entries."""
_ENTRY, _DIMENSION = struct.Struct("<2siqiiBB4si"), struct.Struct("<4siifi")
_MOST_DIMENSIONS, _MOST_NUMBER, _MOST_BYTES = 40, 1 << 30, 1 << 31


def check_directory(path: Path) -> None:
    """Refuse a file that is cut or damaged, or one of several that belong together.

    Args:
        path: The file.

    Raises:
        ImageFileError: If it is so.
    """
    status = path.stat()
    _check(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=16)  # each of a thousand scenes of a file is opened by itself
def _check(path: Path, size: int, _: int) -> None:
    with path.open("rb") as file:
        head = file.read(_HEADER)
        if len(head) < _HEADER:
            raise truncated(path, size=size)
        part, directory, metadata, unfinished, attachments = struct.unpack_from("<iqqiq", head, _NUMBERS)
        if part > 0:
            raise ImageFileError(
                "a CZI file that is whole", f"{path}, part {part} of several", "save it as one file, without parts"
            )
        if directory <= 0 or directory >= size or metadata >= size or unfinished:
            raise truncated(path, size=size)
        for place, name in ((metadata, b"ZISRAWMETADATA"), (attachments, b"ZISRAWATTDIR")):
            if place and not _segment(file, place).startswith(name):
                raise _damaged(path)
        if not _segment(file, directory).startswith(b"ZISRAWDIRECTORY"):
            raise _damaged(path)
        (count,) = struct.unpack("<i", file.read(4).ljust(4, b"\xff"))
        file.seek(directory + _SEGMENT + _DIRECTORY)
        if count <= 0 or not _has_entries(file.read(min(size - file.tell(), _MOST_BYTES)), count, size):
            raise _damaged(path)


def _segment(file: BinaryIO, place: int) -> bytes:
    """Return the name of the segment at a place, and go to its content."""
    if place < 0:
        return b""
    file.seek(place)
    return file.read(_SEGMENT)[:16]


def _has_entries(content: bytes, count: int, size: int) -> bool:
    """Return whether all entries of a directory are what they should be, and lead to places in the file."""
    at = 0
    for _ in range(count):
        if at + _ENTRY.size > len(content):
            return False
        schema, _, place, *_, dimensions = _ENTRY.unpack_from(content, at)
        at += _ENTRY.size
        if schema != b"DV" or not 0 < place < size or not 0 < dimensions <= _MOST_DIMENSIONS:
            return False
        if at + dimensions * _DIMENSION.size > len(content):
            return False
        for number in range(dimensions):
            name, start, length, _, stored = _DIMENSION.unpack_from(content, at + number * _DIMENSION.size)
            if not (name[:1].isalpha() and name[:1].isupper()):
                return False
            if abs(start) > _MOST_NUMBER or not 0 <= length <= _MOST_NUMBER or not 0 <= stored <= _MOST_NUMBER:
                return False
        at += dimensions * _DIMENSION.size
    return True


def _damaged(path: Path) -> ImageFileError:
    return ImageFileError(f"a directory of planes in {path}", "a damaged one", "copy or export it again")
