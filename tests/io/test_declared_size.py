"""Sizes that a header declares are looked at before memory is allocated for them."""

import json
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from quietscope.errors import ImageFileError
from quietscope.io import read_image, write_image


def tiff(width: int, height: int, compression: int) -> bytes:
    """Return a TIFF file of one strip of 100 bytes, whatever it declares."""
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 16), (259, 3, 1, compression), (262, 3, 1, 1)]
    tags += [(273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, 100)]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return struct.pack("<2sHI", b"II", 42, 108) + bytes(100) + struct.pack("<H", len(tags)) + entries + bytes(4)


@pytest.mark.parametrize(
    ("width", "height", "said"),
    [(2**32 - 1, 2**32 - 1, "of a size that can be"), (10**7, 10**7, "in one strip"), (0, 5, "expected")],
)
def test_tiff(tmp_path: Path, width: int, height: int, said: str) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(tiff(width, height, 8))
    with pytest.raises(ImageFileError, match=said) as found:
        read_image(path)
    assert str(path) in str(found.value)


def test_png(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    write_image(path, np.zeros((4, 4), np.uint8), "YX")
    content = bytearray(path.read_bytes())
    content[16:24] = struct.pack(">II", 10**7, 10**7)
    path.write_bytes(content)
    with pytest.raises(ImageFileError, match="in one image"):
        read_image(path)


@pytest.mark.parametrize(("shape", "said"), [([10**7, 10**7], "in one chunk"), ([10**12, 10**12], "of a size")])
def test_zarr(tmp_path: Path, shape: list[int], said: str) -> None:
    path = tmp_path / "a.ome.zarr"
    write_image(path, np.zeros((8, 8), np.uint16), "YX")
    file = path / "0" / "zarr.json"
    metadata = json.loads(file.read_text())
    metadata["shape"] = metadata["chunk_grid"]["configuration"]["chunk_shape"] = shape
    file.write_text(json.dumps(metadata))
    with pytest.raises(ImageFileError, match=said) as found:
        read_image(path)
    assert str(path) in str(found.value)


def test_a_pipe_in_place_of_a_chunk_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.zarr"
    write_image(path, np.arange(64, dtype=np.uint16).reshape(8, 8), "YX")
    chunk = next(each for each in (path / "0" / "c").rglob("*") if each.is_file())
    chunk.unlink()
    os.mkfifo(chunk)
    image = read_image(path)
    with pytest.raises(ImageFileError, match="a named pipe"):
        image.data[...]
