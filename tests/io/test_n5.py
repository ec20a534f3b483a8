"""N5, which a small writer of its own writes here by the specification; and the block that the specification shows."""

import bz2
import gzip
import json
import lzma
import struct
import zlib
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from numcodecs import LZ4, Blosc, Zstd

from quietscope.errors import ImageFileError, MissingPixelsWarning, OutputError, SeriesError
from quietscope.io import read_image, write_image
from quietscope.outside.sources import reading
from quietscope.pipeline.found_images import find_images

RNG = np.random.default_rng(0)
VOLUME = RNG.poisson(100, (5, 18, 33)).astype(np.uint16)
Pack = Callable[[bytes], bytes]


def lz4(data: bytes) -> bytes:
    """A stream of Java's LZ4BlockOutputStream of two blocks, the second of which is not compressed."""
    half = len(data) // 2
    packed = LZ4().encode(data[:half])[4:]
    first = struct.pack("<8sBiii", b"LZ4Block", 0x25, len(packed), half, 0) + packed
    rest = data[half:]
    return first + struct.pack("<8sBiii", b"LZ4Block", 0x15, len(rest), len(rest), 0) + rest


PACKED: dict[str, tuple[dict[str, Any], Pack]] = {
    "raw": ({"type": "raw"}, bytes),
    "gzip": ({"type": "gzip", "level": -1}, gzip.compress),
    "zlib": ({"type": "gzip", "useZlib": True}, zlib.compress),
    "bzip2": ({"type": "bzip2"}, bz2.compress),
    "xz": ({"type": "xz", "preset": 6}, lzma.compress),
    "lz4": ({"type": "lz4", "blockSize": 65536}, lz4),
    "blosc": ({"type": "blosc", "cname": "lz4"}, lambda data: bytes(Blosc("lz4", typesize=2).encode(data))),
    "zstd": ({"type": "zstd", "level": 3}, lambda data: bytes(Zstd().encode(data))),
}


def describe(folder: Path, **values: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "attributes.json").write_text(json.dumps(values))


