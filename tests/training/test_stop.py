"""Whoever ends a run, a person, the system or a watcher, keeps what was learnt."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from quietscope.errors import Stop, Terminated
from quietscope.methods.hdn import HDN
from quietscope.testing.method_contract import toy_frames, toy_settings, train_toy
from quietscope.training.budget import Budget
from quietscope.training.fit import fit
from quietscope.training.logs import Logs

CPU = torch.device("cpu")


def test_ctrl_c_keeps_a_usable_model_and_the_old_handler(build: Callable[[], HDN], tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    report = train_toy(build(), 1000, folder=tmp_path, stop_at=3)
    assert report.interrupted
    assert report.steps == 3
    assert (tmp_path / "resume.ckpt").exists()
    assert signal.getsignal(signal.SIGINT) is before


def test_sigterm_ends_in_order_and_says_so(
    build: Callable[[], HDN],
) -> None:
    method = build()

    def watch(_: object) -> None:
        signal.raise_signal(signal.SIGTERM)

    report = fit(method, toy_frames(method), toy_settings(), Budget(steps=50), device=CPU, watch=watch)
    assert (report.interrupted, report.terminated, report.steps) == (True, True, 1)


def test_a_watcher_may_stop_the_run(build: Callable[[], HDN], tmp_path: Path) -> None:
    method = build()

    def watch(state: object) -> None:
        if getattr(state, "step", 0) == 3:
            raise Stop

    report = fit(method, toy_frames(method), toy_settings(), Budget(steps=50), device=CPU, folder=tmp_path, watch=watch)
    assert (report.interrupted, report.terminated, report.steps) == (True, False, 3)
    assert (tmp_path / "resume.ckpt").exists()


def test_a_second_ctrl_c_interrupts_at_once_and_the_old_handler_is_back(build: Callable[[], HDN]) -> None:
    before = signal.getsignal(signal.SIGINT)
    method = build()

    def watch(_: object) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        fit(method, toy_frames(method), toy_settings(), Budget(steps=50), device=CPU, watch=watch)
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize(("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)])
def test_a_run_that_is_ended_before_its_first_step_makes_no_model(
    build: Callable[[], HDN],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    number: signal.Signals,
    error: type[KeyboardInterrupt],
) -> None:
    monkeypatch.setattr(Logs, "write_settings", lambda *_: signal.raise_signal(number))
    method = build()
    with pytest.raises(KeyboardInterrupt) as caught:
        fit(method, toy_frames(method), toy_settings(), Budget(steps=50), device=CPU, folder=tmp_path)
    assert caught.type is error
    assert not (tmp_path / "resume.ckpt").exists()
