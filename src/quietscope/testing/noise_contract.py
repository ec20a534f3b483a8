"""What every noise model must do, as checks that any test suite can run.

A third party that adds a noise model runs the same checks as QuietScope does:

    @pytest.mark.parametrize("case", noise_cases("mine", make=lambda: MyNoise(gain=2.0)), ids=str)
    def test_contract(case):
        case.run()

A check fails with an AssertionError.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from quietscope.noise.noise_model import NoiseModel

DEFAULT_SIGNALS = (5.0, 20.0, 60.0, 100.0, 200.0)
"""Signals, in intensity units, at which the checks look; inside the range that the model was made for."""

_GRID_POINTS = 40_001
_NUM_SAMPLES = 200_000


@dataclass(frozen=True)
class NoiseCase:
    """One check of one noise model.

    Attributes:
        name: What it is called in a test report.
        check: The check, given a model and the signals to look at.
        make: Makes the model.
        signals: Signals to look at.
    """

    name: str
    check: Callable[[NoiseModel, Tensor], None]
    make: Callable[[], NoiseModel]
    signals: tuple[float, ...]

    def run(self) -> None:
        """Run the check; raise AssertionError where the model fails it."""
        self.check(self.make(), torch.tensor(self.signals))

    def __str__(self) -> str:
        return self.name


def noise_cases(
    name: str, make: Callable[[], NoiseModel], signals: Sequence[float] = DEFAULT_SIGNALS
) -> list[NoiseCase]:
    """Return every check for one noise model.

    Args:
        name: Name of the model, for the report.
        make: Makes a model; called once per check.
        signals: Signals inside the range of the model, in intensity units.

    Returns:
        The checks.
    """
    return [NoiseCase(f"{name}-{check.__name__}", check, make, tuple(signals)) for check in _CHECKS]


def _grid(model: NoiseModel, s: Tensor) -> tuple[Tensor, Tensor]:
    """Intensities x, shape (P, len(s)), that cover p(x|s), and their step, shape (len(s),)."""
    half = 40.0 * model.variance(s).sqrt()
    unit = torch.linspace(-1.0, 1.0, _GRID_POINTS, dtype=torch.float64)[:, None]
    return (model.mean(s) + half * unit).float(), (2.0 * half / (_GRID_POINTS - 1)).double()


def _density(model: NoiseModel, x: Tensor, s: Tensor) -> Tensor:
    return model.log_prob(x, s).double().exp()


def density_integrates_to_one(model: NoiseModel, s: Tensor) -> None:
    """Integral of p(x|s) over x is 1: a density, not a mass per bin."""
    x, step = _grid(model, s)
    total = _density(model, x, s).sum(dim=0) * step
    assert torch.allclose(total, torch.ones_like(total), atol=2e-3), f"integrals {total.tolist()} at s {s.tolist()}"


def mean_is_that_of_the_density(model: NoiseModel, s: Tensor) -> None:
    """Integral of x p(x|s) is ``mean(s)``."""
    x, step = _grid(model, s)
    bias = ((x.double() - model.mean(s).double()) * _density(model, x, s)).sum(dim=0) * step
    assert bool((bias.abs() <= 5e-3 * model.variance(s).sqrt()).all()), f"biases {bias.tolist()} at s {s.tolist()}"


def variance_is_that_of_the_density(model: NoiseModel, s: Tensor) -> None:
    """Integral of (x - mean)^2 p(x|s) is ``variance(s)``."""
    x, step = _grid(model, s)
    variance = ((x.double() - model.mean(s).double()) ** 2 * _density(model, x, s)).sum(dim=0) * step
    assert torch.allclose(variance, model.variance(s).double(), rtol=1e-2), f"{variance.tolist()} at s {s.tolist()}"


def tails_are_those_of_the_density(model: NoiseModel, s: Tensor) -> None:
    """``log_tail`` is the log of the integral beyond the limit, and both tails of one limit add up to 1."""
    x, step = _grid(model, s)
    mass = _density(model, x, s) * step
    middle, width = float(model.mean(s).mean()), float(model.variance(s).mean().sqrt())
    for limit in (middle - 2.0 * width, middle, middle + 0.7 * width, middle + 3.0 * width):
        above, below = (model.log_tail(limit, s, upper=upper).double().exp() for upper in (True, False))
        beyond = (mass * (x > limit)).sum(dim=0)
        assert torch.allclose(above + below, torch.ones_like(above), atol=1e-4), f"{(above + below).tolist()} in all"
        assert torch.allclose(above, beyond, atol=3e-3), f"{above.tolist()}, not {beyond.tolist()} above {limit}"


def tail_gradients_are_those_of_the_value(model: NoiseModel, s: Tensor) -> None:
    """The gradient of ``log_tail`` in s agrees with a finite difference, around the limit and far from it."""
    sigma = model.variance(s).sqrt()
    for distance in (-1.0, 0.0, 1.5):
        limit = float((model.mean(s) + distance * sigma)[len(s) // 2])
        for upper in (True, False):
            at = s.clone().requires_grad_()
            (gradient,) = torch.autograd.grad(model.log_tail(limit, at, upper=upper).sum(), at)
            step = 0.02 * sigma
            ends = (model.log_tail(limit, s + side * step, upper=upper) for side in (1.0, -1.0))
            difference = torch.sub(*ends) / (2.0 * step)
            error = (gradient - difference).abs()
            assert bool((error <= 0.03 * (gradient.abs() + 1.0 / sigma)).all()), f"{gradient.tolist()}, {difference}"


def tails_are_finite_at_extremes(model: NoiseModel, s: Tensor) -> None:
    """Tails and their gradients stay finite, however far the signal is from it."""
    extremes = torch.tensor([-1e6, -1e3, -1.0, 0.0, *s.tolist(), 65535.0, 1e6], requires_grad=True)
    for limit in (-1e5, 0.5, float(s[0]), 65535.0, 1e6):
        for tail in (model.log_tail, model.quasi_log_tail):
            for upper in (True, False):
                value = tail(limit, extremes, upper=upper)
                (gradient,) = torch.autograd.grad(value.sum(), extremes)
                told = f"{tail.__name__} beyond {limit}, upper {upper}"
                assert bool(torch.isfinite(value).all()), f"{told}: {value.tolist()}"
                assert bool((value <= 1e-4).all()), f"{told}: a probability above 1, {value.tolist()}"
                assert bool(torch.isfinite(gradient).all()), f"{told}: gradient {gradient.tolist()}"


def gradient_with_a_limit_is_unbiased(model: NoiseModel, s: Tensor) -> None:
    """Hidden pixels by their tail and visible ones by their density: the mean gradient at the true signal is zero."""
    at = s.expand(_NUM_SAMPLES // 4, -1).clone().requires_grad_()
    x = model.sample(at.detach(), torch.Generator().manual_seed(6))
    for upper in (True, False):
        limit = float(model.mean(s).mean())
        hidden = x >= limit if upper else x <= limit
        value = torch.where(hidden, model.log_tail(limit, at, upper=upper), model.log_prob(x, at))
        (gradient,) = torch.autograd.grad(value.sum(), at)
        error = 5.0 * gradient.double().std(dim=0) / len(at) ** 0.5
        assert bool((gradient.double().mean(dim=0).abs() <= error + 1e-6).all()), f"{gradient.mean(dim=0).tolist()}"


def range_of_signals_is_an_interval(model: NoiseModel, s: Tensor) -> None:
    """``signal_range`` is a pair of numbers, the lower first."""
    low, high = model.signal_range
    assert low < high


def samples_have_the_moments(model: NoiseModel, s: Tensor) -> None:
    """Mean and variance of many samples are ``mean`` and ``variance``, to five standard errors and 3 %."""
    many = s.expand(_NUM_SAMPLES, -1)
    x = model.sample(many, torch.Generator().manual_seed(1)).double()
    variance = model.variance(s).double()
    error = 5.0 * (variance / _NUM_SAMPLES).sqrt()
    assert bool(((x.mean(dim=0) - model.mean(s)).abs() <= error).all()), f"means {x.mean(dim=0).tolist()}"
    assert torch.allclose(x.var(dim=0), variance, rtol=3e-2), f"variances {x.var(dim=0).tolist()}"


def samples_follow_the_generator(model: NoiseModel, s: Tensor) -> None:
    """One seed gives one draw, another seed another."""
    draws = [model.sample(s, torch.Generator().manual_seed(seed)) for seed in (7, 7, 8)]
    assert torch.equal(draws[0], draws[1]), "the same seed gave two draws"
    assert not torch.equal(draws[0], draws[2]), "two seeds gave the same draw"


def gradients_are_finite_at_extremes(model: NoiseModel, s: Tensor) -> None:
    """Likelihood and gradient stay finite for signals far outside the range and huge residuals."""
    extremes = torch.tensor([-1e6, -1e3, -1.0, 0.0, *s.tolist(), 65535.0, 1e6], requires_grad=True)
    for x in (-1e5, 0.0, float(s[0]), 65535.0, 1e6):
        for likelihood in (model.log_prob, model.quasi_log_prob):
            value = likelihood(torch.tensor(x), extremes)
            (gradient,) = torch.autograd.grad(value.sum(), extremes)
            assert bool(torch.isfinite(value).all()), f"{likelihood.__name__} {value.tolist()} at x {x}"
            assert bool(torch.isfinite(gradient).all()), f"gradient {gradient.tolist()} at x {x}"
    assert bool((model.variance(extremes) > 0.0).all()), "a variance of zero or less"


def training_gradient_is_unbiased(model: NoiseModel, s: Tensor) -> None:
    """The gradient of ``quasi_log_prob`` at the true signal is zero on average, to five standard errors."""
    at = s.expand(_NUM_SAMPLES, -1).clone().requires_grad_()
    x = model.sample(at.detach(), torch.Generator().manual_seed(5))
    (gradient,) = torch.autograd.grad(model.quasi_log_prob(x, at).sum(), at)
    error = 5.0 * gradient.double().std(dim=0) / _NUM_SAMPLES**0.5
    assert bool((gradient.double().mean(dim=0).abs() <= error).all()), f"means {gradient.mean(dim=0).tolist()}"


def gradient_is_that_of_the_value(model: NoiseModel, s: Tensor) -> None:
    """The gradient in s agrees with a finite difference."""
    x = model.sample(s, torch.Generator().manual_seed(3))
    at = s.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model.log_prob(x, at).sum(), at)
    step = 0.02 * model.variance(s).sqrt()
    difference = (model.log_prob(x, s + step) - model.log_prob(x, s - step)) / (2.0 * step)
    scale = gradient.abs().max() + 1.0 / model.variance(s).sqrt()
    assert bool(((gradient - difference).abs() <= 0.02 * scale).all()), f"{gradient.tolist()}, {difference.tolist()}"


def record_restores_the_model(model: NoiseModel, s: Tensor) -> None:
    """``from_record(to_record())`` is the same model, and the record names its kind."""
    record = model.to_record()
    again = type(model).from_record(record)
    x = model.sample(s, torch.Generator().manual_seed(2))
    assert record.kind == model.kind
    assert torch.equal(again.log_prob(x, s), model.log_prob(x, s)), "another likelihood after the round trip"
    assert again.describe() == model.describe()


def computes_in_float32(model: NoiseModel, s: Tensor) -> None:
    """Every result is float32, whatever came in."""
    for dtype in (torch.float32, torch.bfloat16, torch.float64, torch.int32):
        given = s.to(dtype)
        results = (model.log_prob(given, given), model.mean(given), model.variance(given), model.sample(given))
        assert all(result.dtype == torch.float32 for result in results), f"{[r.dtype for r in results]} for {dtype}"


def broadcasts(model: NoiseModel, s: Tensor) -> None:
    """One x against many s, and many samples of s against one x, give the elementwise values."""
    x = model.sample(s, torch.Generator().manual_seed(4))
    table = model.log_prob(x[:, None], s[None, :])
    assert table.shape == (len(x), len(s))
    assert torch.allclose(table.diagonal(), model.log_prob(x, s), rtol=1e-5, atol=1e-5)
    assert model.log_prob(x.reshape(1, -1), s.expand(3, 2, -1)).shape == (3, 2, len(s))
    assert model.variance(s[:, None]).shape == model.mean(s[:, None]).shape == model.sample(s[:, None]).shape


def describes_itself_in_one_line(model: NoiseModel, s: Tensor) -> None:
    """``describe`` returns one line that is not empty."""
    assert model.describe().strip()
    assert "\n" not in model.describe()


_CHECKS: tuple[Callable[[NoiseModel, Tensor], None], ...] = (
    density_integrates_to_one,
    mean_is_that_of_the_density,
    variance_is_that_of_the_density,
    tails_are_those_of_the_density,
    tail_gradients_are_those_of_the_value,
    tails_are_finite_at_extremes,
    gradient_with_a_limit_is_unbiased,
    range_of_signals_is_an_interval,
    samples_have_the_moments,
    samples_follow_the_generator,
    gradients_are_finite_at_extremes,
    training_gradient_is_unbiased,
    gradient_is_that_of_the_value,
    record_restores_the_model,
    computes_in_float32,
    broadcasts,
    describes_itself_in_one_line,
)
