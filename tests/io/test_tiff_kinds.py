"""TIFF files of vendors: LSM, STK, Micro-Manager stacks, Aperio slides, sets of OME-TIFF files, ImageJ hyperstacks."""

import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile

from quietscope.errors import ImageFileError, SeriesWarning
from quietscope.io import read_image
from tests.io.vendor import check_pixels_of

RNG = np.random.default_rng(0)
STACK = RNG.integers(0, 60000, (3, 4, 2, 20, 30), np.uint16)  # TZCYX
BYTE, TEXT, SHORT, LONG, RATIONAL = 1, 2, 3, 4, 5


def directory(at: int, tags: Sequence[tuple[int, int, int, int]], following: int = 0) -> bytes:
    """One page's tags (code, type, count, value or place of it), as they lie at a place in the file."""
    entries = b"".join(
        struct.pack(
            "<HHIHH" if kind == SHORT and count == 1 else "<HHII",
            code,
            kind,
            count,
            value,
            *[0] * (kind == SHORT and count == 1),
        )
        for code, kind, count, value in sorted(tags)
    )
    assert at % 2 == 0
    return struct.pack("<H", len(tags)) + entries + struct.pack("<I", following)


def plane_tags(plane: npt.NDArray[Any], at: int) -> list[tuple[int, int, int, int]]:
    height, width = plane.shape
    words = {256: width, 257: height, 258: 8 * plane.itemsize, 259: 1, 262: 1, 277: 1, 278: height}
    tags = [(code, SHORT, 1, value) for code, value in words.items()]
    return [*tags, (273, LONG, 1, at), (279, LONG, 1, plane.nbytes)]


def write_stk(path: Path, pixels: npt.NDArray[Any], distance: tuple[int, int], step_ms: int) -> Path:
    """Write planes as MetaMorph does: one page, with the numbers of all planes in one of its tags."""
    count, start = len(pixels), 8
    told = b"".join(struct.pack("<6I", *distance, 2451545, 1000 + n * step_ms, 2451545, 0) for n in range(count))
    unit = b"um\0"
    values = struct.pack("<2I", 1, 8) + struct.pack("<2I", 1, 4) + struct.pack("<I", len(unit)) + unit + b"\0"
    at_values = start + pixels.nbytes
    at_told = at_values + len(values) + 32
    at_page = at_told + len(told)
    first = [(0, 1), (4, at_values), (5, at_values + 8), (6, at_values + 16)]  # automatic scale, X, Y, unit
    settings = b"".join(struct.pack("<II", *pair) for pair in first)
    tags = [
        *plane_tags(pixels[0], start),
        (33628, LONG, len(first), at_values + len(values)),
        (33629, RATIONAL, count, at_told),
    ]
    path.write_bytes(
        struct.pack("<2sHI", b"II", 42, at_page)
        + pixels.tobytes()
        + values
        + settings
        + told
        + directory(at_page, tags)
    )
    return path


def test_metamorph(tmp_path: Path) -> None:
    pixels = STACK[:, 0, 0]
    deep = read_image(write_stk(tmp_path / "z.stk", pixels, (1, 2), 0))
    assert (deep.axes, deep.frame_interval_s) == ("ZYX", None)
    assert deep.pixel_size_um == pytest.approx({"X": 0.125, "Y": 0.25, "Z": 0.5})
    check_pixels_of(deep, pixels)
    long = read_image(write_stk(tmp_path / "t.stk", pixels, (0, 1), 1500))
    assert (long.axes, long.frame_interval_s) == ("TYX", 1.5)
    check_pixels_of(long, pixels)
    path = tmp_path / "t.stk"
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ImageFileError):
        np.asarray(read_image(path))