def put(
    folder: Path, pixels: npt.NDArray[Any], block: tuple[int, ...] = (2, 8, 16), packed: str = "gzip", **values: Any
) -> None:
    """Write a dataset; sizes, blocks and their places are in N5's own order, X first."""
    compression, pack = PACKED[packed]
    sizes = {"dimensions": list(pixels.shape[::-1]), "blockSize": list(block[::-1])}
    describe(folder, **sizes, dataType=pixels.dtype.name, compression=compression, **values)
    counts = [-(-size // side) for size, side in zip(pixels.shape, block, strict=True)]
    for place in product(*map(range, counts)):
        starts = [at * side for at, side in zip(place, block, strict=True)]
        part = pixels[tuple(slice(start, start + side) for start, side in zip(starts, block, strict=True))]
        header = struct.pack(f">HH{part.ndim}I", 0, part.ndim, *part.shape[::-1])
        path = folder.joinpath(*map(str, place[::-1]))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(header + pack(part.astype(part.dtype.newbyteorder(">")).tobytes()))


@pytest.fixture
def container(tmp_path: Path) -> Path:
    describe(tmp_path / "a.n5", n5="2.5.1")
    return tmp_path / "a.n5"


@pytest.mark.parametrize("packed", list(PACKED))
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32", "float64"])
def test_every_compression_and_type(container: Path, packed: str, dtype: str) -> None:
    pixels = VOLUME.astype(dtype)
    put(container / "volume", pixels, packed=packed)
    image = read_image(container)
    assert (image.axes, image.dtype, image.series_names) == ("ZYX", np.dtype(dtype), ("volume",))
    np.testing.assert_array_equal(image, pixels)
    np.testing.assert_array_equal(image.data[1:4, ::-5, 7], pixels[1:4, ::-5, 7])


def test_the_block_that_the_specification_shows(container: Path) -> None:
    """A block of 1 x 2 x 3 pixels with the values 1 to 6, X first."""
    shown = "0000 0003 0000 0001 0000 0002 0000 0003 0001 0002 0003 0004 0005 0006"
    describe(container / "d", dimensions=[1, 2, 3], blockSize=[1, 2, 3], dataType="uint16", compression={"type": "raw"})
    (container / "d" / "0" / "0").mkdir(parents=True)
    (container / "d" / "0" / "0" / "0").write_bytes(bytes.fromhex(shown))
    np.testing.assert_array_equal(read_image(container), [[[1], [2]], [[3], [4]], [[5], [6]]])


def test_blocks_of_varying_length_and_whole_blocks_at_the_end(container: Path) -> None:
    describe(container / "d", dimensions=[5, 1], blockSize=[4, 1], dataType="uint8", compressionType="raw")
    for number in range(2):
        path = container / "d" / str(number) / "0"
        path.parent.mkdir()
        header = struct.pack(">HHIII", 1, 2, 4, 1, 4)
        path.write_bytes(header + bytes(range(4 * number, 4 * number + 4)))
    np.testing.assert_array_equal(read_image(container), [[0, 1, 2, 3, 4]])


def test_only_what_is_indexed_is_read_and_what_is_missing_is_nothing(container: Path) -> None:
    put(container / "d", VOLUME)
    (container / "d" / "0" / "0" / "0").unlink()
    (container / "d" / "2" / "2" / "2").write_bytes(b"nonsense")
    image = read_image(container)
    expected = VOLUME.copy()
    expected[:2, :8, :16] = 0
    np.testing.assert_array_equal(image.data[:, :16], expected[:, :16])
    with pytest.raises(ImageFileError, match=r"a\.n5.d.2.2.2"):
        image.data[4, 17, 32]


def test_a_dataset_may_be_named_itself(container: Path) -> None:
    put(container / "in" / "d", VOLUME)
    np.testing.assert_array_equal(read_image(container / "in" / "d"), VOLUME)


def test_bigdataviewer(container: Path) -> None:
    """Setups are series, time points an axis; the small versions are left out, and names come from the .xml beside."""
    for setup, time in product(range(2), range(3)):
        place = container / f"setup{setup}" / f"timepoint{time}"
        describe(container / f"setup{setup}", downsamplingFactors=[[1, 1, 1], [2, 2, 1]], dataType="uint16")
        describe(place, multiScale=True, resolution=[0.5, 0.5, 2.0])
        put(place / "s0", VOLUME + 10 * setup + time)
        put(place / "s1", VOLUME[:, ::2, ::2])
    image = read_image(container, series=1)
    assert (image.axes, image.num_series, image.series_names) == ("TZYX", 2, ("setup0", "setup1"))
    assert image.pixel_size_um == {"X": 0.5, "Y": 0.5, "Z": 2.0}
    np.testing.assert_array_equal(image, np.stack([VOLUME + 10 + time for time in range(3)]))
    size = "<voxelSize><unit>um</unit><size>0.4 0.4 1</size></voxelSize>"
    named = enumerate(("left", "right"))
    setups = "".join(f"<ViewSetup><id>{n}</id><name>{name}</name>{size}</ViewSetup>" for n, name in named)
    xml = f"<SpimData><SequenceDescription><ViewSetups>{setups}</ViewSetups></SequenceDescription></SpimData>"
    container.with_suffix(".xml").write_text(xml)
    image = read_image(container, series="right")
    assert (image.series_names, image.pixel_size_um) == (("left", "right"), {"X": 0.4, "Y": 0.4, "Z": 1.0})
    with pytest.raises(SeriesError, match="'left', 'right'"):
        read_image(container, series=2)


def test_a_time_point_that_was_never_recorded(container: Path) -> None:
    for setup, time in ((0, 0), (0, 1), (0, 2), (1, 0), (1, 2)):
        put(container / f"setup{setup}" / f"timepoint{time}" / "s0", VOLUME + time)
    with pytest.warns(MissingPixelsWarning, match="1 of the 3 planes"):
        image = read_image(container, series=1)
    np.testing.assert_array_equal(image, np.stack([VOLUME, np.zeros_like(VOLUME), VOLUME + 2]))
    assert image.mask is not None
    assert np.asarray(image.mask).ravel().tolist() == [True, False, True]


TOLD: dict[str, tuple[dict[str, Any], dict[str, Any], str, dict[str, float]]] = {
    "viewer": ({"pixelResolution": {"dimensions": [65, 65, 300], "unit": "nm"}}, {}, "ZYX", {"X": 0.065, "Z": 0.3}),
    "units": ({"resolution": [1, 1, 4], "units": ["nm", "nm", "nm"]}, {}, "ZYX", {"X": 0.001, "Z": 0.004}),
    "axes": ({"axes": ["x", "y", "t"], "resolution": [2, 2, 1]}, {}, "TYX", {"X": 2.0}),
    "janelia": (
        {},
        {"transform": {"axes": ["z", "y", "x"], "scale": [8, 4, 4], "units": ["nm"] * 3}},
        "ZYX",
        {"X": 0.004, "Z": 0.008},
    ),
    "imagej": (
        {},
        {"numChannels": 5, "numSlices": 1, "numFrames": 1, "pixelWidth": 0.1, "pixelHeight": 0.1, "pixelUnit": "um"},
        "CYX",
        {"X": 0.1},
    ),
    "nothing": ({}, {}, "ZYX", {}),
}


@pytest.mark.parametrize("told", list(TOLD))
def test_axes_and_pixel_sizes_as_programs_write_them(container: Path, told: str) -> None:
    group, dataset, axes, sizes = TOLD[told]
    describe(container / "c0", **group)
    put(container / "c0" / "s0", VOLUME, **dataset)
    put(container / "c0" / "s1", VOLUME[:, ::2, ::2])
    image = read_image(container)
    assert (image.axes, image.num_series, image.series_names) == (axes, 1, ("c0",))
    assert {letter: image.pixel_size_um.get(letter) for letter in sizes} == pytest.approx(sizes)
    assert ("Z" in image.pixel_size_um) == ("Z" in sizes)


def test_what_is_no_image_is_left_out(container: Path) -> None:
    put(container / "b10", VOLUME)
    put(container / "b2", VOLUME[0], (8, 16))
    describe(container / "text", dimensions=[3, 3], blockSize=[3, 3], dataType="string", compression={"type": "raw"})
    describe(container / "table", dimensions=[3], blockSize=[3], dataType="uint8", compression={"type": "raw"})
    (container / "empty").mkdir()
    assert read_image(container, series=0).series_names == ("b2", "b10")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"compression": {"type": "jpeg"}}, "one of the compressions raw, gzip, .*got 'jpeg'"),
        ({"compression": 3}, "one of the compressions"),
        ({"dimensions": [10**12, 10**12, 10**12]}, "of a size that can be"),
        ({"blockSize": [10**6, 10**6, 10**6]}, "fit into memory"),
        ({"blockSize": [0, 1, 1]}, "a dataset of N5 in .*got none"),
    ],
)
def test_metadata_that_make_no_sense(container: Path, changes: dict[str, Any], words: str) -> None:
    put(container / "d", VOLUME)
    values = json.loads((container / "d" / "attributes.json").read_text())
    describe(container / "d", **{**values, **changes})
    with pytest.raises(ImageFileError, match=words):
        read_image(container)


@pytest.mark.parametrize("packed", list(PACKED))
def test_a_block_that_was_cut(container: Path, packed: str) -> None:
    put(container / "d", VOLUME, (5, 18, 33), packed)
    path = container / "d" / "0" / "0" / "0"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ImageFileError, match=r"d.0.0.0"):
        np.asarray(read_image(container))


def test_damaged_metadata_are_one_error(container: Path) -> None:
    (container / "attributes.json").write_text("{")
    with pytest.raises(ImageFileError, match="metadata of N5"):
        read_image(container)


def test_a_folder_of_containers_and_what_lies_in_them(container: Path) -> None:
    put(container / "d", VOLUME)
    assert [each.source for each in find_images(container.parent)] == [str(container)]
    with reading({"image": container}), pytest.raises(OutputError, match="lies inside an input"):
        write_image(container / "d" / "new.npy", VOLUME, "ZYX")
