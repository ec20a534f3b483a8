"""OIF files of Olympus FluoView: a settings file and a folder of TIFF planes."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile

from quietscope.errors import CaveatWarning, ImageFileError, MissingPixelsWarning
from quietscope.io import read_image
from quietscope.io.first_bytes import COMPOUND
from tests.io.vendor import check_pixels_of

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 4095, (2, 3, 2, 20, 30), np.uint16)  # C Z T
AXES = (("X", 30, 0, 3.0, "um"), ("Y", 20, 0, 4.0, "um"), ("Z", 3, 1000.0, 2000.0, "nm"), ("T", 2, 0, 1500.0, "ms"))


def write_oif(path: Path, pixels: npt.NDArray[Any], letters: str, order: str = "XYZTC", *, leave_out: int = -1) -> Path:
    sections = {
        "ProfileSaveInfo": {"Name": '"made"', "Version": '"2.1.1.9"'},
        "Axis Parameter Common": {"AxisOrder": f'"{order}"'},
        "Channel 1 Parameters": {"DyeName": '"Alexa Fluor 488"'},
        "GUI Channel 2 Parameters": {"CH Name": '"CHS2"'},
        "File Info": {"DataName": '"cells"'},
    }
    for number, (letter, size, start, end, unit) in enumerate(AXES):
        sections[f"Axis {number} Parameters Common"] = {
            "AxisCode": f'"{letter}"',
            "MaxSize": str(size),
            "StartPosition": str(start),
            "EndPosition": str(end),
            "UnitName": f'"{unit}"',
        }
    lines = [
        f"[{name}]\r\n" + "".join(f"{key}={value}\r\n" for key, value in held.items())
        for name, held in sections.items()
    ]
    path.write_bytes(b"\xff\xfe" + "".join(lines).encode("utf-16-le"))
    folder = path.with_name(f"{path.name}.files")
    folder.mkdir()
    for number, place in enumerate(np.ndindex(pixels.shape[:-2])):
        name = "".join(f"{letter}{at + 1:03}" for letter, at in zip(letters, place, strict=True))
        if number != leave_out:
            tifffile.imwrite(folder / f"s_{name}.tif", pixels[place])
    tifffile.imwrite(folder / "overview_1.tif", np.zeros((4, 4), np.uint8))
    return path


def test_channels_depth_and_time(tmp_path: Path) -> None:
    image = read_image(write_oif(tmp_path / "a.oif", PIXELS, "CZT"))
    assert (image.axes, image.channel_names) == ("CZTYX", ("Alexa Fluor 488", "CHS2"))
    assert image.pixel_size_um == pytest.approx({"X": 0.1, "Y": 0.2, "Z": 0.5})
    assert (image.frame_interval_s, image.details.name) == (1.5, "cells")
    check_pixels_of(image, PIXELS)


def test_one_channel(tmp_path: Path) -> None:
    image = read_image(write_oif(tmp_path / "a.oif", PIXELS[:1, 0, 0], "C"))
    assert (image.axes, image.channel_names) == ("YX", ("Alexa Fluor 488",))
    check_pixels_of(image, PIXELS[0, 0, 0])


def test_a_scan_of_x_and_z(tmp_path: Path) -> None:
    with pytest.warns(CaveatWarning, match="Z is called Y"):
        image = read_image(write_oif(tmp_path / "a.oif", PIXELS[:, 0, 0], "C", order="XZC"))
    assert image.axes == "CYX"
    assert image.pixel_size_um == pytest.approx({"X": 0.1, "Y": 0.5})


def test_a_plane_that_is_gone(tmp_path: Path) -> None:
    with pytest.warns(MissingPixelsWarning, match="1 of the 12 planes"):
        image = read_image(write_oif(tmp_path / "a.oif", PIXELS, "CZT", leave_out=5))
    assert np.flatnonzero(~image.mask.ravel()).tolist() == [5]
    assert not np.asarray(image.data[0, 2, 1]).any()


def test_files_that_lack_their_folder_or_are_something_else(tmp_path: Path) -> None:
    path = write_oif(tmp_path / "a.oif", PIXELS, "CZT")
    path.with_name("a.oif.files").rename(tmp_path / "elsewhere")
    with pytest.raises(ImageFileError, match=r"the folder a\.oif\.files"):
        read_image(path)
    (tmp_path / "b.oib").write_bytes(COMPOUND + bytes(4096))
    with pytest.raises(ImageFileError, match=r"b\.oib") as caught:
        read_image(tmp_path / "b.oib")
    assert "\n" not in str(caught.value)


def test_a_compound_document_of_another_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lacks(_: Path) -> None:
        raise KeyError("OibInfo.txt")

    monkeypatch.setitem(sys.modules, "oiffile", SimpleNamespace(OifFile=lacks))
    (tmp_path / "b.zvi").write_bytes(COMPOUND + bytes(4096))
    with pytest.raises(ImageFileError, match=r"another compound document, without 'OibInfo\.txt'"):
        read_image(tmp_path / "b.zvi")


def test_a_plane_that_was_cut(tmp_path: Path) -> None:
    path = write_oif(tmp_path / "a.oif", PIXELS, "CZT")
    plane = tmp_path / "a.oif.files" / "s_C002Z003T002.tif"
    plane.write_bytes(plane.read_bytes()[:300])
    with pytest.raises(ImageFileError, match=r"a\.oif"):
        np.asarray(read_image(path))


def test_threads_do_not_read_planes_of_one_file_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import oiffile

    busy, asarray = [0, 0], oiffile.OifFile.asarray  # now, and at most

    def slowly(file: Any, series: str) -> npt.NDArray[Any]:
        busy[0] += 1
        busy[1] = max(busy)
        time.sleep(0.002)
        pixels: npt.NDArray[Any] = asarray(file, series)
        busy[0] -= 1
        return pixels

    monkeypatch.setattr(oiffile.OifFile, "asarray", slowly)
    image = read_image(write_oif(tmp_path / "a.oif", PIXELS, "CZT"))
    np.testing.assert_array_equal(image.data[0, 0, 0], PIXELS[0, 0, 0])  # which opens it
    with ThreadPoolExecutor(4) as pool:
        planes = list(pool.map(lambda place: image.data[place], np.ndindex(PIXELS.shape[:3])))
    np.testing.assert_array_equal(np.stack(planes).reshape(PIXELS.shape), PIXELS)
    assert busy == [0, 1]
