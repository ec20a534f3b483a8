"""A file of quantiles says which they are, in the formats that have a place for a name."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from quietscope.cli import run
from quietscope.io import read_image, write_image
from quietscope.io.details import NO_DETAILS, Details
from quietscope.model.result import Result
from quietscope.pipeline.image_files import Target
from quietscope.tiling.request import Request

AXES = "YX"
PIXELS = np.arange(2 * 8 * 9, dtype=np.float32).reshape(2, 8, 9)
PROBABILITIES = (0.05, 0.95)


@pytest.mark.parametrize(
    ("name", "probabilities", "told"),
    [
        ("", (0.5,), "quantile 0.5"),
        ("cells", PROBABILITIES, "cells, quantiles 0.05 and 0.95"),
        ("cells", (0.025, 0.5, 1 / 3), "cells, quantiles 0.025, 0.5 and 0.333333"),
    ],
)
def test_words(name: str, probabilities: tuple[float, ...], told: str) -> None:
    assert Details(name=name).of_quantiles(probabilities).name == told


@pytest.mark.parametrize("ending", ["ome.tif", "ome.zarr"])
@pytest.mark.parametrize("source", ["", "cells"])
def test_a_file_of_a_run_names_them_and_no_other_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], ending: str, source: str
) -> None:
    noisy = tmp_path / "noisy.ome.tif"
    write_image(noisy, PIXELS[0], AXES, details=replace(NO_DETAILS, name=source))
    files = {kind: tmp_path / f"{kind}.{ending}" for kind in ("mean", "quantiles")}
    target = Target(image=read_image(noisy), files=files, request=Request(probabilities=PROBABILITIES))
    with target.writers() as sinks:
        sinks["mean"][:, :] = PIXELS[0]
        sinks["quantiles"][:, :, :] = PIXELS
    told = (f"{source}, " if source else "") + "quantiles 0.05 and 0.95"
    assert read_image(files["quantiles"]).details.name == told
    assert "quantiles 0." not in read_image(files["mean"]).details.name
    np.testing.assert_array_equal(np.asarray(read_image(files["quantiles"]).data), PIXELS)
    assert run(["info", str(files["quantiles"])]) == 0
    assert told in " ".join(capsys.readouterr().out.split())


def test_a_result_that_python_saves_names_them(tmp_path: Path) -> None:
    result = Result(estimates={"mean": PIXELS[0], "quantiles": PIXELS}, probabilities=PROBABILITIES, axes=AXES)
    for kind in ("mean", "quantiles"):
        result.save(tmp_path / f"{kind}.ome.tif", kind)
    assert read_image(tmp_path / "quantiles.ome.tif").details.name == "quantiles 0.05 and 0.95"
    assert "quantiles 0." not in read_image(tmp_path / "mean.ome.tif").details.name