def write_lsm(path: Path, pixels: npt.NDArray[Any], interval: float) -> Path:
    """Write TZCYX as an LSM has it: all channels in one page, each followed by a small copy."""
    times, depth, channels, height, width = pixels.shape
    kinds: dict[str, Any] = dict(tifffile.TIFF.CZ_LSMINFO)
    info = np.zeros((), np.dtype([(name, kind) for name, kind in kinds.items() if name]))
    told = {"MagicNumber": 67127628, "StructureSize": info.nbytes, "DimensionX": width, "DimensionY": height}
    told |= {"DimensionZ": depth, "DimensionChannels": channels, "DimensionTime": times, "DataType": 2}
    told |= {"VoxelSizeX": 1e-7, "VoxelSizeY": 2e-7, "VoxelSizeZ": 5e-7, "ScanType": 6, "TimeIntervall": interval}
    for name, value in told.items():
        info[name] = value
    with tifffile.TiffWriter(path, byteorder="<") as tif:
        for number, page in enumerate(pixels.reshape(-1, channels, height, width)):
            extra = [] if number else [(34412, "B", info.nbytes, info.tobytes(), True)]
            tif.write(page, photometric="minisblack", planarconfig="separate", extratags=extra, metadata=None)
            tif.write(
                page[:, ::4, ::4], photometric="minisblack", planarconfig="separate", subfiletype=1, metadata=None
            )
    names = b"".join(struct.pack("<I", len(name) + 1) + name + b"\0" for name in (b"Ch1", b"Ch2", b"ChD"))
    colors = (
        struct.pack("<6I", 36 + len(names), 3, 3, 24, 36, 0) + bytes((255, *[0] * 4, 255, *[0] * 4, 255, 0)) + names
    )
    content = bytearray(path.read_bytes())
    at = content.index(struct.pack("<II", 67127628, info.nbytes))
    field = info.dtype.fields
    assert field is not None
    stamps = struct.pack("<2i", 8 + 8 * times, times) + struct.pack(f"<{times}d", *np.arange(times) * 2.5)
    for name, place in (("OffsetChannelColors", len(content)), ("OffsetTimeStamps", len(content) + len(colors))):
        struct.pack_into("<I", content, at + field[name][1], place)
    path.write_bytes(content + colors + stamps)
    return path


def test_lsm(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 60000, (3, 4, 3, 20, 30), np.uint16)  # of two channels, the library corrects a tag
    image = read_image(write_lsm(tmp_path / "a.lsm", pixels, 1.25))  # its small copies are no series
    assert (image.axes, image.num_series, image.channel_names) == ("TZCYX", 1, ("Ch1", "Ch2", "ChD"))
    assert image.pixel_size_um == pytest.approx({"X": 1e-1, "Y": 2e-1, "Z": 5e-1})
    assert (image.frame_interval_s, image.details.colors) == (1.25, ("FF0000", "00FF00", "0000FF"))
    check_pixels_of(image, pixels)
    assert read_image(write_lsm(tmp_path / "b.lsm", pixels, 0)).frame_interval_s == 2.5


def write_micromanager(path: Path, pixels: npt.NDArray[Any]) -> Path:
    """Write TZCYX as Micro-Manager does: settings at the start, and an index of all planes at the end."""
    times, depth, channels, *_ = pixels.shape
    summary = {"MicroManagerVersion": "2.0", "Frames": times, "Slices": depth, "Channels": channels, "Positions": 1}
    summary |= {"ChNames": ["DAPI", "GFP"], "PixelSize_um": 0.1, "z-step_um": 0.5, "Interval_ms": 2000.0}
    summary |= {"TimeFirst": False, "SlicesFirst": True}
    text = json.dumps(summary).encode().ljust(400)
    text += b" " * (-(40 + len(text)) % 2)
    places, body, at = [], b"", 40 + len(text)
    planes = pixels.reshape(-1, *pixels.shape[-2:])
    for number, plane in enumerate(planes):
        after = at + 162 + plane.nbytes
        extra = [(305, TEXT, 4, 0x0000414D), (282, LONG, 1, 1), (283, LONG, 1, 1), (51123, TEXT, 2, 0x7D7B)]
        body += (
            directory(at, [*plane_tags(plane, at + 162), *extra], after if number + 1 < len(planes) else 0)
            + plane.tobytes()
        )
        places.append(at)
        at = after
    index = struct.pack("<II", 3453623, len(places))
    for (t, z, c), place in zip(np.ndindex(times, depth, channels), places, strict=True):
        index += struct.pack("<5I", c, z, t, 0, place)
    head = struct.pack("<2sHI", b"II", 42, places[0]) + struct.pack("<II", 54773648, at) + bytes(16)
    path.write_bytes(head + struct.pack("<II", 2355492, len(text)) + text + body + index)
    return path


