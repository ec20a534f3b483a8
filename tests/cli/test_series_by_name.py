"""Images of a file that holds several: listed with what is known of each, and chosen by number or name."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from quietscope.errors import ImageFileError
from quietscope.io import read_image
from quietscope.io.image import series_number
from tests.cli.command_line import Quietscope, refused

PIXELS = np.random.default_rng(0).integers(0, 60000, (3, 20, 30), np.uint16)


@pytest.fixture
def several(tmp_path: Path) -> Path:
    with h5py.File(tmp_path / "several.h5", "w") as file:
        file["plane"] = PIXELS[0]
        file["volumes/raw"] = PIXELS
        file["volumes/raw"].attrs["element_size_um"] = (0.5, 0.2, 0.1)
        file["volumes/raw"].attrs["axes"] = "zyx"
        file["wrong"] = np.zeros((2, 3), np.complex64)
    return tmp_path / "several.h5"


def test_info_lists_all_images(quietscope: Quietscope, several: Path) -> None:
    status, out, _ = quietscope("info", several)
    assert status == 0
    said = " ".join(out.replace("│", " ").split())
    assert "series name plane" in said
    assert "series 0 plane; YX 20 x 30, uint16" in said
    assert "series 1 volumes/raw; ZYX 3 x 20 x 30, uint16; X 0.1 µm, Y 0.2 µm, Z 0.5 µm" in said
    assert "series 2 wrong; cannot be read: complex ones" in said


def test_an_image_is_chosen_by_its_name(quietscope: Quietscope, several: Path) -> None:
    np.testing.assert_array_equal(np.asarray(read_image(several, series="volumes/raw")), PIXELS)
    np.testing.assert_array_equal(np.asarray(read_image(several, series="RAW")), PIXELS)
    for name in ("volumes/raw", "1"):
        status, out, _ = quietscope("info", several, "--series", name)
        assert status == 0
        assert "ZYX" in out
    refused(quietscope("info", several, "--series", "Position 4"), "'plane', 'volumes/raw'", "got 'Position 4'")


def test_names_that_do_not_tell_one_image() -> None:
    path = Path("a.lif")
    with pytest.raises(ImageFileError, match=r"several times; pass its number, e.g. `series=2`"):
        series_number(path, "cells", 3, ("a/cells", "b", "c/cells"))
    with pytest.raises(ImageFileError, match="a number from 0 to 2"):
        series_number(path, "cells", 3, ())
    assert series_number(path, "b", 3, ("a/b", "b", "c/b")) == 1
