"""The bent scale: the identity at first, unbiased on the way back, and one table with what it is made of."""

import torch

from quietscope.data.bent_scale import BentScale, Curve
from quietscope.data.stabilize import Stabilizer
from quietscope.noise import PoissonGaussian

NOISE = PoissonGaussian(gain=4.0, offset=10.0, read_noise=3.0)
QUANTILES = torch.linspace(5.0, 900.0, 257)[None]
DARKEST = torch.tensor([40.0])


def scale(pieces: int = 64) -> BentScale:
    stabilizer = Stabilizer.of_variances([NOISE.variance], QUANTILES, DARKEST, unit="noise")
    draws = torch.Generator().manual_seed(1)
    return BentScale(stabilizer, QUANTILES, lambda signal: NOISE.sample(signal, draws), pieces)


def noisy(signal: float, number: int = 200_000) -> torch.Tensor:
    draws = torch.Generator().manual_seed(2)
    return NOISE.sample(torch.full((1, 1, 1, number), signal), draws)


def test_noise_has_unit_width_at_any_signal() -> None:
    made = scale()
    widths = [float(made(noisy(signal)).detach().std()) for signal in (40.0, 150.0, 700.0)]
    assert all(abs(width - 1) < 0.1 for width in widths), widths


def test_the_pixels_have_mean_zero() -> None:
    assert abs(float(scale()(QUANTILES[None]).detach().mean())) < 1e-3


def test_the_way_back_has_no_bias() -> None:
    """The plain inverse of the mean would be below the signal: the stabilised scale is concave."""
    made = scale()
    for signal in (60.0, 200.0, 800.0):
        mean = made(noisy(signal)).mean().reshape(1, 1, 1)
        back = float(made.inverse(mean).detach())
        plain = float(made.stabilizer.inverse(made.stabilizer(noisy(signal)).mean().reshape(1, 1, 1)))
        width = float(NOISE.variance(torch.tensor(signal))) ** 0.5
        # 256 draws know the mean to a sixteenth of the noise, the signal of the plain inverse lies further below.
        assert abs(back - signal) < 0.2 * width, (signal, back)
        assert plain < signal


def test_a_bent_curve_keeps_the_way_back_unbiased() -> None:
    made = scale()
    with torch.no_grad():
        made.curve.bends.copy_(torch.linspace(-0.5, 0.7, 64)[None])
    mean = made(noisy(300.0)).mean().reshape(1, 1, 1)
    assert abs(float(made.inverse(mean).detach()) - 300.0) < 0.2 * float(NOISE.variance(torch.tensor(300.0))) ** 0.5


def test_both_maps_are_the_tables_that_are_exported() -> None:
    made = scale()
    with torch.no_grad():
        made.curve.bends.uniform_(-0.3, 0.3)
        made.signal.bends.uniform_(-0.3, 0.3)
    x = torch.linspace(-50.0, 1500.0, 999)[None, None]
    assert torch.equal(made(x), made.up().at(x))
    bent = made.curve.table().at(made.stabilizer(x))
    middle = made.curve.table().at(made.quantiles[None]).mean()
    assert torch.allclose(made(x), bent - middle, atol=1e-3)


def test_the_scale_increases_and_learns() -> None:
    made = scale(16)
    with torch.no_grad():
        made.curve.bends.uniform_(-2.0, 2.0)
    assert bool((made.up().values.diff(dim=1) > 0).all())
    assert bool((made.down().knots.diff(dim=1) > 0).all())
    torch.autograd.backward(made.inverse(made(noisy(100.0, 64))).square().mean())
    for curve in (made.curve, made.signal):
        assert curve.bends.grad is not None
        assert float(curve.bends.grad.abs().max()) > 0


def test_a_curve_is_the_identity_at_first() -> None:
    knots = torch.tensor([[0.0, 1.0, 4.0], [2.0, 3.0, 9.0]])
    x = torch.randn(3, 2, 5) * 8
    assert torch.allclose(Curve(knots).table().at(x), x, atol=1e-5)
