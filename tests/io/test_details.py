"""What an image is told to be besides its pixels comes back from the result, or is told to be left out."""

import pickle
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile

from quietscope.axes import reorder
from quietscope.errors import CaveatWarning, LeftOutWarning
from quietscope.io import Image, read_image, write_image

PLANES = np.arange(2 * 3 * 2 * 8 * 9, dtype=np.uint16).reshape(2, 3, 2, 8, 9)
RED, GREEN = (np.stack([np.arange(256) * (at == n) for n in range(3)]).astype(np.uint8) for at in range(2))
MICRONS = {"PhysicalSizeX": 0.1, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": 0.1, "PhysicalSizeYUnit": "µm"}


@pytest.fixture
def imagej(tmp_path: Path) -> Image:
    metadata = {
        "axes": "TZCYX",
        "unit": "um",
        "spacing": 0.5,
        "finterval": 2.5,
        "mode": "composite",
        "LUTs": [GREEN, RED],
        "Ranges": (1.0, 5.0, 2.0, 9.0),
        "Overlays": [b"Iout" + bytes(60)],
        "ROI": b"Iout" + bytes(61),
        "Info": "a mouse",
        "Labels": [f"plane {n}" for n in range(12)],
    }
    tifffile.imwrite(tmp_path / "ij.tif", PLANES, imagej=True, resolution=(10, 10), metadata=metadata)
    return read_image(tmp_path / "ij.tif")


@pytest.fixture
def ome(tmp_path: Path) -> Image:
    channels = {
        "Name": ["GFP", "RFP"],
        "Color": [16711935, -16776961],
        "EmissionWavelength": [510.0, 0.61],
        "EmissionWavelengthUnit": ["nm", "µm"],
    }
    planes = {
        "DeltaT": [n / 2 for n in range(12)],
        "PositionX": [100.0] * 12,
        "PositionXUnit": ["µm"] * 12,
        "PositionY": [-0.007] * 12,
        "PositionYUnit": ["mm"] * 12,
    }
    metadata = {
        "axes": "TZCYX",
        **MICRONS,
        "TimeIncrement": 3.0,
        "TimeIncrementUnit": "s",
        "Name": "sample 4",
        "AcquisitionDate": "2024-05-06T07:08:09",
        "Channel": channels,
        "Plane": planes,
        "MapAnnotation": {"Namespace": "mine", "key": "value"},
    }
    tifffile.imwrite(tmp_path / "a.ome.tif", PLANES, ome=True, photometric="minisblack", metadata=metadata)
    return read_image(tmp_path / "a.ome.tif")


def again(image: Image, path: Path) -> tuple[Image, str]:
    """Write an image, and return what is read then, and what was told."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        write_image(
            path,
            np.asarray(image, np.float32),
            image.axes,
            pixel_size_um=image.pixel_size_um,
            channel_names=image.channel_names,
            frame_interval_s=image.frame_interval_s,
            details=image.details,
        )
    result = read_image(path)
    np.testing.assert_array_equal(reorder(np.asarray(result), result.axes, "TZCYX"), PLANES)
    assert len(told) <= 1
    return result, "".join(str(each.message) for each in told if each.category is LeftOutWarning)


def test_imagej_keeps_what_is_imagejs(imagej: Image, tmp_path: Path) -> None:
    result, told = again(imagej, tmp_path / "r.tif")
    details = result.details
    assert told == ""
    assert result.frame_interval_s == 2.5
    assert details.luts == (GREEN.tobytes(), RED.tobytes())
    assert details.ranges == (1.0, 5.0, 2.0, 9.0)
    assert details.overlays == (b"Iout" + bytes(60),)
    assert details.roi == b"Iout" + bytes(61)
    assert details.info == "a mouse"
    assert details.labels == tuple(f"plane {n}" for n in range(12))


@pytest.mark.parametrize("name", ["r.ome.tif", "r.ome.zarr"])
def test_even_look_up_tables_become_colours_and_the_rest_is_told(imagej: Image, tmp_path: Path, name: str) -> None:
    result, told = again(imagej, tmp_path / name)
    assert result.details.colors == ("00FF00", "FF0000")
    assert result.frame_interval_s == 2.5
    assert "overlays, region of interest (ROI), ImageJ's info text; that is left out" in told
    assert "look-up" not in told


def test_ome_keeps_all_of_ome(ome: Image, tmp_path: Path) -> None:
    result, told = again(ome, tmp_path / "r.ome.tif")
    text = tifffile.tiffcomment(tmp_path / "r.ome.tif")
    details = result.details
    assert told == ""
    assert (details.name, details.acquired) == ("sample 4", "2024-05-06T07:08:09")
    assert (result.frame_interval_s, result.channel_names) == (3.0, ("GFP", "RFP"))
    assert (details.colors, details.emission_nm) == (("00FF00", "FF0000"), (510.0, 610.0))
    assert details.position_um == {"X": 100.0, "Y": -7.0}
    assert text.count("<Plane ") == 12
    assert 'DeltaT="5.5"' in text
    assert '<M K="key">value</M>' in text


def test_zarr_keeps_what_it_can_of_ome(ome: Image, tmp_path: Path) -> None:
    result, told = again(ome, tmp_path / "r.ome.zarr")
    details = result.details
    assert (details.name, result.channel_names, result.frame_interval_s) == ("sample 4", ("GFP", "RFP"), 3.0)
    assert (details.colors, details.emission_nm) == (("00FF00", "FF0000"), (510.0, 610.0))
    assert details.position_um == {"X": 100.0, "Y": -7.0}
    assert "acquisition date, times of planes (DeltaT), OME annotations;" in told
    _, told = again(ome, tmp_path / "r.tif")
    assert "image name, acquisition date, emission wavelengths, stage position" in told


def test_zarr_makes_up_no_position(ome: Image, tmp_path: Path) -> None:
    half = replace(ome, details=replace(ome.details, position_um={"X": 100.0}))
    result, told = again(half, tmp_path / "half.ome.zarr")
    assert result.details.position_um == {}
    assert "stage position" in told


def test_signed_imagej_files_have_their_values(tmp_path: Path) -> None:
    values = np.array([[-32768, -5, 0], [7, 300, 32767]], np.int16)
    stored = (values.astype(np.int32) + 32768).astype(np.uint16)
    words = "ImageJ=1.53t\ncf=0\nc0={}\nc1=1.0\nvunit=Gray Value\n"
    tifffile.imwrite(tmp_path / "s.tif", stored, description=words.format("-32768.0"), metadata=None)
    image = pickle.loads(pickle.dumps(read_image(tmp_path / "s.tif")))
    assert image.dtype == np.int16
    np.testing.assert_array_equal(image, values)
    np.testing.assert_array_equal(image.data[1, ::2], values[1, ::2])
    tifffile.imwrite(tmp_path / "c.tif", stored, description=words.format("3.0"), metadata=None)
    with pytest.warns(CaveatWarning, match=r"calibration of intensities \(Gray Value\) is not applied"):
        np.testing.assert_array_equal(read_image(tmp_path / "c.tif"), stored)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"compression": "jpeg", "photometric": "minisblack"}, "compressed with JPEG, which changes their noise"),
        ({"compression": "jpeg2000", "compressionargs": {"level": 30}}, "with JPEG 2000, which changes"),
        (
            {"compression": "webp", "compressionargs": {"level": 50, "lossless": False}, "shape": (16, 16, 3)},
            "with WebP, which changes",
        ),
        ({"compression": "jpegxl"}, "with JPEG XL, which may be with loss"),
        ({"colormap": np.zeros((3, 256), np.uint16), "photometric": "palette"}, "numbers of colours in a palette"),
    ],
)
def test_pixels_that_are_not_quite_intensities_are_told(tmp_path: Path, options: dict[str, Any], told: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros(options.pop("shape", (16, 16)), np.uint8), **options)
    with pytest.warns(CaveatWarning, match=told):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize(("compression", "shape"), [("jpeg2000", (16, 16)), ("webp", (16, 16, 3)), ("zlib", (16, 16))])
def test_compression_without_loss_is_not_told(tmp_path: Path, compression: str, shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    lossless = {"lossless": True} if compression == "webp" else {}
    tifffile.imwrite(tmp_path / "a.tif", pixels, compression=compression, compressionargs=lossless)
    with warnings.catch_warnings():
        warnings.simplefilter("error", CaveatWarning)
        np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), pixels)


def test_opacity_that_says_nothing_is_left_out(tmp_path: Path) -> None:
    colours = np.arange(2 * 8 * 9 * 3, dtype=np.uint8).reshape(2, 8, 9, 3)
    opaque = np.concatenate([colours, np.full((2, 8, 9, 1), 255, np.uint8)], axis=-1)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(opaque[0]))
    with pytest.warns(CaveatWarning, match="opacity"):
        np.testing.assert_array_equal(read_image(tmp_path / "a.png"), colours[0])
    tifffile.imwrite(tmp_path / "a.tif", opaque, photometric="rgb", extrasamples=["unassalpha"])
    with pytest.warns(CaveatWarning, match="opacity"):
        image = read_image(tmp_path / "a.tif", "TYXS")
    np.testing.assert_array_equal(image, colours)
    for key in (0, (1, ..., 2), (slice(None), 3, 4), (0, 3, slice(2, 5), slice(-2, None)), (1, 2, 3, -1)):
        np.testing.assert_array_equal(image.data[key], colours[key])
    opaque[1, 2, 3, 3] = 7
    tifffile.imwrite(tmp_path / "b.tif", opaque, photometric="rgb", extrasamples=["unassalpha"])
    assert read_image(tmp_path / "b.tif", "TYXS").shape == (2, 8, 9, 4)
