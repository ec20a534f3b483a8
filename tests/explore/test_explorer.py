"""What the Denoiser offers of a trained model, from the outside."""

from collections.abc import Callable, Sequence
from typing import Any, NoReturn, cast

import numpy as np
import pytest
import torch

from quietscope import Denoiser
from quietscope.data.normalize import Statistics
from quietscope.errors import AxesError, ModelFileError, SettingsError, SizeError
from quietscope.methods.base import Loss, Method, MethodSettings, PointMethod
from quietscope.noise import NoiseModel
from quietscope.tiling.request import Request
from tests.explore.methods import tiny_hdn

RNG = np.random.default_rng(0)


class Same(PointMethod):
    """Gives back what it is given."""

    name = "same"
    settings = MethodSettings()
    size_multiple, spatial_dims = (4, 4), 2

    def __init__(self) -> None:
        super().__init__()
        self.statistics = Statistics(torch.full((1,), 100.0), torch.full((1,), 20.0))
        self.noise_models = torch.nn.ModuleList()

    @classmethod
    def build(cls, settings: MethodSettings, statistics: Statistics, noise_models: Sequence[NoiseModel]) -> NoReturn:
        raise AssertionError("nothing is built here")

    def loss(self, x: torch.Tensor) -> Loss:
        return Loss(x.sum(), {})

    def predict(self, x: torch.Tensor) -> torch.Tensor:
        return x


@pytest.fixture
def denoiser() -> Callable[..., Denoiser]:
    def make(method: Method | None = None, **changes: Any) -> Denoiser:
        made = Denoiser(noise="sigma=10", dims=changes.get("dims", 2), training={"precision": "float32"})
        made._method = method or tiny_hdn(**changes)
        return made

    return make


def noisy(*shape: int) -> np.ndarray:
    return RNG.normal(1000, 200, shape).astype(np.float32)


def test_mean_and_deviation_come_without_asking(denoiser: Callable[..., Denoiser]) -> None:
    result = denoiser().denoise(noisy(3, 20, 24), num_samples=3, axes="TYX")
    assert result.std is not None
    assert result.mean.shape == result.std.shape == (3, 20, 24)
    assert result.map is None
    assert result.quantiles is None
    assert result.image is result.mean
    assert bool(np.all(result.std > 0))


def test_everything_at_once_and_each_is_what_it_says(denoiser: Callable[..., Denoiser]) -> None:
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


def test_results_go_into_receivers_in_the_order_of_the_image(denoiser: Callable[..., Denoiser]) -> None:
    made, image = denoiser(), noisy(20, 2, 24)
    from quietscope.io import as_image

    out = {name: np.full(image.shape, np.nan, np.float32) for name in ("mean", "std", "map")}
    quantiles, samples = (np.full((n, *image.shape), np.nan, np.float32) for n in (3, 4))
    sinks = {**out, "quantiles": quantiles, "samples": samples}
    made.denoise_into(as_image(image, "YTX"), sinks, Request(num_samples=4, tile=16))
    np.testing.assert_allclose(samples.mean(0), out["mean"], rtol=1e-5)
    np.testing.assert_allclose(np.median(samples, 0), quantiles[1], rtol=1e-5)
    assert np.isfinite(out["map"]).all()
    np.testing.assert_allclose(made.sample(image, num_samples=4, axes="YTX"), samples, rtol=1e-4)


def test_a_point_method_gives_an_image_and_says_what_it_cannot(denoiser: Callable[..., Denoiser]) -> None:
    made, image = denoiser(Same()), noisy(20, 24)
    assert isinstance(made.method, Same)
    result = made.denoise(image, augment=True)
    np.testing.assert_allclose(result.mean, image, rtol=1e-6)
    assert result.std is None
    for ask in (
        lambda: made.sample(image),
        lambda: made.denoise(image, estimate="map"),
        lambda: made.denoise(image, quantiles=(0.5,)),
        lambda: made.generate(1),
        lambda: made.interpolate(image, image),
    ):
        with pytest.raises(SettingsError, match=r"same.*--method hdn"):
            ask()


def test_generated_images_have_a_channel_axis_only_where_there_are_channels(denoiser: Callable[..., Denoiser]) -> None:
    assert denoiser().generate(2, 20).shape == (2, 20, 20)
    assert denoiser(channels=2).generate(1, (12, 20)).shape == (1, 2, 12, 20)
    volume = denoiser(dims=3)
    assert volume.generate(1, 12).shape == (1, 16, 12, 12)
    assert volume.generate(1, (3, 12, 9), temperature=0.5, with_noise=True).shape == (1, 3, 12, 9)


def test_interpolation_takes_images_of_one_frame(denoiser: Callable[..., Denoiser]) -> None:
    made, a, b = denoiser(channels=2), noisy(2, 12, 20), noisy(2, 12, 20)
    assert made.interpolate(a, b, 3, axes="CYX").shape == (3, 2, 12, 20)
    with pytest.raises(SizeError, match="one frame"):
        made.interpolate(noisy(3, 2, 12, 20), b, axes="TCYX")
    assert denoiser().interpolate(a[0], b[0], 2).shape == (2, 12, 20)


def test_mistakes_are_one_line(denoiser: Callable[..., Denoiser]) -> None:
    made, image = denoiser(), noisy(20, 24)
    with pytest.raises(SettingsError, match="'median'"):
        made.denoise(image, estimate=cast(Any, "median"))
    with pytest.raises(SettingsError, match="--samples"):
        made.sample(image, num_samples=0)
    with pytest.raises(SettingsError, match="quantiles="):
        made.denoise(image, quantiles=())
    with pytest.raises(SettingsError, match="temperature="):
        made.generate(1, 16, temperature=0)
    with pytest.raises(AxesError):
        denoiser(dims=3).denoise(image)
    with pytest.raises(ModelFileError, match="fit"):
        Denoiser().generate(1)
