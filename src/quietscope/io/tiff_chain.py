"""The chain of pages of a TIFF file: each page says where the next one is, and damage may lead it back."""

import os
import struct
from pathlib import Path

from quietscope.errors import ImageFileError

_CLASSIC, _BIG = 42, 43
_MOST_TAGS = 4096
_LARGEST_CLASSIC = 1 << 32


def check_chain(path: Path) -> None:
    """Refuse a file whose pages follow each other in a circle, in which a reader would go round for ever.

    What is no TIFF, or has a chain that ends in nothing, is left to the reader.

    Args:
        path: The file.

    Raises:
        ImageFileError: If a page leads back to an earlier one.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(16)
        order = {b"II": "<", b"MM": ">"}.get(head[:2])
        if order is None or len(head) < 16:
            return
        (version,) = struct.unpack_from(f"{order}H", head, 2)
        if version not in (_CLASSIC, _BIG) or (version == _CLASSIC and size >= _LARGEST_CLASSIC):
            return  # the second are slides of a vendor, with longer offsets than the version has
        count, offset, tag_bytes = ("H", "I", 12) if version == _CLASSIC else ("Q", "Q", 20)
        (at,) = struct.unpack_from(order + offset, head, 4 if version == _CLASSIC else 8)
        seen: dict[int, int] = {}
        while 0 < at < size:
            if at in seen:
                raise ImageFileError(
                    "a TIFF image whose pages follow one another",
                    f"{path}, in which page {len(seen)} leads back to page {seen[at] + 1}",
                    "the file is damaged: copy or save it again",
                )
            seen[at] = len(seen)
            file.seek(at)
            try:
                (tags,) = struct.unpack(order + count, file.read(struct.calcsize(f"={count}")))
                if tags > _MOST_TAGS:
                    return
                file.seek(tags * tag_bytes, os.SEEK_CUR)
                (at,) = struct.unpack(order + offset, file.read(struct.calcsize(f"={offset}")))
            except struct.error:  # beyond the end
                return
