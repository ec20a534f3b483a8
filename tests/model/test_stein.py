"""A deviation that is wrong by a known factor, and an error that is known, are found without a reference."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from quietscope import Denoiser
from quietscope.errors import NoiseError
from quietscope.metrics import psnr
from quietscope.model.file import ModelCard
from quietscope.noise import Gaussian
from tests.model.methods import Same
from tests.prediction.methods import Conjugate, Shrink
from tests.tiny import configuration

RNG = np.random.default_rng(0)
CLEAN = RNG.normal(100, 20, (2, 160, 160)).astype(np.float32)
NOISY = RNG.normal(CLEAN, 10).astype(np.float32)


class Claiming(Conjugate):
    """The conjugate posterior with so many times its deviation."""

    def __init__(self, times: float) -> None:
        super().__init__()
        self.times = times

    def decode(self, encoding: tuple[torch.Tensor, ...], noise: Sequence[torch.Tensor]) -> torch.Tensor:
        return encoding[0] + self.times * self.std * noise[0]


def model_of(method: Conjugate | Same | Shrink) -> Denoiser:
    return Denoiser.of(method, ModelCard(configuration=configuration("hdn")), "cpu")


@pytest.mark.parametrize("times", [0.5, 1.0, 1.5])
def test_the_factor_is_found_without_a_reference(times: float) -> None:
    model, judged = model_of(Claiming(times)), model_of(Claiming(times))
    (found,) = model.recalibrate(NOISY, axes="QYX", num_samples=20)
    (truth,) = judged.recalibrate(NOISY, CLEAN, axes="QYX", num_samples=20)
    assert found.spread_factor == pytest.approx(truth.spread_factor, rel=0.04)
    assert found.measured[2] == pytest.approx(truth.measured[2], abs=0.02)
    model.recalibrate(NOISY, axes="QYX", num_samples=20)
    assert model.spread == pytest.approx(judged.spread, rel=0.04), "a second time changes nothing"
    (after,) = model.recalibrate(NOISY, CLEAN, axes="QYX", num_samples=20)
    assert after.measured[2] == pytest.approx(0.9, abs=0.02)


def test_pixels_that_were_never_measured_do_not_count() -> None:
    holed, mask = NOISY.copy(), np.ones(NOISY.shape, bool)
    holed[:, :40], mask[:, :40] = 9000.0, False
    model, whole = model_of(Claiming(0.5)), model_of(Claiming(0.5))
    (found,) = model.recalibrate(holed, axes="QYX", mask=mask, num_samples=10)
    whole.recalibrate(NOISY, axes="QYX", num_samples=10)
    assert found.num_pixels == int(mask.sum())
    assert model.spread == pytest.approx(whole.spread, rel=0.05)


@pytest.mark.parametrize("method", [Conjugate(), Same(), Shrink()], ids=lambda each: each.name)
def test_psnr_is_estimated(method: Conjugate | Same | Shrink) -> None:
    model = model_of(method)
    calls: list[tuple[int, int]] = []
    noise = [Gaussian(10.0)]

    def count(done: int, total: int) -> None:
        calls.append((done, total))

    (found,) = model.estimated_psnr(NOISY, axes="QYX", noise=noise, data_range=150.0, progress=count)
    result = model.denoise(NOISY, axes="QYX", num_samples=20).mean
    assert found.psnr == pytest.approx(psnr(result, CLEAN, 150.0), abs=0.1)
    assert calls[-1][0] == calls[-1][1]
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
    (by_itself,) = model.estimated_psnr(NOISY, axes="QYX", noise=noise)
    assert by_itself.data_range == pytest.approx(float(np.ptp(result)), rel=0.01)


def test_nothing_is_told_without_a_noise_model() -> None:
    with pytest.raises(NoiseError, match="clean reference"):
        model_of(Same()).estimated_psnr(NOISY, axes="QYX")


def test_a_factor_that_rests_on_the_last_percent_of_the_noise_is_refused() -> None:
    faint = np.random.default_rng(1).normal(100, 0.7, (2, 160, 160))
    noisy = np.random.default_rng(2).normal(faint, 10).astype(np.float32)
    model = model_of(Conjugate(t=0.7))
    with pytest.raises(NoiseError, match="clean reference"):
        model.recalibrate(noisy, axes="QYX", num_samples=10)
    assert model.spread == 1.0
