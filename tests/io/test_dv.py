"""DV files in every order of planes, both byte orders, with and without times of planes."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from quietscope.errors import ImageFileError
from quietscope.io import read_image
from tests.io.vendor import check_cut_off, check_pixels_of

RNG = np.random.default_rng(0)
SIZES = {"T": 3, "C": 2, "Z": 4, "Y": 20, "X": 30}
ORDERS = {0: "CTZYX", 1: "TZCYX", 2: "TCZYX"}
LAYOUT = "10i6f3i3f2i2hi24s4h6f6h2f2h3f6h3fi800s"
FIELDS = {0: 30, 1: 20, 2: 24, 3: 6, 10: 0.1, 11: 0.2, 12: 0.5, 24: -16224, 46: 3, 47: 0, 51: 2, 52: 525, 53: 632}
"""Of the header: width, height, planes, type, steps, mark, times, order of planes, channels, two wavelengths."""


def write_dv(path: Path, pixels: npt.NDArray[Any], seconds: float = 0.0, order: str = "<", **other: float) -> Path:
    """Write a file; with seconds, every plane has its time, those of one time point the same."""
    fields: list[Any] = [0] * 62
    for at, value in (FIELDS | {int(name[1:]): value for name, value in other.items()}).items():
        fields[at] = value
    fields[27] = b""  # blank
    fields[61] = b""  # titles
    extended = b""
    if seconds:
        fields[28], fields[29] = 8, 32
        axes = ORDERS[fields[47]]
        times = np.indices([SIZES[letter] for letter in axes[:3]])[axes.index("T")].ravel()
        extended = b"".join(struct.pack(f"{order}8i32f", *[0] * 8, 0.0, time * seconds, *[0.0] * 30) for time in times)
        fields[23] = len(extended)
    path.write_bytes(struct.pack(order + LAYOUT, *fields) + extended + pixels.tobytes())
    return path


@pytest.mark.parametrize("sequence", ORDERS)
def test_orders_of_planes(tmp_path: Path, sequence: int) -> None:
    axes = ORDERS[sequence]
    pixels = RNG.integers(0, 60000, [SIZES[letter] for letter in axes], np.uint16)
    image = read_image(write_dv(tmp_path / "a.dv", pixels, seconds=2.5, f47=sequence))
    assert (image.axes, image.channel_names, image.frame_interval_s) == (axes, ("525 nm", "632 nm"), 2.5)
    assert image.pixel_size_um == pytest.approx({"X": 0.1, "Y": 0.2, "Z": 0.5})
    assert image.details.emission_nm == pytest.approx((525, 632))
    check_pixels_of(image, pixels)


def test_big_endian_and_other_data_types(tmp_path: Path) -> None:
    for number, dtype in ((0, "u1"), (1, "i2"), (2, "f4"), (6, "u2"), (7, "i4")):
        pixels = RNG.integers(0, 99, (24, 20, 30)).astype(f">{dtype}")
        image = read_image(write_dv(tmp_path / "a.dv", pixels, order=">", f3=number))
        assert image.frame_interval_s is None
        check_pixels_of(image, pixels.reshape(2, 3, 4, 20, 30).astype(dtype))
    with pytest.raises(ImageFileError, match="real numbers"):
        read_image(write_dv(tmp_path / "b.dv", pixels, f3=3))
    with pytest.raises(ImageFileError, match="real numbers"):
        read_image(write_dv(tmp_path / "c.dv", pixels.repeat(2, 0), f3=4))


def test_numbers_that_were_left_at_0(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 99, (24, 20, 30)).astype(np.uint16)
    image = read_image(write_dv(tmp_path / "a.dv", pixels, f46=0, f51=0))
    assert (image.axes, image.channel_names) == ("ZYX", ("525 nm",))
    check_pixels_of(image, pixels)


def test_planes_that_do_not_make_whole_times(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 99, (23, 20, 30)).astype(np.uint16)
    with pytest.raises(ImageFileError, match="23 planes"):
        read_image(write_dv(tmp_path / "a.dv", pixels, f2=23))


def test_what_the_library_writes(tmp_path: Path) -> None:
    import mrc

    pixels = RNG.integers(0, 99, (4, 20, 30)).astype(np.uint16)
    mrc.imsave(str(tmp_path / "a.dv"), pixels, resolution=(0.1, 0.1, 0.3), zAxisOrder="z")
    image = read_image(tmp_path / "a.dv")
    assert image.pixel_size_um == pytest.approx({"X": 0.1, "Y": 0.1, "Z": 0.3})
    check_pixels_of(image, pixels)


def test_a_dv_file_that_was_cut(tmp_path: Path) -> None:
    check_cut_off(write_dv(tmp_path / "a.dv", RNG.integers(0, 99, (24, 20, 30)).astype(np.uint16), seconds=1.0))
