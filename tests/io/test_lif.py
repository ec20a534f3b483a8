"""LIF files, made byte by byte as Leica's programs lay them out: series, x-z scans, spectra, colour, padded rows."""

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from quietscope.errors import CaveatWarning, ImageFileError
from quietscope.io import read_image
from tests.io.vendor import check_cut_off, check_pixels_of, opened

RNG = np.random.default_rng(0)
NUMBERS = {"X": 1, "Y": 2, "Z": 3, "T": 4, "λ": 5, "M": 10}
LENGTHS = {"X": 2.9e-6, "Y": 3.8e-6, "Z": 1e-6, "T": 6.0, "λ": 4e-8, "M": 0.0}


def described(number: int, name: str, axes: str, pixels: npt.NDArray[Any], luts: Sequence[str], row_bytes: int) -> str:
    """The XML of one image whose axes follow each other as `axes` say; C is that of the channels, S of colours."""
    steps, step = {}, pixels.itemsize
    for letter, size in zip(reversed(axes), reversed(pixels.shape), strict=True):
        step = row_bytes if letter == "Y" and row_bytes else step
        steps[letter], step = step, step * size
    apart = steps.get("C") or steps.get("S", 0)
    tags = (3, 2, 1) if "S" in axes else (0,) * len(luts)  # blue first
    channels = "".join(
        f'<ChannelDescription DataType="0" ChannelTag="{tag}" Resolution="{8 * pixels.itemsize}" Min="0" '
        f'Max="1" Unit="" NameOfMeasuredQuantity="" LUTName="{lut}" IsLUTInverted="0" '
        f'BytesInc="{at * apart}" BitInc="0"/>'
        for at, (lut, tag) in enumerate(zip(luts, tags, strict=True))
    )
    dimensions = "".join(
        f'<DimensionDescription DimID="{NUMBERS[letter]}" NumberOfElements="{size}" Origin="0" '
        f'Length="{LENGTHS[letter]}" Unit="{"s" if letter == "T" else "m"}" BytesInc="{steps[letter]}" BitInc="0"/>'
        for letter, size in zip(reversed(axes), reversed(pixels.shape), strict=True)
        if letter in NUMBERS
    )
    return (
        f'<Element Name="{name}"><Data><Image><ImageDescription><Channels>{channels}</Channels>'
        f"<Dimensions>{dimensions}</Dimensions></ImageDescription></Image></Data>"
        f'<Memory Size="{pixels.nbytes}" MemoryBlockID="MemBlock_{number}"/></Element>'
    )


