"""Pixels that were compressed with loss: their noise is not that of a camera any more."""

from collections.abc import Sequence
from typing import Any

_JPEG = {6: "JPEG", 7: "JPEG", 34892: "JPEG", 33007: "JPEG"}
"""JPEG as TIFF 6 and Technical Note 2 have it, Adobe's lossy JPEG, and ALT_JPEG of slide scanners."""

_BOTH = {
    33003: "JPEG 2000",
    33004: "JPEG 2000",
    33005: "JPEG 2000",
    34712: "JPEG 2000",
    34887: "LERC",
    34934: "JPEG XR",
    22610: "JPEG XR",
    34927: "WebP",
    50001: "WebP",
    50002: "JPEG XL",
    52546: "JPEG XL",
}
"""Compressions that have a way with loss and one without."""

_BYTES = 65536  # that hold the headers of a tile
_CODING_STYLE = b"\xff\x52"  # the marker COD of JPEG 2000
_TRANSFORM = 13  # from the marker to the kind of wavelet: 0 is the one with loss, 9-7, and 1 the one without, 5-3


def loss_note(page: Any) -> Sequence[str]:
    """Return a line on pixels that are compressed with loss, or may be; nothing where they are not.

    Args:
        page: A tifffile.TiffPage.
    """
    number = int(page.compression)
    name = _JPEG.get(number) or _BOTH.get(number)
    if name is None:
        return ()
    is_lossy = True if number in _JPEG else _tells_of_loss(name, _start_of_pixels(page))
    if is_lossy is False:
        return ()
    return (loss_words(name, is_certain=is_lossy is not None),)


def loss_words(name: str, *, is_certain: bool) -> str:
    """Return a line on pixels that are compressed with loss, for certain or perhaps."""
    words = f"the pixels are compressed with {name}, which changes their noise: results are worse."
    if not is_certain:
        words = f"the pixels are compressed with {name}, which may be with loss: if it is, results are worse."
    return f"{words} Use the original file."


def _start_of_pixels(page: Any) -> bytes:
    """Read the start of the first tile or strip that is stored; a file that ends before it has none."""
    places = zip(page.dataoffsets, page.databytecounts, strict=False)
    offset, count = next(((int(at), int(size)) for at, size in places if size), (0, 0))
    file = page.parent.filehandle
    before = file.tell()
    try:
        file.seek(offset)
        return bytes(file.read(min(count, _BYTES)))
    except (OSError, ValueError):
        return b""
    finally:
        file.seek(before)


def _tells_of_loss(name: str, code: bytes) -> bool | None:
    """Tell from the stored bytes whether they have lost anything; None where they do not say.

    A JPEG 2000 with the wavelet of whole numbers may have been cut short, and is taken at its word.
    """
    if name == "WebP" and code[:4] == b"RIFF":
        return False if code[12:16] == b"VP8L" else True if code[12:16] == b"VP8 " else None
    if name == "JPEG 2000":
        at = code.find(_CODING_STYLE)
        if at >= 0 and at + _TRANSFORM < len(code):
            return code[at + _TRANSFORM] == 0
    return None
