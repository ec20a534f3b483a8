"""VSI files: nothing writes them, so that what the library gives is stood in for."""

import sys
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from quietscope.errors import CaveatWarning, ImageFileError
from quietscope.io import read_image
from tests.io.vendor import check_pixels_of, opened

RNG = np.random.default_rng(0)


class StandIn:
    """What `bioio_vsi.open_vsi` gives, for pixels TCZYX or TCZYXS."""

    def __init__(self, pixels: npt.NDArray[Any]) -> None:
        self._pixels, self.dtype, self.shape_tcz = pixels, pixels.dtype, pixels.shape[:3]
        self.pixel_size_um, self.z_step_um, self.image_name = SimpleNamespace(x=0.1, y=0.2), -0.5, "cells"
        self.channel_names, self.emission_wavelengths_nm = ["C405", "C488"], [455.0, 518.0]
        self.plane_times_ms = np.arange(pixels.shape[0])[:, None, None] * np.full((1, *pixels.shape[1:3]), 1500.0)

    def level_shape(self, _: int) -> tuple[int, ...]:
        return self._pixels.shape[:5]

    def read_region(
        self, y: int, x: int, height: int, width: int, t: int = 0, c: int = 0, z: int = 0
    ) -> npt.NDArray[Any]:
        return self._pixels[t, c, z, y : y + height, x : x + width]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "a.vsi").write_bytes(b"II*\x00" + bytes(100))
    (tmp_path / "_a_").mkdir()
    return tmp_path / "a.vsi"


def stand_in(monkeypatch: pytest.MonkeyPatch, pixels: npt.NDArray[Any], said: str = "") -> None:
    def open_vsi(_: str) -> StandIn:
        if said:
            warnings.warn(said, UserWarning, stacklevel=2)
        return StandIn(pixels)

    monkeypatch.setitem(sys.modules, "bioio_vsi", SimpleNamespace(open_vsi=open_vsi))


def test_time_channels_and_depth(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    pixels = RNG.integers(0, 60000, (3, 2, 4, 20, 30), np.uint16)
    stand_in(monkeypatch, pixels)
    image = read_image(path)
    assert (image.axes, image.channel_names, image.frame_interval_s) == ("TCZYX", ("C405", "C488"), 1.5)
    assert image.pixel_size_um == pytest.approx({"X": 0.1, "Y": 0.2, "Z": 0.5})
    assert image.details.emission_nm == pytest.approx((455, 518))
    check_pixels_of(image, pixels)


def test_one_plane_in_colour_of_a_version_that_is_not_known(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    pixels = RNG.integers(0, 255, (1, 1, 1, 20, 30, 3), np.uint8)
    stand_in(monkeypatch, pixels, "format version 9 has not been tested")
    with pytest.warns(CaveatWarning, match="version 9"):
        image = read_image(path)
    assert (image.axes, sorted(image.pixel_size_um)) == ("YXS", ["X", "Y"])
    check_pixels_of(opened(path), pixels[0, 0, 0])


def test_a_folder_that_is_gone(path: Path) -> None:
    (path.parent / "_a_").rmdir()
    with pytest.raises(ImageFileError, match=r"the folder .*_a_"):
        read_image(path)


def test_what_is_no_vsi_file(path: Path) -> None:
    with pytest.raises(ImageFileError, match=r"a\.vsi") as caught:
        read_image(path)
    assert "\n" not in str(caught.value)
