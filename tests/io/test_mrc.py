"""MRC files, which mrcfile writes here: every mode, stacks and volumes, both byte orders, headers of older programs."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from quietscope.errors import ImageFileError
from quietscope.io import read_image
from tests.io.vendor import check_cut_off, check_pixels_of

RNG = np.random.default_rng(0)
VOLUME = RNG.integers(0, 100, (5, 20, 30))


def written(path: Path, pixels: npt.NDArray[Any], voxel: float = 2.5, **header: int) -> Path:
    import mrcfile

    with mrcfile.new(path, overwrite=True) as file:
        file.set_data(pixels)
        file.voxel_size = voxel
        for name, value in header.items():
            file.header[name] = value
    return path


def changed(path: Path, at: int, content: bytes) -> Path:
    held = bytearray(path.read_bytes())
    held[at : at + len(content)] = content
    path.write_bytes(held)
    return path


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint16", "float16", "float32"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_every_mode_in_both_byte_orders(tmp_path: Path, dtype: str, order: str) -> None:
    pixels = VOLUME.astype(f"{order}{np.dtype(dtype).str[1:]}") - np.dtype(dtype).type(7)
    image = read_image(written(tmp_path / "a.mrc", pixels, ispg=1))
    assert image.axes == "ZYX"
    assert image.pixel_size_um == pytest.approx({"X": 2.5e-4, "Y": 2.5e-4, "Z": 2.5e-4})
    check_pixels_of(image, pixels.astype(dtype))


def test_complex_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageFileError, match=r"numpy\.abs"):
        read_image(written(tmp_path / "a.mrc", VOLUME.astype(np.complex64)))


def test_half_bytes_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.mrc", VOLUME.astype(np.int8))
    with pytest.raises(ImageFileError, match="4 bits"):
        read_image(changed(path, 12, (101).to_bytes(4, "little")))


def test_stacks_planes_and_volumes(tmp_path: Path) -> None:
    pixels = VOLUME.astype(np.float32)
    stack = read_image(written(tmp_path / "stack.st", pixels, ispg=0, mz=1))
    assert (stack.axes, stack.shape) == ("TYX", (5, 20, 30))
    assert sorted(stack.pixel_size_um) == ["X", "Y"]
    assert read_image(written(tmp_path / "old.rec", pixels, ispg=0)).axes == "ZYX"
    plane = read_image(written(tmp_path / "plane.mrc", pixels[0]))
    assert (plane.axes, plane.shape) == ("YX", (20, 30))
    volumes = read_image(written(tmp_path / "volumes.mrc", pixels.reshape(1, 5, 20, 30).repeat(3, 0)))
    assert (volumes.axes, volumes.shape) == ("QZYX", (3, 5, 20, 30))
    check_pixels_of(volumes, np.stack([pixels] * 3))


def test_axes_in_another_order(tmp_path: Path) -> None:
    path = written(tmp_path / "a.map", VOLUME.astype(np.float32), ispg=1, mapc=3, mapr=2, maps=1, mx=5, mz=30)
    image = read_image(path)
    assert (image.axes, image.shape) == ("XYZ", (5, 20, 30))


def test_an_unknown_size_of_pixels(tmp_path: Path) -> None:
    assert read_image(written(tmp_path / "a.mrc", VOLUME.astype(np.float32), voxel=0.0)).pixel_size_um == {}


def test_an_extended_header(tmp_path: Path) -> None:
    import mrcfile

    path = written(tmp_path / "a.mrc", VOLUME.astype(np.int16), ispg=1)
    with mrcfile.open(path, "r+") as file:
        file.set_extended_header(np.frombuffer(bytes(768), "V1"))
    check_pixels_of(read_image(path), VOLUME.astype(np.int16))
    with pytest.raises(ImageFileError, match="complete"):
        read_image(changed(path, 92, (2**31 - 1).to_bytes(4, "little")))


def test_bytes_of_imod_are_unsigned_unless_it_says_otherwise(tmp_path: Path) -> None:
    path = written(tmp_path / "a.mrc", VOLUME.astype(np.int8), ispg=1)
    assert read_image(path).dtype == np.int8
    assert read_image(changed(path, 152, (1146047817).to_bytes(4, "little"))).dtype == np.uint8
    assert read_image(changed(path, 156, (1).to_bytes(4, "little"))).dtype == np.int8


def test_a_header_without_a_mark(tmp_path: Path) -> None:
    for order in "<>":
        pixels = VOLUME.astype(f"{order}i2")
        path = changed(written(tmp_path / "old.bin", pixels, ispg=1), 208, bytes(8))
        check_pixels_of(read_image(path), pixels.astype(np.int16))


def test_an_mrc_file_that_was_cut(tmp_path: Path) -> None:
    check_cut_off(written(tmp_path / "a.mrc", VOLUME.astype(np.int16), ispg=1))
