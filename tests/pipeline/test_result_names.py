"""Names of the results of many images."""

from pathlib import Path

import numpy as np
import pytest

from quietscope.errors import OutputError
from quietscope.io import Image
from quietscope.pipeline.files import endings_in, files_of
from quietscope.pipeline.found_images import Found
from quietscope.pipeline.stems import stems_of


def named(*paths: str) -> list[str]:
    found = [Found(Image(np.zeros((2, 2)), "YX", path=Path(path))) for path in paths]
    endings = endings_in("tif", ["mean"], "mean")
    return [files_of(Path("out", stem), endings)["mean"].as_posix() for stem in stems_of(found)]


def test_files_of_one_name_keep_the_folders_that_differ() -> None:
    assert named("/d/a/x.tif", "/d/b/x.tif", "/d/b/y.tif") == [
        "out/a_x_denoised.tif",
        "out/b_x_denoised.tif",
        "out/y_denoised.tif",
    ]
    assert named("/d/1/raw/x.tif", "/d/2/raw/x.ome.tif") == ["out/1_raw_x_denoised.tif", "out/2_raw_x_denoised.tif"]


def test_one_file_twice_is_refused() -> None:
    with pytest.raises(OutputError, match="twice"):
        named("/d/a/x.tif", "/d/a/x.tif")
    with pytest.raises(OutputError, match="twice"):
        named("/d/a/x.tif", "/d/b/x.tif", "/e/a_x.tif")
