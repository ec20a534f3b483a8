"""A deviation that is too small by a known factor is found out, and corrected."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from quietscope import Denoiser
from quietscope.errors import NoiseError, PixelError, SettingsError, SizeError
from quietscope.model.file import ModelCard
from tests.model.methods import Same
from tests.prediction.methods import Conjugate
from tests.tiny import configuration

RNG = np.random.default_rng(0)
CLEAN = RNG.normal(100, 20, (96, 96)).astype(np.float32)
NOISY, OTHER = (RNG.normal(CLEAN, 10).astype(np.float32) for _ in range(2))


class Confident(Conjugate):
    """The conjugate posterior with half of its deviation."""

    def decode(self, encoding: tuple[torch.Tensor, ...], noise: Sequence[torch.Tensor]) -> torch.Tensor:
        return encoding[0] + 0.5 * self.std * noise[0]


def model_of(method: Conjugate | Same) -> Denoiser:
    return Denoiser.of(method, ModelCard(configuration=configuration("hdn")), "cpu")


@pytest.mark.parametrize(("method", "factor"), [(Conjugate(), 1.0), (Confident(), 2.0)])
def test_the_factor_is_what_is_missing(method: Conjugate, factor: float) -> None:
    model = model_of(method)
    before = model.denoise(NOISY, num_samples=20)
    (found,) = model.recalibrate(NOISY, CLEAN, num_samples=20)
    assert found.spread_factor == pytest.approx(factor, rel=0.05)
    after = model.denoise(NOISY, num_samples=20)
    assert before.std is not None
    assert after.std is not None
    np.testing.assert_allclose(after.std, model.spread * before.std, rtol=1e-5)
    np.testing.assert_array_equal(after.mean, before.mean)
    model.recalibrate(NOISY, CLEAN, num_samples=20)
    assert model.spread == pytest.approx(factor, rel=0.05), "a second time changes nothing"
    model.forget_recalibration()
    assert model.spread == 1.0


def test_a_second_exposure_serves_as_well() -> None:
    model = model_of(Confident())
    model.recalibrate(NOISY, OTHER, num_exposures=1, num_samples=20)
    assert model.spread == pytest.approx(2.0, rel=0.1)


def test_what_cannot_be_judged_is_refused() -> None:
    with pytest.raises(SizeError, match="this very image"):
        model_of(Conjugate()).recalibrate(NOISY, CLEAN[:-1])
    with pytest.raises(SettingsError, match="num_samples=50"):
        model_of(Conjugate()).recalibrate(NOISY, CLEAN, num_samples=5)
    with pytest.raises(SettingsError, match="same"):
        model_of(Same()).recalibrate(NOISY, CLEAN)
    with pytest.raises(NoiseError, match="clean reference"):
        model_of(Same()).recalibrate(NOISY, OTHER, num_exposures=1)


@pytest.mark.parametrize(("unit", "offset"), [(200.0, 500.0), (1 / 65535, 0.0)])
def test_a_reference_in_other_units_is_refused(unit: float, offset: float) -> None:
    """A version of the scene in 16 bits, or from 0 to 1, would make of every deviation one that is absurd."""
    with pytest.raises(PixelError, match="in the units of the image"):
        model_of(Conjugate()).recalibrate(NOISY, CLEAN * unit + offset, num_samples=10)
