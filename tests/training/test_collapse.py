"""Posterior collapse: noticed, answered by fresh starts, then by annealing, then by an error; never a false alarm."""

from pathlib import Path

import numpy as np
import pytest
import torch

from quietscope.axes import Layout
from quietscope.data.frames import Frames
from quietscope.data.normalize import Statistics
from quietscope.errors import TrainingError
from quietscope.methods.divnoising import DivNoising, DivNoisingSettings
from quietscope.nn.narrow import narrow
from quietscope.noise import Gaussian
from quietscope.testing.method_contract import toy_frames, toy_settings, train_toy
from quietscope.training import collapse
from quietscope.training.budget import Budget
from quietscope.training.collapse import CollapseGuard
from quietscope.training.fit import FitReport, fit

TINY = DivNoisingSettings(depth=1, filters=8, latent_channels=4)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collapse, "CHECK_AFTER", 10)
    monkeypatch.setattr(collapse, "AVERAGED_STEPS", 4)


def build(sigma: float) -> DivNoising:
    torch.manual_seed(0)
    return DivNoising(TINY, Statistics(torch.tensor([150.0]), torch.tensor([30.0])), [Gaussian(sigma)])


def ignored() -> float:
    """Measure an output that ignores the image."""
    return 0.0


def judge(guard: CollapseGuard, kls: list[float], total: int = 100) -> list[int]:
    """Feed KL divergences step by step; return the steps at which training starts again."""
    return [n for n, kl in enumerate(kls, start=1) if guard.must_restart(n, n / total, kl, ignored)]


def test_a_posterior_that_lives_for_half_the_budget_is_left_alone_forever() -> None:
    guard = CollapseGuard()
    assert judge(guard, [0.0] * 6 + [0.1] * 44 + [0.0] * 50) == []
    assert guard.kl_weight(0.5) == 1.0


def test_a_posterior_that_dies_when_the_loss_has_changed_is_noticed() -> None:
    assert len(judge(CollapseGuard(), [0.1] * 36 + [0.0] * 8)) == 1


def test_a_posterior_that_dies_after_the_first_look_is_noticed() -> None:
    assert judge(CollapseGuard(), [0.1] * 10 + [0.0] * 10) == [20]


def test_two_restarts_then_annealing_then_an_error() -> None:
    guard = CollapseGuard()
    assert judge(guard, [0.0] * 30) == [10, 20, 30]
    assert guard.kl_weight(0.3) == 0.0
    assert guard.kl_weight(0.3 + 0.3 * 0.7 / 2) == pytest.approx(0.5)
    assert guard.kl_weight(0.6) == 1.0
    with pytest.raises(TrainingError, match="after 3 fresh starts, the last with"):
        [guard.must_restart(n, n / 100, 0.0, ignored) for n in range(31, 100)]


def test_annealing_that_helps_ends_the_watch() -> None:
    guard = CollapseGuard()
    judge(guard, [0.0] * 30)
    assert not any(guard.must_restart(n, n / 100, 0.2, ignored) for n in range(31, 100))
    assert guard.kl_weight(1.0) == 1.0


def test_broken_steps_are_no_collapse() -> None:
    assert judge(CollapseGuard(), [float("nan")] * 50) == []


def test_a_restored_guard_decides_alike() -> None:
    one, other = CollapseGuard(), CollapseGuard()
    judge(one, [0.0] * 17)
    other.restore(one.state())
    later = [(n, n / 100, 0.0, ignored) for n in range(18, 40)]
    assert [one.must_restart(*step) for step in later] == [other.must_restart(*step) for step in later]


def _train(method: DivNoising, frames: Frames, steps: int) -> FitReport:
    return fit(method, frames, toy_settings(), Budget(steps=steps), device=torch.device("cpu"))


@pytest.fixture
def _all_collapsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collapse, "COLLAPSED_KL", 1e9)
    monkeypatch.setattr(collapse, "FOLLOWED", 1e9)


@pytest.fixture
def _end_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CollapseGuard, "can_tell", lambda *_: False)


