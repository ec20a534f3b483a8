"""What a trained model makes of noisy images: estimates and samples, of one image or of a list."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from quietscope import Denoiser, Result
from quietscope.errors import AxesError, ModelFileError, SettingsError
from quietscope.io import as_image, read_image
from quietscope.io.details import Details
from quietscope.tiling.request import Request
from tests.model.methods import Same, denoiser, noisy


def test_mean_and_deviation_come_without_asking() -> None:
    result = denoiser().denoise(noisy(3, 20, 24), num_samples=3, axes="TYX")
    assert result.std is not None
    assert result.mean.shape == result.std.shape == (3, 20, 24)
    assert result.map is None
    assert result.quantiles is None
    assert result.image is result.mean
    assert bool(np.all(result.std > 0))


def test_everything_at_once_and_each_is_what_it_says() -> None:
    made, image = denoiser(channels=2), noisy(2, 20, 24)
    result = made.denoise(
        image, estimate="map", num_samples=11, axes="CYX", augment=True, bandwidth=0.2, quantiles=(0.1, 0.9), tile=16
    )
    assert result.image is result.map
    assert result.map is not None
    assert result.quantiles is not None
    assert result.map.shape == image.shape
    assert result.quantiles.shape == (2, *image.shape)
    assert result.probabilities == (0.1, 0.9)
    low, high = result.quantiles
    assert (low < high).all()
    assert np.mean((low < result.mean) & (result.mean < high)) > 0.95
    assert np.abs(result.map - result.mean).max() > 0.1
    (again,) = made.denoise([image], num_samples=11, axes="CYX", augment=True, tile=16)
    np.testing.assert_allclose(again.mean, result.mean, rtol=1e-5)
    assert again.map is None


def test_results_go_into_receivers_in_the_order_of_the_image() -> None:
    made, image = denoiser(), noisy(20, 2, 24)
    out = {name: np.full(image.shape, np.nan, np.float32) for name in ("mean", "std", "map")}
    quantiles, samples = (np.full((n, *image.shape), np.nan, np.float32) for n in (3, 4))
    sinks = {**out, "quantiles": quantiles, "samples": samples}
    made.denoise_into(as_image(image, "YTX"), sinks, Request(num_samples=4, tile=16))
    np.testing.assert_allclose(samples.mean(0), out["mean"], rtol=1e-5)
    np.testing.assert_allclose(np.median(samples, 0), quantiles[1], rtol=1e-5)
    assert np.isfinite(out["map"]).all()
    np.testing.assert_allclose(made.sample(image, num_samples=4, axes="YTX"), samples, rtol=1e-4)


def test_a_point_method_gives_an_image_and_says_what_it_cannot() -> None:
    made, image = denoiser(Same()), noisy(20, 24)
    assert isinstance(made.method, Same)
    result = made.denoise(image, augment=True)
    np.testing.assert_allclose(result.mean, image, rtol=1e-6)
    assert result.std is None
    for ask in (
        lambda: made.sample(image),
        lambda: made.denoise(image, estimate="map"),
        lambda: made.denoise(image, quantiles=(0.5,)),
    ):
        with pytest.raises(SettingsError, match=r'same.*method="hdn"'):
            ask()


def test_mistakes_are_one_line() -> None:
    made, image = denoiser(), noisy(20, 24)
    with pytest.raises(SettingsError, match="'median'"):
        made.denoise(image, estimate=cast(Any, "median"))
    with pytest.raises(SettingsError, match="num_samples="):
        made.sample(image, num_samples=0)
    with pytest.raises(SettingsError, match="quantiles="):
        made.denoise(image, quantiles=())
    with pytest.raises(AxesError):
        denoiser(dims=3).denoise(image)
    with pytest.raises(ModelFileError, match="fit"):
        Denoiser().denoise(image)


def test_a_result_is_saved_with_all_that_is_known_of_its_image(tmp_path: Path) -> None:
    sizes = {"X": 0.1, "Y": 0.1}
    known: dict[str, Any] = {
        "pixel_size_um": sizes,
        "channel_names": ("DAPI", "GFP"),
        "frame_interval_s": 2.5,
    }
    pixels = np.zeros((3, 2, 16, 16), np.float32)
    result = Result(
        estimates={"mean": pixels, "std": pixels, "samples": np.zeros((4, *pixels.shape), np.float32)},
        axes="TCYX",
        details=Details(colors=("0000FF", "00FF00"), ranges=(10, 200, 20, 300)),
        **known,
    )
    result.save(tmp_path / "mean.ome.tif")
    image = read_image(tmp_path / "mean.ome.tif")
    assert (image.axes, image.channel_names, image.frame_interval_s) == ("TCYX", ("DAPI", "GFP"), 2.5)
    assert (image.pixel_size_um, image.details.colors) == (sizes, ("0000FF", "00FF00"))
    for kind in ("mean", "std"):
        result.save(tmp_path / f"{kind}.ome.zarr", kind)
    assert read_image(tmp_path / "mean.ome.zarr").details.ranges == (10, 200, 20, 300)
    assert max(read_image(tmp_path / "std.ome.zarr").details.ranges) < 10  # a deviation is not as bright as its image
    result.save(tmp_path / "samples.ome.tif", "samples")
    assert read_image(tmp_path / "samples.ome.tif").shape == (4, 3, 2, 16, 16)
    with pytest.raises(SettingsError, match="mean or std or samples"):
        result.save(tmp_path / "map.tif", "map")
