"""Budgets, the schedule, and what training does when it goes wrong."""

import math
import signal
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from quietscope.data.normalize import Statistics
from quietscope.errors import BudgetError, Stop, TrainingError
from quietscope.methods.base import Loss
from quietscope.methods.hdn import HDN, HDNSettings
from quietscope.noise import Gaussian
from quietscope.testing.method_contract import toy_frames, toy_settings, train_toy
from quietscope.training import rollback
from quietscope.training.budget import Budget, parse_duration
from quietscope.training.fit import fit
from quietscope.training.schedule import LearningRate

CPU = torch.device("cpu")


def build() -> HDN:
    torch.manual_seed(0)
    settings = HDNSettings.model_validate(
        {"filters": (8,), "latent_channels": (4,), "blocks": 1, "final_blocks": 0, "stem_filters": 8}
    )
    return HDN(settings, Statistics(torch.tensor([150.0]), torch.tensor([30.0])), [Gaussian(10.0)])


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("45s", 45), ("10m", 600), ("1.5h", 5400), ("1h30m", 5400), (" 2 M ", 120), ("1d", 86400), (30, 30)],
)
def test_durations(text: str | float, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5m", "0", "10 parsecs", "nan", "1e9", "m", "5m!", "inf"])
def test_nonsense_durations(text: str) -> None:
    with pytest.raises(BudgetError, match="--budget 10m"):
        parse_duration(text)


def test_budget_ends_at_the_nearer_limit() -> None:
    budget = Budget(seconds=100, steps=10)
    assert budget.progress(50, 1) == 0.5
    assert budget.progress(1, 9) == 0.9
    assert budget.progress(1e9, 0) == 1.0
    for wrong in ({}, {"steps": 0}, {"seconds": -1.0}):
        with pytest.raises(BudgetError):
            Budget(**wrong)


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


def test_a_time_budget_ends_the_run_and_leaves_a_model() -> None:
    report = fit(build(), toy_frames(build()), toy_settings(), Budget(seconds=0.3), device=CPU)
    assert report.steps > 0
    assert math.isfinite(report.best_validation_loss)


def test_ctrl_c_keeps_a_usable_model_and_the_old_handler(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    report = train_toy(build(), 1000, folder=tmp_path, stop_at=3)
    assert report.interrupted
    assert report.steps == 3
    assert (tmp_path / "resume.ckpt").exists()
    assert signal.getsignal(signal.SIGINT) is before


def test_sigterm_ends_in_order_and_says_so() -> None:
    method = build()

    def watch(_: object) -> None:
        signal.raise_signal(signal.SIGTERM)

    report = fit(method, toy_frames(method), toy_settings(), Budget(steps=50), device=CPU, watch=watch)
    assert (report.interrupted, report.terminated, report.steps) == (True, True, 1)


def test_a_watcher_may_stop_the_run(tmp_path: Path) -> None:
    method = build()

    def watch(state: object) -> None:
        if getattr(state, "step", 0) == 3:
            raise Stop

    report = fit(method, toy_frames(method), toy_settings(), Budget(steps=50), device=CPU, folder=tmp_path, watch=watch)
    assert (report.interrupted, report.terminated, report.steps) == (True, False, 3)
    assert (tmp_path / "resume.ckpt").exists()


def test_training_works_outside_the_main_thread() -> None:
    reports = []
    thread = threading.Thread(target=lambda: reports.append(train_toy(build(), 2)))
    thread.start()
    thread.join()
    assert reports[0].steps == 2


def _break_loss(monkeypatch: pytest.MonkeyPatch, broken: range) -> list[int]:
    calls: list[int] = []
    whole = HDN.loss

    def loss(self: HDN, x: torch.Tensor) -> Loss:
        out = whole(self, x)
        if self.training:
            calls.append(1)
            if len(calls) - 1 in broken:
                return Loss(out.total * math.nan, out.terms)
        return out

    monkeypatch.setattr(HDN, "loss", loss)
    return calls


def test_a_broken_step_is_skipped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    _break_loss(monkeypatch, range(2, 4))
    method = build()
    report = train_toy(method, 8)
    assert (report.steps, report.skipped_steps, report.rollbacks) == (8, 2, 0)
    assert all(bool(torch.isfinite(p).all()) for p in method.parameters())


def test_persistent_breakage_rolls_back_with_a_smaller_step(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _break_loss(monkeypatch, range(5, 5 + rollback.SKIPS_BEFORE_ROLLBACK))
    method = build()
    report = train_toy(method, 24)
    assert report.rollbacks == 1
    assert report.skipped_steps == rollback.SKIPS_BEFORE_ROLLBACK
    assert "0.5 times the learning rate" in capsys.readouterr().out
    assert math.isfinite(report.best_validation_loss)


def test_a_hopeless_run_ends_with_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    _break_loss(monkeypatch, range(1000))
    with pytest.raises(TrainingError, match="--precision float32"):
        train_toy(build(), 200)


def test_logs_and_resume_file_are_written(tmp_path: Path) -> None:
    train_toy(build(), 20, folder=tmp_path)
    names = {path.name for path in (tmp_path / "logs").iterdir()}
    assert "metrics.csv" in names
    assert any(name.startswith("events.out.tfevents") for name in names)
    assert "validation/loss" in (tmp_path / "logs" / "metrics.csv").read_text().splitlines()[0]
    assert not list(tmp_path.glob("*.partial"))


def test_training_leaves_the_global_generator_alone() -> None:
    method = build()
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    train_toy(method, 3)
    assert torch.equal(torch.rand(1), expected)


def test_images_smaller_than_a_patch_are_trained_on() -> None:
    from quietscope.axes import Layout
    from quietscope.data.frames import Frames

    array = np.random.default_rng(0).normal(150, 30, (9, 13)).astype(np.float32)
    frames = Frames(((array, Layout.of("YX", array.shape)),))
    assert fit(build(), frames, toy_settings(), Budget(steps=2), device=CPU).steps == 2


def test_a_kill_leaves_a_whole_resume_file(tmp_path: Path) -> None:
    train_toy(build(), 8, folder=tmp_path, stop_at=4)
    size = (tmp_path / "resume.ckpt").stat().st_size
    (tmp_path / "resume.partial").write_bytes(b"cut short by a kill")
    report = train_toy(build(), 8, folder=tmp_path)
    assert report.steps == 8
    assert (tmp_path / "resume.ckpt").stat().st_size > size // 2


def test_a_killed_run_resumes_as_if_never_killed(tmp_path: Path) -> None:
    """A kill leaves the resume file of the last validation; what came after it is trained again, to the same end."""
    (tmp_path / "killed").mkdir()

    def watch(state: object) -> None:
        if getattr(state, "step", 0) == 11:  # validations, and files, at steps 4 and 8
            copied = (tmp_path / "run" / "resume.ckpt").read_bytes()
            (tmp_path / "killed" / "resume.ckpt").write_bytes(copied)

    settings = toy_settings(schedule="plateau", plateau_patience=1)
    whole, again = build(), build()
    folders = (tmp_path / "run", tmp_path / "killed")
    one = fit(whole, toy_frames(whole), settings, Budget(steps=20), device=CPU, folder=folders[0], watch=watch)
    two = fit(again, toy_frames(again), settings, Budget(steps=20), device=CPU, folder=folders[1], resume=True)
    assert one.best_validation_loss == two.best_validation_loss
    assert all(torch.equal(value, two.last_state[name]) for name, value in one.last_state.items())
    assert all(torch.equal(value, two.best_state[name]) for name, value in one.best_state.items())