def test_pure_noise_ends_in_the_error_and_structure_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """In pure noise, explained in full by the noise model, there is nothing for the latents to hold."""
    noise = np.random.default_rng(0).normal(150, 30, (4, 32, 32)).astype(np.float32)
    frames = Frames(((noise, Layout.of("QYX", noise.shape)),))
    monkeypatch.setattr(collapse, "CHECK_AFTER", 60)
    monkeypatch.setattr(collapse, "MAX_RESTARTS", 0)
    with pytest.raises(TrainingError, match="depends on the image"):
        _train(build(sigma=300.0), frames, 500)
    report = _train(build(sigma=10.0), toy_frames(build(10.0)), 120)
    assert report.restarts == 0


@pytest.mark.usefixtures("_all_collapsed", "_end_is_not_judged")
def test_a_restart_draws_new_weights_from_the_seed() -> None:
    """At a learning rate of nearly nothing, weights stay where they were drawn."""
    method, seen = build(sigma=10.0), []

    def watch(_: object) -> None:
        seen.append(method.vae.head.weight.detach().clone())

    settings = toy_settings(learning_rate=1e-12)
    fit(method, toy_frames(method), settings, Budget(steps=15), device=torch.device("cpu"), watch=watch)
    torch.manual_seed(1 << 32)
    fresh = DivNoising(TINY, method.statistics, method.channel_noise).vae.head.weight
    assert torch.allclose(seen[0], build(10.0).vae.head.weight, atol=1e-6)
    assert torch.allclose(seen[9], seen[0], atol=1e-6)
    assert torch.allclose(seen[-1], fresh, atol=1e-6)


def test_annealing_raises_the_weight_to_one_in_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collapse, "MAX_RESTARTS", 0)
    monkeypatch.setattr(collapse, "FOLLOWED", 1e9)
    method, weights = build(sigma=10.0), []

    def watch(state: object) -> None:
        # Collapsed at the first look, alive from then on.
        monkeypatch.setattr(collapse, "COLLAPSED_KL", 1e9 if getattr(state, "step", 0) <= 10 else 0.0)
        weights.append(float(method.kl_weight))

    _fit = fit(method, toy_frames(method), toy_settings(), Budget(steps=50), device=torch.device("cpu"), watch=watch)
    assert _fit.restarts == 1
    assert weights[:10] == [1.0] * 10
    assert weights[10] == 0.0
    assert len({weight for weight in weights[10:] if 0.0 < weight < 1.0}) > 3
    assert weights[10:] == sorted(weights[10:])
    assert weights[-1] == 1.0


def test_a_larger_budget_does_not_lower_the_weight_again() -> None:
    guard = CollapseGuard()
    judge(guard, [0.0] * 30)
    assert guard.kl_weight(0.6) == 1.0
    assert guard.kl_weight(0.1) == 1.0


@pytest.mark.usefixtures("_all_collapsed")
def test_no_run_ends_collapsed_without_a_word() -> None:
    with pytest.raises(TrainingError, match="raise `budget`"):
        _train(build(sigma=10.0), toy_frames(build(10.0)), 10)


@pytest.mark.usefixtures("_all_collapsed", "_end_is_not_judged")
def test_a_resumed_run_restarts_like_an_uninterrupted_one(tmp_path: Path) -> None:
    whole, halves = build(10.0), build(10.0)
    one = train_toy(whole, 24, folder=tmp_path / "one")
    train_toy(halves, 24, folder=tmp_path / "two", stop_at=12)  # in the blind part of the second start
    two = train_toy(build(10.0), 24, folder=tmp_path / "two")
    assert one.restarts == two.restarts == 1
    assert all(torch.equal(value, two.last_state[name]) for name, value in one.last_state.items())


@pytest.mark.usefixtures("_all_collapsed", "_end_is_not_judged")
def test_a_pruned_method_starts_again_as_narrow_as_it_was() -> None:
    method = build(10.0)
    narrower = DivNoising(TINY.model_copy(update={"filters": 4}), method.statistics, method.channel_noise)
    narrow(method, narrower.state_dict())
    shapes = {name: value.shape for name, value in method.state_dict().items()}
    assert shapes == {name: value.shape for name, value in narrower.state_dict().items()}
    assert _train(method, toy_frames(method), 15).restarts == 1
    assert shapes == {name: value.shape for name, value in method.state_dict().items()}
