"""The learning rate over a run, and when it is time to give up."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import nn

from quietscope.methods.base import Loss
from quietscope.testing.method_contract import toy_settings
from quietscope.training.budget import Budget
from quietscope.training.learner import Learner
from quietscope.training.schedule import LearningRate
from quietscope.training.team import Team
from quietscope.training.training_run import TrainingRun
from tests.training.test_team import Blur


def test_plateau_cuts_the_rate_and_early_stop_is_due() -> None:
    rate = LearningRate(toy_settings(schedule="plateau", plateau_patience=2, early_stop=5, learning_rate=1.0))
    assert rate.observe(3.0)
    for _ in range(3):
        assert not rate.observe(3.0)
    assert rate.value(0.5, 100) == 0.5
    assert not rate.has_stalled
    rate.observe(3.0)
    rate.observe(3.0)
    assert rate.has_stalled
    assert rate.observe(-1.0)
    assert not rate.has_stalled


@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 200))
def test_cosine_falls_and_stays_positive(a: float, b: float, step: int) -> None:
    rate = LearningRate(toy_settings(warmup_steps=100))
    low, high = rate.value(max(a, b), step), rate.value(min(a, b), step)
    assert 0 < low <= high <= rate.settings.learning_rate


def test_every_part_has_a_plateau_of_its_own() -> None:
    rate = LearningRate(toy_settings(schedule="plateaus", plateau_patience=1, early_stop=3, learning_rate=1.0), 2)
    for step in range(4):
        rate.observe(3.0 - step, 5.0)
    assert rate.values(0.5, 100) == [1.0, 0.5]
    assert not rate.has_stalled, "the second part alone stands still"
    for _ in range(3):
        rate.observe(1.0, 5.0)
    assert rate.has_stalled
    assert rate.best == 0.0
    again = LearningRate(rate.settings, 2)
    again.restore(rate.state())
    assert again.parts == rate.parts
    rate.cut(0.1)
    assert rate.values(0.5, 100) == pytest.approx([part.cuts for part in rate.parts])
    assert rate.parts[1].cuts == pytest.approx(0.1 * again.parts[1].cuts)
    with pytest.raises(ValueError, match="2 learning rates, not 1"):
        LearningRate(rate.settings).restore(again.state())


def test_a_small_fall_counts_for_early_stop_where_its_measure_is_finer() -> None:
    values = {"schedule": "plateau", "plateau_patience": 50, "early_stop": 2}
    coarse, fine = (LearningRate(toy_settings(**values, **more)) for more in ({}, {"early_stop_delta": 1e-6}))
    for step in range(4):
        for rate in (coarse, fine):
            rate.observe(10.0 - 1e-5 * step)
    assert coarse.has_stalled
    assert not fine.has_stalled
    assert coarse.best == fine.best == 10.0
    with pytest.raises(ValidationError, match="early_stop_delta"):
        toy_settings(early_stop_delta=1e-6)


def test_a_state_of_an_earlier_version_is_taken() -> None:
    rate = LearningRate(toy_settings(schedule="plateau"))
    rate.restore({"cuts": 0.5, "best": 2.0, "stalled": 3, "waited": 1})
    assert (rate.cuts, rate.best) == (0.5, 2.0)
    assert rate.parts[0].lowest == 2.0


class Halves(Blur):
    """Two parts that share nothing: one learns, the other has nothing to learn from."""

    def __init__(self) -> None:
        super().__init__()
        self.idle = nn.Parameter(torch.ones(()))

    def parts(self) -> tuple[list[nn.Parameter], ...]:
        return list(self.layers.parameters()), [self.idle]

    def loss(self, x: torch.Tensor) -> Loss:
        first, second = super().loss(x).total, 0.0 * self.idle + 1.0
        return Loss(first + second, {"first": first.detach()}, (first.detach(), second.detach()))


def rates_of(schedule: str) -> list[float]:
    method = Halves()
    settings = toy_settings(schedule=schedule, plateau_patience=1, validate_every=1, learning_rate=1e-3)
    learner = Learner(method, settings, Team(device=torch.device("cpu")))
    patches = 150 + 30 * torch.randn(4, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    run = TrainingRun(learner, patches, settings, Budget(steps=8), Team(device=torch.device("cpu")), print)
    for step in range(8):
        run.set_schedule()
        learner.backward(patches, step)
        learner.optimizer.step()
        run.validate()
    run.set_schedule()
    return [float(group["lr"]) for group in learner.optimizer.param_groups]


def test_a_part_that_stands_still_is_slowed_down_alone() -> None:
    assert rates_of("plateaus") == [1e-3, pytest.approx(1e-3 * 0.5**3)]
    assert rates_of("plateau") == [1e-3], "the sum of both falls"
