"""Parts of one noisy image: they add up to it, share no noise, and photons fall to one part or the other."""

import pytest
import torch
from torch import Tensor

from quietscope.nn.seeding import seeded
from quietscope.noise import Censored, Gaussian, NoiseModel, PoissonGaussian
from quietscope.noise.recorrupt import camera_of, counts_photons, recorrupt

SHARE = 0.7
SHAPE = (4, 320, 320)
CAMERA = PoissonGaussian(gain=2.0, offset=10.0, read_noise=0.5)


def photons_of(camera: PoissonGaussian, number: float) -> tuple[float, Tensor]:
    """Return a signal, and its noisy pixels: photons times the gain, and read noise."""
    counts = torch.poisson(torch.full(SHAPE, number))
    x = camera.gain * counts + camera.offset + camera.read_noise * torch.randn(SHAPE)
    return camera.gain * number + camera.offset, x


def moments(signal: float, x: Tensor, model: NoiseModel, *, photons: bool) -> tuple[float, float, float, float]:
    """Return the covariance, the two variances and ``E[n1^2 n2]``, in units of the noise of x and of its share."""
    first, second = (part - signal for part in recorrupt(x, torch.tensor(SHARE), model, photons=photons))
    v = float(model.variance(torch.tensor(signal)))
    skewed = float((first.square() * second).mean()) / v**1.5
    return (
        float((first * second).mean()) / v,
        float(first.var()) * SHARE / v,
        float(second.var()) * (1 - SHARE) / v,
        skewed,
    )


@pytest.mark.parametrize("photons", [False, True])
def test_parts_add_up_to_the_image(photons: bool) -> None:
    with seeded(0):
        _, x = photons_of(CAMERA, 3.0)
        first, second = recorrupt(x, torch.tensor(SHARE), CAMERA, photons=photons)
    assert torch.allclose(SHARE * first + (1 - SHARE) * second, x, atol=1e-3)


def test_gaussian_noise_is_split_in_two_independent_parts() -> None:
    model = Gaussian(3.0)
    with seeded(0):
        x = 50.0 + 3.0 * torch.randn(SHAPE)
        covariance, one, two, skewed = moments(50.0, x, model, photons=False)
    assert abs(covariance) < 0.02
    assert one == pytest.approx(1.0, abs=0.02)
    assert two == pytest.approx(1.0, abs=0.02)
    assert abs(skewed) < 0.04


@pytest.mark.parametrize("photons", [False, True])
@pytest.mark.parametrize("number", [0.05, 0.3, 1.0])
def test_the_dark_is_split_without_covariance(number: float, photons: bool) -> None:
    """Half of the pixels lie below the offset, where the variance of the model cannot fall with them."""
    with seeded(0):
        signal, x = photons_of(CAMERA, number)
        covariance, one, two, _ = moments(signal, x, CAMERA, photons=photons)
    assert abs(covariance) < 0.03
    assert one == pytest.approx(1.0, abs=0.03)
    assert two == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("number", [3.0, 50.0])
def test_photons_fall_to_one_part_or_the_other(number: float) -> None:
    """A normal split has the right covariance too, but of few photons the parts are not independent."""
    with seeded(0):
        signal, x = photons_of(CAMERA, number)
        counted, normal = (moments(signal, x, CAMERA, photons=each) for each in (True, False))
    for covariance, one, two, _ in (counted, normal):
        assert abs(covariance) < 0.02
        assert one == pytest.approx(1.0, abs=0.02)
        assert two == pytest.approx(1.0, abs=0.02)
    assert abs(counted[3]) < 0.05
    assert normal[3] < -0.06


def test_whole_photons_are_recognised() -> None:
    plain = PoissonGaussian(gain=2.0, offset=10.0)
    with seeded(0):
        whole, smeared = photons_of(plain, 5.0)[1], photons_of(PoissonGaussian(2.0, 10.0, 4.0), 5.0)[1]
    ranks = torch.linspace(0.0, 1.0, 257)
    whole, smeared = (torch.quantile(each[0].flatten(), ranks) for each in (whole, smeared))
    assert counts_photons(plain, whole)
    assert counts_photons(Censored(plain, high=100.0), whole)
    assert not counts_photons(plain, smeared)
    assert not counts_photons(Gaussian(2.0), whole)
    assert not counts_photons(plain, torch.full((257,), 10.0)), "the dark alone tells nothing"


def test_only_cameras_with_a_gain_have_photons() -> None:
    assert camera_of(Censored(CAMERA, low=0.0)) is CAMERA
    assert camera_of(Gaussian(1.0)) is None
    assert camera_of(PoissonGaussian(gain=0.0, read_noise=2.0)) is None
