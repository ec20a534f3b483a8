"""Steps whose loss is not finite are skipped; where they do not end, training returns to an earlier state."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from quietscope.errors import Stop, TrainingError
from quietscope.methods.base import Loss
from quietscope.methods.hdn import HDN
from quietscope.testing.method_contract import toy_frames, toy_settings, train_toy
from quietscope.training import rollback
from quietscope.training.budget import Budget
from quietscope.training.fit import FitReport, fit


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


def test_a_broken_step_is_skipped_and_counted(build: Callable[[], HDN], monkeypatch: pytest.MonkeyPatch) -> None:
    _break_loss(monkeypatch, range(2, 4))
    method = build()
    report = train_toy(method, 8)
    assert (report.steps, report.skipped_steps, report.rollbacks) == (8, 2, 0)
    assert all(bool(torch.isfinite(p).all()) for p in method.parameters())


def test_persistent_breakage_rolls_back_with_a_smaller_step(
    build: Callable[[], HDN], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _break_loss(monkeypatch, range(5, 5 + rollback.SKIPS_BEFORE_ROLLBACK))
    method = build()
    report = train_toy(method, 24)
    assert report.rollbacks == 1
    assert report.skipped_steps == rollback.SKIPS_BEFORE_ROLLBACK
    assert "0.5 times the learning rate" in capsys.readouterr().out
    assert math.isfinite(report.best_validation_loss)


def test_a_hopeless_run_ends_with_a_clear_error(build: Callable[[], HDN], monkeypatch: pytest.MonkeyPatch) -> None:
    _break_loss(monkeypatch, range(1000))
    with pytest.raises(TrainingError, match='"precision": "float32"'):
        train_toy(build(), 200)


def test_a_run_resumed_among_skipped_steps_returns_where_an_uninterrupted_one_would(
    build: Callable[[], HDN], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Validated after step 16, broken from step 19 to step 28, stopped after step 21: what is safe is older."""
    settings, broken = toy_settings(validate_every=16), range(18, 28)

    def run(folder: Path, stop_at: int | None, resume: bool) -> FitReport:
        def watch(state: object) -> None:
            if getattr(state, "step", 0) == stop_at:
                raise Stop

        method = build()
        return fit(
            method,
            toy_frames(method),
            settings,
            Budget(steps=36),
            device=torch.device("cpu"),
            folder=tmp_path / folder,
            resume=resume,
            watch=watch,
        )

    with monkeypatch.context() as patch:
        _break_loss(patch, broken)
        one = run(tmp_path / "one", None, False)
    _break_loss(monkeypatch, broken)
    run(tmp_path / "two", 21, False)
    two = run(tmp_path / "two", None, True)
    assert (one.rollbacks, one.skipped_steps) == (two.rollbacks, two.skipped_steps) == (1, 10)
    assert all(torch.equal(value, two.last_state[name]) for name, value in one.last_state.items())
