"""Whether a validation loss was still falling when training ended: on curves of known shape, and in one small run."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from quietscope.methods.hdn import HDN
from quietscope.metrics.verdict import Effort, judge
from quietscope.testing.method_contract import toy_frames, toy_settings
from quietscope.training.budget import Budget
from quietscope.training.fit import fit
from quietscope.training.validation import fall_at_the_end

CPU = torch.device("cpu")
Curve = npt.NDArray[np.float64]


def exponential(constants: float, count: int = 50, scatter: float = 0.0, seed: int = 0) -> Curve:
    """A loss that falls from 5.2 to 4.2, in so many time constants."""
    curve = 4.2 + np.exp(-constants * np.arange(1, count + 1) / count)
    return curve + np.random.default_rng(seed).normal(0.0, scatter, count)


def is_short(losses: Curve) -> bool:
    found = fall_at_the_end(losses.tolist())
    return judge((), Effort(steps=1000, needed=100, seconds=60.0, falling=found)).level == "too short"


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("count", [10, 14, 50, 500])
@pytest.mark.parametrize("scatter", [0.0, 0.003])
def test_exponential_falls_are_judged_by_how_far_they_have_come(count: int, scatter: float, seed: int) -> None:
    assert is_short(exponential(1.5, count, scatter, seed))
    assert not is_short(exponential(5.0, count, scatter, seed))


def test_the_share_is_that_of_the_formula() -> None:
    """Means over fifths of exp(-a x): (exp(-a b) - exp(-a c)) / a / (c - b)."""

    def mean(constants: float, fifth: int) -> float:
        start, end = fifth / 5, (fifth + 1) / 5
        return 5 * (math.exp(-constants * start) - math.exp(-constants * end)) / constants

    for constants in (0.5, 1.0, 2.0, 3.0):
        first, before, last = (mean(constants, fifth) for fifth in (0, 3, 4))
        found = fall_at_the_end(exponential(constants, 1000).tolist())
        assert found == pytest.approx((before - last) / (first - last), rel=0.01)
    assert fall_at_the_end(np.linspace(5.0, 4.0, 100).tolist()) == pytest.approx(0.25)


@pytest.mark.parametrize("seed", range(20))
def test_what_scatters_rises_or_hardly_moves_does_not_fall(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scatter = 4.2 + rng.normal(0.0, 0.05, 50)
    assert fall_at_the_end(scatter.tolist()) == 0.0
    rising = np.concatenate([exponential(6.0, 25), np.linspace(4.2, 4.6, 25)])
    assert fall_at_the_end(rising.tolist()) == 0.0
    hardly = 4.2 - 0.0002 * np.arange(50)  # 0.002 nats in a fifth: less than shows in an image
    assert fall_at_the_end(hardly.tolist()) == 0.0


@pytest.mark.parametrize("losses", [[], [5.0, 4.0], list(np.linspace(5.0, 4.0, 7)), [*np.linspace(5, 4, 20), math.nan]])
def test_too_few_losses_and_broken_ones_say_nothing(losses: list[float]) -> None:
    assert math.isnan(fall_at_the_end(losses))


def test_a_small_run_knows_it_resumed_or_not(build: Callable[[], HDN], tmp_path: Path) -> None:
    """With a rate that is too low to come to an end in 20 steps the loss falls nearly along a line."""
    settings = toy_settings(validate_every=2, learning_rate=3e-4, schedule="plateau", validation_patches=8)
    frames = toy_frames(build())
    whole = fit(build(), frames, settings, Budget(steps=20), device=CPU)
    assert whole.fall_at_the_end > 0.1
    assert whole.summary()["fall_of_the_loss_at_the_end"] == pytest.approx(whole.fall_at_the_end, abs=1e-4)
    fit(build(), frames, settings, Budget(steps=11), device=CPU, folder=tmp_path)
    resumed = fit(build(), frames, settings, Budget(steps=20), device=CPU, folder=tmp_path, resume=True)
    assert resumed.fall_at_the_end == whole.fall_at_the_end
    short = fit(build(), frames, settings, Budget(steps=4), device=CPU)
    assert "fall_of_the_loss_at_the_end" not in short.summary()
