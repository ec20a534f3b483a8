"""What the first bytes of a file say that it is, whatever it is called."""

from pathlib import Path

COUNT = 4096
"""Bytes that are looked at."""

HDF5 = b"\x89HDF\r\n\x1a\n"
COMPOUND = bytes.fromhex("d0cf11e0a1b11ae1")
"""How compound documents of Microsoft begin: Olympus OIB, but old Office documents and Zeiss ZVI too."""
_TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")

_FOREIGN: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"BM", "a BMP picture"),
    (b"RIFF", "a RIFF file (AVI, WebP)"),
    (b"SIMPLE  =", "a FITS image"),
    (b"\x1f\x8b", "a file packed by gzip: unpack it"),
    (b"BZh", "a file packed by bzip2: unpack it"),
    (b"\xfd7zXZ\x00", "a file packed by xz: unpack it"),
    (b"PK\x03\x04", "a ZIP archive: unpack it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive: unpack it"),
    (b"Rar!", "a RAR archive: unpack it"),
    (b"%PDF", "a PDF document"),
    (b"Salted__", "a file encrypted by openssl"),
    (b"age-encryption.org", "a file encrypted by age"),
    (b"version https://git-lfs", "a pointer of Git LFS, without the file that it stands for"),
    (COMPOUND, "a compound document (Zeiss ZVI, Office)"),
)
_MARKUP = ((b"<!doctype html", "a web page"), (b"<html", "a web page"), (b"<?xml", "an XML document"))


def first_bytes(path: Path) -> bytes:
    """Read the start of a file."""
    with path.open("rb") as file:
        return file.read(COUNT)


def is_tiff(head: bytes) -> bool:
    """Return whether a file is a TIFF, or of one of the many formats that are made of it."""
    return head[:4] in _TIFF


def is_hdf5(head: bytes) -> bool:
    """Return whether a file is HDF5; a block of the user's own may come before it."""
    return any(head[at : at + len(HDF5)] == HDF5 for at in (0, 512, 1024, 2048))


def what_it_is(head: bytes) -> str:
    """Say what a file is that no reader knows; empty where nothing tells.

    Args:
        head: Its first bytes.
    """
    known = next((words for start, words in _FOREIGN if head.startswith(start)), "")
    if known:
        return known
    start = head.lstrip(b"\xef\xbb\xbf \r\n\t")[:16].lower()
    known = next((words for mark, words in _MARKUP if start.startswith(mark)), "")
    if known:
        return known
    if not head.strip(b"\x00"):
        return "nothing but zeros"
    return "plain text" if all(32 <= byte < 127 or byte in b"\r\n\t" for byte in head) else ""
