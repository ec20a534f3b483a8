"""Runs whose model sees neighbouring frames, or time as a depth: planned, described, done, and used again."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quietscope import describe, plan_denoise, plan_predict, read_image, run, write_image
from quietscope.errors import AxesError
from quietscope.tiling.request import Request

WAYS = ({"neighbours": 1}, {"dims": 3, "depth_axis": "T"})


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of four frames and their clean reference beside it."""
    folder, rng = tmp_path_factory.mktemp("series"), np.random.default_rng(0)
    clean = np.stack([200 + 50 * np.sin(np.arange(32) / 5 + t) * np.ones((32, 1)) for t in range(4)])
    write_image(folder / "clean.tif", clean.astype(np.float32), "TYX")
    write_image(folder / "series.tif", rng.poisson(clean).astype(np.uint16), "TYX")
    return folder / "series.tif"


@pytest.mark.parametrize("way", WAYS)
def test_a_run_is_described_done_and_its_model_used_again(
    way: dict[str, Any], series: Path, settings: dict[str, Any], tmp_path: Path
) -> None:
    training = {**settings["training"], "patch_z": 4}
    plan = plan_denoise(
        series,
        tmp_path / "out",
        {**settings, "training": training, **way},
        clean=series.with_name("clean.tif"),
        device="cpu",
        request=Request(num_samples=3),
    )
    found = describe(plan)
    assert min(found.learning.seconds, found.images[0].seconds) > 0
    words = "1 on each side along T" if "neighbours" in way else "axis T"
    assert words in dict(found.rows()).values()
    outcome = run(plan)
    assert outcome.trained is not None
    denoised = read_image(tmp_path / "out" / "series_denoised.ome.tif")
    assert denoised.axes == "TYX"
    again = tmp_path / "again.tif"
    model = tmp_path / "out" / "model.safetensors"
    request = plan.targets[0].request
    run(plan_predict(model, series, again, device="cpu", request=request))
    np.testing.assert_array_equal(np.asarray(read_image(again)), np.asarray(denoised))
    with pytest.raises(AxesError, match="T"):
        run(plan_predict(model, series, tmp_path / "odd.tif", axes="QYX", device="cpu"))


def test_a_run_goes_on_after_it_was_killed_with_the_axis_that_it_began_with(
    series: Path, settings: dict[str, Any], tmp_path: Path
) -> None:
    plan = plan_denoise(series, tmp_path / "out", {**settings, "neighbours": 1}, device="cpu")
    assert plan.training.configuration.neighbour_axis == "T"
    assert plan.targets[0].image.context == plan.training.configuration.context