def test_micromanager(tmp_path: Path) -> None:
    image = read_image(write_micromanager(tmp_path / "a_MMStack.ome.tif", STACK))
    assert (image.axes, image.channel_names, image.frame_interval_s) == ("TZCYX", ("DAPI", "GFP"), 2.0)
    assert image.pixel_size_um == pytest.approx({"X": 0.1, "Y": 0.1, "Z": 0.5})
    check_pixels_of(image, STACK)


def test_a_slide_has_the_size_of_its_pixels_and_named_images(tmp_path: Path) -> None:
    colour = RNG.integers(0, 255, (64, 96, 3), np.uint8)
    head = "Aperio Image Library v11.2.1\n96x64 [0,0 96x64] (16x16)"
    with tifffile.TiffWriter(tmp_path / "a.svs") as tif:
        tif.write(colour, tile=(16, 16), description=f"{head} |AppMag = 20|MPP = 0.4990", metadata=None)
        tif.write(colour[::8, ::8], description=head, metadata=None)
        tif.write(colour[::4, ::4], tile=(16, 16), description=f"{head}|AppMag = 20|MPP = 0.4990", metadata=None)
    with pytest.warns(SeriesWarning):
        image = read_image(tmp_path / "a.svs")
    assert (image.axes, image.series_names) == ("YXS", ("Baseline", "Thumbnail"))
    assert image.pixel_size_um == pytest.approx({"X": 0.499, "Y": 0.499})
    check_pixels_of(image, colour)
    check_pixels_of(read_image(tmp_path / "a.svs", series="Thumbnail"), colour[::8, ::8])


def test_an_imagej_hyperstack(tmp_path: Path) -> None:
    metadata = {"axes": "TZCYX", "unit": "um", "spacing": 0.5, "finterval": 2.0}
    tifffile.imwrite(tmp_path / "a.tif", STACK, imagej=True, resolution=(10, 5), metadata=metadata)
    image = read_image(tmp_path / "a.tif")
    assert (image.axes, image.frame_interval_s) == ("TZCYX", 2.0)
    assert image.pixel_size_um == pytest.approx({"X": 0.1, "Y": 0.2, "Z": 0.5})
    check_pixels_of(image, STACK)


def test_a_set_of_ome_tiff_files(tmp_path: Path) -> None:
    planes = STACK[:, 0, 0]
    names = [f"set_{number}.ome.tif" for number in range(3)]
    data = "".join(
        f'<TiffData FirstT="{n}" FirstZ="0" FirstC="0" IFD="0" PlaneCount="1">'
        f'<UUID FileName="{name}">urn:uuid:{n}</UUID></TiffData>'
        for n, name in enumerate(names)
    )
    for number, name in enumerate(names):
        xml = (
            '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="urn:uuid:{number}"><Image ID="Image:0" Name="set"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" '
            'Type="uint16" SizeX="30" SizeY="20" SizeZ="1" SizeC="1" SizeT="3" PhysicalSizeX="0.1" PhysicalSizeY="0.2" '
            f'TimeIncrement="2"><Channel ID="Channel:0:0" Name="GFP" SamplesPerPixel="1"/>{data}</Pixels></Image></OME>'
        )
        tifffile.imwrite(tmp_path / name, planes[number], description=xml, metadata=None)
    image = read_image(tmp_path / names[0])
    assert (image.axes, image.channel_names, image.frame_interval_s) == ("TYX", ("GFP",), 2.0)
    assert image.pixel_size_um == pytest.approx({"X": 0.1, "Y": 0.2})
    check_pixels_of(image, planes)
