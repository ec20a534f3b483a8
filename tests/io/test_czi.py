"""CZI files, which pylibCZIrw writes here: scenes, mosaics, colour, several data types, stopped acquisitions."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from quietscope.errors import CaveatWarning, ImageFileError, MissingPixelsWarning, SeriesWarning
from quietscope.io import read_image
from quietscope.io.vendors.czi_metadata import metadata_of, scene_names
from tests.io.vendor import check_cut_off, check_pixels_of, opened

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 60000, (2, 2, 3, 20, 30), np.uint16)  # TCZYX
PACKED = "zstd1:ExplicitLevel=2"
TILE = RNG.integers(0, 255, (20, 20), np.uint8)


def written(
    path: Path, *planes: tuple[npt.NDArray[Any], dict[str, Any]], options: str = "uncompressed:", **told: Any
) -> Path:
    from pylibCZIrw import czi

    with czi.create_czi(str(path), compression_options=options) as document:
        for pixels, place in planes:
            document.write(pixels, **place)
        if told:
            document.write_metadata("made", **told)
    return path


@pytest.fixture
def two_scenes(tmp_path: Path) -> Path:
    planes = [
        (PIXELS[t, c, z] + scene, {"plane": {"T": t, "C": c, "Z": z}, "scene": scene, "location": (100 * scene, -7)})
        for scene in range(2)
        for t, c, z in np.ndindex(2, 2, 3)
    ]
    told = {"channel_names": {0: "red", 1: "green"}, "scale_x": 1e-7, "scale_y": 2e-7, "scale_z": 5e-7}
    return written(tmp_path / "two.czi", *planes, options=PACKED, **told)


def test_scenes_are_series(two_scenes: Path) -> None:
    with pytest.warns(SeriesWarning, match="holds 2 images"):
        first = read_image(two_scenes)
    assert (first.axes, first.num_series, first.channel_names) == ("TCZYX", 2, ("red", "green"))
    assert first.pixel_size_um == pytest.approx({"X": 0.1, "Y": 0.2, "Z": 0.5})
    check_pixels_of(first, PIXELS)
    check_pixels_of(read_image(two_scenes, series=1), PIXELS + 1)
    with pytest.raises(ImageFileError, match="series 2"):
        read_image(two_scenes, series=2)


def test_a_file_that_was_cut(two_scenes: Path) -> None:
    check_cut_off(two_scenes, series=1)


def test_colour_is_red_first(tmp_path: Path) -> None:
    colour = RNG.integers(0, 255, (20, 30, 3), np.uint8)
    image = read_image(written(tmp_path / "colour.czi", (colour, {})))
    assert image.axes == "YXS"
    check_pixels_of(image, colour[..., ::-1])  # the file has blue first


def test_a_mosaic_is_put_together_and_its_gap_was_never_measured(tmp_path: Path) -> None:
    tiles = [(TILE, {"location": at}) for at in ((-5, -5), (15, -5), (-5, 15))]
    with pytest.warns(CaveatWarning, match="mosaic of 3 tiles"):
        image = read_image(written(tmp_path / "mosaic.czi", *tiles, options=PACKED))
    expected = np.block([[TILE, TILE], [TILE, np.zeros_like(TILE)]])
    check_pixels_of(image, expected)
    np.testing.assert_array_equal(image.mask, np.block([[TILE >= 0, TILE >= 0], [TILE >= 0, TILE < 0]]))


def test_a_mosaic_with_other_gaps_in_each_plane(tmp_path: Path) -> None:
    places = ((0, (0, 0)), (0, (20, 0)), (1, (0, 0)))
    tiles = [(TILE, {"plane": {"T": time}, "location": at}) for time, at in places]
    image = opened(written(tmp_path / "mosaic.czi", *tiles))
    assert image.mask.shape == (2, 20, 40)
    assert image.mask.mean(axis=(1, 2)).tolist() == [1.0, 0.5]


def test_channels_of_other_data_types(tmp_path: Path) -> None:
    planes = [(TILE, {"plane": {"C": 0}}), (TILE.astype(np.uint16) * 200, {"plane": {"C": 1}})]
    check_pixels_of(read_image(written(tmp_path / "a.czi", *planes)), np.stack([TILE, TILE.astype(np.uint16) * 200]))
    single = TILE.astype(np.float32) / 3
    check_pixels_of(read_image(written(tmp_path / "b.czi", (single, {}))), single)
    mixed = [planes[0], (np.stack([TILE] * 3, -1), {"plane": {"C": 1}})]
    with pytest.raises(ImageFileError, match="all grey or all in colour"):
        read_image(written(tmp_path / "c.czi", *mixed))


def test_planes_that_were_never_recorded(tmp_path: Path) -> None:
    stopped = [(TILE, {"plane": {"T": n // 2, "C": n % 2}}) for n in range(5)]
    with pytest.warns(MissingPixelsWarning, match="1 of the 6 planes"):
        image = read_image(written(tmp_path / "stopped.czi", *stopped))
    assert image.axes == "TCYX"
    assert image.mask.ravel().tolist() == [True] * 5 + [False]
    check_pixels_of(image, np.concatenate([np.stack([TILE] * 5), np.zeros_like(TILE)[None]]).reshape(3, 2, 20, 20))


def test_numbers_of_planes_that_do_not_begin_at_0(tmp_path: Path) -> None:
    part = [(TILE + n, {"plane": {"T": 4 + 2 * n}}) for n in range(3)]
    image = read_image(written(tmp_path / "part.czi", *part))
    assert image.axes == "TYX"
    check_pixels_of(image, np.stack([TILE, TILE + 1, TILE + 2]))


def test_what_the_document_of_a_file_tells() -> None:
    channels = [
        {"@Name": "LED", "EmissionWavelength": "568", "Color": "#FFFF7E00"},
        {"@Id": "Channel:1", "Fluor": "DAPI"},
    ]
    dimensions = {
        "Channels": {"Channel": channels},
        "T": {"Positions": {"List": {"Offsets": "0 60 119"}}},
        "S": {"Scenes": {"Scene": {"@Index": "3", "@Name": "A1"}}},
    }
    items = [{"@Id": "X", "Value": "9e-08"}, {"@Id": "Y", "Value": "0"}, {"@Id": "Z", "Value": "3e-07"}]
    document = {
        "ImageDocument": {
            "Metadata": {
                "Information": {"Image": {"Dimensions": dimensions, "AcquisitionDateAndTime": "2016-02-12T09:41:02Z"}},
                "Scaling": {"Items": {"Distance": items}},
            }
        }
    }
    told = metadata_of(document, "T", (0, 1, 2))
    assert told["pixel_size_um"] == pytest.approx({"X": 0.09})
    assert told["channel_names"] == ("LED", "DAPI", "")
    assert told["frame_interval_s"] == pytest.approx(59.5)
    assert told["details"].acquired == "2016-02-12T09:41:02Z"
    assert metadata_of(document, "", (0,))["details"].colors == ("FF7E00",)
    assert scene_names(document, (2, 3)) == ("", "A1")
    dimensions["T"] = {"Positions": {"Interval": {"Increment": "2.5"}}}
    assert metadata_of(document, "T", (0,))["frame_interval_s"] == 2.5
    assert metadata_of({}, "T", (0,)).get("frame_interval_s") is None


def test_parts_of_a_file_that_belong_together(tmp_path: Path) -> None:
    path = written(tmp_path / "a.czi", (TILE, {}))
    content = bytearray(path.read_bytes())
    content[80] = 2
    path.write_bytes(content)
    with pytest.raises(ImageFileError, match="part 2 of several"):
        read_image(path)


def test_compression_that_may_be_with_loss(tmp_path: Path) -> None:
    path = written(tmp_path / "a.czi", (TILE, {}))
    content = bytearray(path.read_bytes())
    (directory,) = struct.unpack_from("<q", content, 84)
    struct.pack_into("<i", content, directory + 32 + 128 + 18, 4)  # the library writes no JPEG XR
    path.write_bytes(content)
    with pytest.warns(CaveatWarning, match="JPEG XR, which may be with loss"):
        read_image(path)


def test_a_directory_that_is_damaged(tmp_path: Path) -> None:
    path = written(tmp_path / "a.czi", (TILE, {}), channel_names={0: "red"})
    whole = path.read_bytes()
    (directory, metadata) = struct.unpack_from("<qq", whole, 84)
    entry = directory + 32 + 128
    number = entry + 32 + 4  # where the first dimension begins
    for at, content in (
        (directory, b"ZISRAWNOTHING"),
        (directory + 32, struct.pack("<i", 10**6)),
        (metadata, b"ZISRAWNOTHING"),
        (entry, b"XX"),
        (entry + 6, struct.pack("<q", 2**60)),
        (entry + 28, struct.pack("<i", 10**8)),
        (number, struct.pack("<i", 2**31 - 1)),
        (84, struct.pack("<q", 2**60)),
    ):
        path.write_bytes(whole[:at] + content + whole[at + len(content) :])
        with pytest.raises(ImageFileError, match=r"damaged|complete"):
            read_image(path)
