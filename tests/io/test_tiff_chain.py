"""Pages of a TIFF file that follow each other in a circle are refused, and not followed for ever."""

import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile

from quietscope.errors import ImageFileError
from quietscope.io import read_image
from quietscope.io.tiff_chain import check_chain


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_a_circle_is_refused(tmp_path: Path, order: str, big: bool) -> None:
    path = tmp_path / "circle.tif"
    planes = np.arange(3 * 16 * 16, dtype=np.uint16).reshape(3, 16, 16)
    with tifffile.TiffWriter(path, byteorder=order, bigtiff=big) as writer:
        for plane in planes:
            writer.write(plane, contiguous=False, metadata=None)
    check_chain(path)
    assert np.array_equal(np.asarray(read_image(path)), planes)
    with tifffile.TiffFile(path) as tif:
        offsets = [page.offset for page in tif.pages]
        tags = len(tif.pages[2].tags)
    head, tag, offset = (8, 20, "Q") if big else (2, 12, "I")
    content = bytearray(path.read_bytes())
    struct.pack_into(order + offset, content, offsets[2] + head + tags * tag, offsets[1])
    path.write_bytes(content)
    with pytest.raises(ImageFileError, match="page 3 leads back to page 2"):
        read_image(path)


@pytest.mark.parametrize("content", [b"", b"II*\0", b"II*\0\x08\0\0\0\xff\xff" + bytes(20), b"MM\0*" + bytes(30)])
def test_other_damage_is_left_to_the_reader(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "damaged.tif"
    path.write_bytes(content)
    check_chain(path)
    with pytest.raises(ImageFileError):
        read_image(path)