def write_lif(path: Path, *images: tuple[str, str, npt.NDArray[Any], Sequence[str]], row_bytes: int = 0) -> Path:
    elements = "".join(
        described(number, name, axes, pixels, luts, row_bytes)
        for number, (name, axes, pixels, luts) in enumerate(images)
    )
    xml = '<LMSDataContainerHeader Version="2"><Element Name="made">'
    xml += f"<Children>{elements}</Children></Element></LMSDataContainerHeader>"
    text = xml.encode("utf-16-le")
    made = struct.pack("<IIBI", 0x70, len(text) + 5, 0x2A, len(xml)) + text
    for number, (_, axes, pixels, _) in enumerate(images):
        name = f"MemBlock_{number}"
        data = pixels.tobytes()
        if row_bytes:
            rows = pixels.reshape(-1, pixels[0].nbytes // pixels.itemsize if axes[0] == "Y" else pixels.shape[-1])
            data = b"".join(row.tobytes().ljust(row_bytes, b"\0") for row in rows)
        made += struct.pack("<IIBQBI", 0x70, 14 + 2 * len(name), 0x2A, len(data), 0x2A, len(name))
        made += name.encode("utf-16-le") + data
    path.write_bytes(made)
    return path


STACK = RNG.integers(0, 60000, (4, 3, 2, 20, 30), np.uint16)  # T Z C Y X
PLANE = RNG.integers(0, 255, (20, 30), np.uint8)


@pytest.fixture
def several(tmp_path: Path) -> Path:
    images = (("plane", "YX", PLANE, ["Gray"]), ("Position 4", "TZCYX", STACK, ["Green", "Red"]))
    return write_lif(tmp_path / "several.lif", *images)


def test_images_are_series(several: Path) -> None:
    first, second = opened(several), read_image(several, series=1)
    assert (first.axes, first.num_series, first.series_names) == ("YX", 2, ("plane", "Position 4"))
    check_pixels_of(first, PLANE)
    assert (second.axes, second.channel_names, second.frame_interval_s) == ("TZCYX", ("Green", "Red"), 2.0)
    assert second.pixel_size_um == pytest.approx({"X": 0.1, "Y": 0.2, "Z": 0.5})
    check_pixels_of(second, STACK)
    with pytest.raises(ImageFileError, match="series 2"):
        read_image(several, series=2)


def test_a_lif_file_that_was_cut(several: Path) -> None:
    check_cut_off(several, series=1)


def test_a_scan_of_x_and_z_has_z_for_rows(tmp_path: Path) -> None:
    scans = RNG.integers(0, 255, (5, 11, 30), np.uint8)
    with pytest.warns(CaveatWarning, match="Z is called Y"):
        image = read_image(write_lif(tmp_path / "xz.lif", ("xzt", "TZX", scans, ["Gray"])))
    assert image.axes == "TYX"
    assert image.pixel_size_um == pytest.approx({"X": 0.1, "Y": 0.1})
    check_pixels_of(image, scans)


def test_a_volume_scanned_in_x_and_z_says_how_to_take_its_planes(tmp_path: Path) -> None:
    scans = RNG.integers(0, 255, (5, 11, 30), np.uint8)
    with pytest.warns(CaveatWarning, match='axes="QYX"'):
        image = read_image(write_lif(tmp_path / "xzy.lif", ("xzy", "YZX", scans, ["Gray"])))
    assert image.axes == "YZX"
    check_pixels_of(image, scans)


def test_wavelengths_count_frames(tmp_path: Path) -> None:
    spectra = RNG.integers(0, 255, (6, 20, 30), np.uint8)
    image = read_image(write_lif(tmp_path / "lambda.lif", ("lambda", "λYX", spectra, ["Gray"])))
    assert (image.axes, image.layout().num_frames, image.layout().num_channels) == ("LYX", 6, 1)
    check_pixels_of(image, spectra)


def test_tiles_of_a_mosaic_count_frames(tmp_path: Path) -> None:
    tiles = RNG.integers(0, 255, (4, 2, 20, 30), np.uint8)
    image = read_image(write_lif(tmp_path / "tiles.lif", ("tiles", "MCYX", tiles, ["Gray", "Red"])))
    assert image.axes == "MCYX"
    check_pixels_of(image, tiles)


def test_colour_is_red_first(tmp_path: Path) -> None:
    colour = RNG.integers(0, 255, (20, 30, 3), np.uint8)
    image = read_image(write_lif(tmp_path / "colour.lif", ("colour", "YXS", colour, ["Blue", "Green", "Red"])))
    assert image.axes == "YXS"
    check_pixels_of(image, colour[..., ::-1])


def test_rows_that_are_padded(tmp_path: Path) -> None:
    colour = RNG.integers(0, 255, (20, 30, 3), np.uint8)
    path = write_lif(tmp_path / "colour.lif", ("colour", "YXS", colour, ["Blue", "Green", "Red"]), row_bytes=96)
    check_pixels_of(read_image(path), colour[..., ::-1])


def test_photon_counts_are_refused(tmp_path: Path) -> None:
    path = write_lif(tmp_path / "flim.lif", ("flim", "YX", PLANE, ["Gray"]))
    text = path.read_bytes()
    one, other = (
        "<Data><Image>".encode("utf-16-le"),
        '<Data><SingleMoleculeDetection IsImage="true"/><Image>'.encode("utf-16-le"),
    )
    longer = text[:4] + struct.pack(
        "<IBI", 0, 0x2A, struct.unpack_from("<I", text, 9)[0] + (len(other) - len(one)) // 2
    )
    path.write_bytes(longer + text[13:].replace(one, other))
    with pytest.raises(ImageFileError, match="FLIM"):
        read_image(path)


def test_channels_of_several_data_types_are_refused(tmp_path: Path) -> None:
    path = write_lif(tmp_path / "a.lif", ("a", "CYX", np.stack([PLANE, PLANE]), ["Gray", "Red"]))
    one, other = (f'Resolution="{bits}" Min="0" Max="1" Unit="" '.encode("utf-16-le") for bits in ("8", "9"))
    content = path.read_bytes()
    path.write_bytes(content.replace(one, other, 1))
    with pytest.raises(ImageFileError, match="channels of one kind"):
        read_image(path)


def test_what_dye_a_channel_shows(tmp_path: Path) -> None:
    path = write_lif(tmp_path / "a.lif", ("a", "YX", PLANE, ["Gray"]))
    content = path.read_bytes()
    at = content.index('BitInc="0"/></Channels>'.encode("utf-16-le")) + len('BitInc="0"'.encode("utf-16-le"))
    told = "><ChannelProperty><Key>DyeName</Key><Value>DAPI</Value></ChannelProperty></ChannelDescription>"
    changed = content[13:at] + told.encode("utf-16-le") + content[at + 4 :]
    letters = struct.unpack_from("<I", content, 9)[0] + len(told) - 2
    path.write_bytes(content[:9] + struct.pack("<I", letters) + changed)
    assert read_image(path).channel_names == ("DAPI",)
