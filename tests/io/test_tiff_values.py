"""Stored numbers that are not what they stand for: signed ones of ImageJ, and transparency beside colours."""

from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile

from quietscope.errors import CaveatWarning
from quietscope.io import read_image
from quietscope.io.tiff_values import First

ALPHA = "alpha channel is left out"


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_signed_numbers_of_imagej_are_read_as_such(tmp_path: Path, compression: str | None) -> None:
    path, pixels = tmp_path / "signed.tif", np.arange(-200, 312, dtype=np.int16).reshape(16, 32)
    said = "ImageJ=1.53t\ncf=0\nc0=-32768.0\nc1=1.0\nvunit=Gray Value\n"
    stored = (pixels.astype(np.int32) + 32768).astype(np.uint16)
    tifffile.imwrite(path, stored, description=said, metadata=None, compression=compression)
    image = read_image(path)
    assert image.dtype == np.int16
    assert np.array_equal(np.asarray(image.data), pixels)
    assert image.data[3, -1] == pixels[3, -1]


def test_another_calibration_is_told_and_not_applied(tmp_path: Path) -> None:
    path, pixels = tmp_path / "density.tif", np.arange(512, dtype=np.uint16).reshape(16, 32)
    tifffile.imwrite(path, pixels, description="ImageJ=1.53t\ncf=0\nc0=3.0\nc1=0.5\n", metadata=None)
    with pytest.warns(CaveatWarning, match="calibration function that ImageJ shows them by is not applied"):
        image = read_image(path)
    assert np.array_equal(np.asarray(image.data), pixels)


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_transparency_is_no_channel(tmp_path: Path, compression: str | None, planar: str) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (4, 16, 32), dtype=np.uint8)
    colours[3] = 255
    pixels = colours if planar == "separate" else np.moveaxis(colours, 0, -1)
    options = {"photometric": "rgb", "planarconfig": planar, "extrasamples": ["unassalpha"]}
    tifffile.imwrite(tmp_path / "rgba.tif", pixels, compression=compression, **options)
    (tmp_path / "rgba.png").write_bytes(imagecodecs.png_encode(np.ascontiguousarray(np.moveaxis(colours, 0, -1))))
    (tmp_path / "la.png").write_bytes(imagecodecs.png_encode(np.ascontiguousarray(np.moveaxis(colours[2:], 0, -1))))
    with pytest.warns(CaveatWarning, match=ALPHA):
        image = read_image(tmp_path / "rgba.tif")
    assert np.array_equal(np.moveaxis(np.asarray(image.data), image.axes.index("S"), 0), colours[:3])
    with pytest.warns(CaveatWarning, match=ALPHA):
        assert np.array_equal(np.moveaxis(np.asarray(read_image(tmp_path / "rgba.png").data), -1, 0), colours[:3])
    with pytest.warns(CaveatWarning, match=ALPHA):
        grey = read_image(tmp_path / "la.png")
    assert grey.axes == "YX"
    assert np.array_equal(np.asarray(grey.data), colours[2])


def test_the_first_entries_of_an_axis_are_indexed_as_an_array_is() -> None:
    array = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    first, cut = First(array, 2, 3, 3), array[..., :3]
    for key in (
        0,
        ...,
        (..., -1),
        (0, 1, 2),
        (slice(None), ..., slice(1, None)),
        (1, slice(None), slice(None, None, 2)),
    ):
        assert np.array_equal(first[key], cut[key])
    with pytest.raises(IndexError):
        first[0, 0, 3]
