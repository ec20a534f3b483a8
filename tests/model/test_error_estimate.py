"""A deviation that is wrong by a known factor, and an error that is known, are found without a reference."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from quietscope import Denoiser
from quietscope.errors import NoiseError
from quietscope.methods.base import PointMethod
from quietscope.metrics import psnr
from quietscope.model.file import ModelCard
from quietscope.noise import Gaussian
from tests.model.methods import Same
from tests.prediction.methods import Conjugate
from tests.tiny import configuration

RNG = np.random.default_rng(0)
CLEAN = (100 + 120 * gaussian_filter(RNG.normal(size=(2, 256, 256)), (0, 3, 3))).astype(np.float32)
NOISY = RNG.normal(CLEAN, 10).astype(np.float32)


def blur(x: torch.Tensor) -> torch.Tensor:
    line = torch.exp(-0.5 * (torch.arange(-4.0, 5.0) / 1.2) ** 2)
    kernel = torch.outer(line, line)[None, None] / line.sum() ** 2
    return torch.nn.functional.conv2d(torch.nn.functional.pad(x, (4, 4, 4, 4), mode="replicate"), kernel)


class Blurred(Conjugate):
    """Samples around the blurred image, that differ from it smoothly and about as much as it errs, so many times."""

    def __init__(self, times: float = 1.0) -> None:
        super().__init__()
        self.times = times

    def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (blur(x),)

    def decode(self, encoding: tuple[torch.Tensor, ...], noise: Sequence[torch.Tensor]) -> torch.Tensor:
        return encoding[0] + self.times * 10.0 * blur(noise[0])


class OneBlur(Same):
    """Gives the blurred image alone."""

    name = "one-blur"

    def predict(self, x: torch.Tensor) -> torch.Tensor:
        return blur(x)


def model_of(method: Conjugate | PointMethod) -> Denoiser:
    return Denoiser.of(method, ModelCard(configuration=configuration("hdn")), "cpu")


@pytest.mark.parametrize("times", [0.5, 1.0, 1.5])
def test_the_factor_is_found_without_a_reference(times: float) -> None:
    model, judged = model_of(Blurred(times)), model_of(Blurred(times))
    (found,) = model.recalibrate(NOISY, axes="QYX", num_samples=20)
    (truth,) = judged.recalibrate(NOISY, CLEAN, axes="QYX", num_samples=20)
    assert found.spread_factor == pytest.approx(truth.spread_factor, rel=0.06)
    model.recalibrate(NOISY, axes="QYX", num_samples=20)
    assert model.spread == pytest.approx(judged.spread, rel=0.06), "a second time changes nothing"
    (after,) = model.recalibrate(NOISY, CLEAN, axes="QYX", num_samples=20)
    assert after.measured[2] == pytest.approx(0.9, abs=0.02)


def test_pixels_that_were_never_measured_do_not_count() -> None:
    holed, mask = NOISY.copy(), np.ones(NOISY.shape, bool)
    holed[:, :40], mask[:, :40] = 9000.0, False
    model, whole = model_of(Blurred(0.5)), model_of(Blurred(0.5))
    (found,) = model.recalibrate(holed, axes="QYX", mask=mask, num_samples=10)
    whole.recalibrate(NOISY, axes="QYX", num_samples=10)
    assert found.num_pixels == int(mask.sum())
    assert model.spread == pytest.approx(whole.spread, rel=0.1)


@pytest.mark.parametrize("method", [Blurred(), OneBlur()], ids=lambda each: each.name)
def test_psnr_is_estimated(method: Conjugate | PointMethod) -> None:
    model = model_of(method)
    calls: list[tuple[int, int]] = []

    def count(done: int, total: int) -> None:
        calls.append((done, total))

    (found,) = model.estimated_psnr(
        NOISY, axes="QYX", noise=[Gaussian(10.0)], data_range=150.0, num_samples=10, progress=count
    )
    result = model.denoise(NOISY, axes="QYX", num_samples=20).mean
    assert found.psnr == pytest.approx(psnr(result, CLEAN, 150.0), abs=2.5 * found.psnr_error)
    assert 0.0 < found.psnr_error < 0.5
    assert not found.error.doubt
    assert calls[-1][0] == calls[-1][1]
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
    (by_itself,) = model.estimated_psnr(NOISY, axes="QYX", noise=[Gaussian(10.0)], num_samples=10)
    assert by_itself.data_range == pytest.approx(float(np.ptp(result)), rel=0.02)


def test_nothing_is_told_without_a_noise_model() -> None:
    with pytest.raises(NoiseError, match="clean reference"):
        model_of(Same()).estimated_psnr(NOISY, axes="QYX")


def test_a_factor_that_cannot_be_told_is_refused() -> None:
    """A method that gives half of every pixel back has an error that its neighbours know nothing of."""
    model = model_of(Conjugate())
    with pytest.raises(NoiseError, match="pass through"):
        model.recalibrate(NOISY, axes="QYX", num_samples=10)
    assert model.spread == 1.0
