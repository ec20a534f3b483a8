"""Processes that a run has started itself make the steps of one, tell of one that is lost, and leave nobody behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from quietscope.errors import SettingsError, Stop, TrainingError
from quietscope.testing.method_contract import toy_frames, toy_settings
from quietscope.training.budget import Budget
from quietscope.training.fit import FitReport
from quietscope.training.together import devices_of, fit_together
from quietscope.training.watch import TrainingState, Watcher
from tests.training.test_team import CPU, Blur

STEPS = 12


def train(
    size: int, folder: Path | None, watch: Watcher | None = None, *, resume: bool = False, steps: int = STEPS
) -> FitReport:
    method = Blur()
    return fit_together(
        size,
        method,
        toy_frames(method),
        toy_settings(batch_size=4),
        Budget(steps=steps),
        device=CPU,
        notify=print,
        watch=watch,
        folder=folder,
        resume=resume,
    )


def others(parent: int | None = None) -> list[psutil.Process]:
    """Return the processes that one, or this one, has started to train along, without Python's tracker of resources."""
    found = psutil.Process(parent).children(recursive=True)
    return [child for child in found if "spawn_main" in " ".join(child.cmdline())]


def test_two_processes_learn_what_one_does_and_go_on_where_they_were_stopped(tmp_path: Path) -> None:
    alone = train(1, None)

    def stop_at_5(state: TrainingState) -> None:
        if state.step == 5:
            raise Stop

    stopped = train(2, tmp_path, stop_at_5)
    assert (stopped.steps, stopped.interrupted) == (5, True)
    together = train(2, tmp_path, resume=True)
    assert together.steps == STEPS
    for name, value in alone.last_state.items():
        np.testing.assert_allclose(together.last_state[name], value, rtol=1e-3, atol=1e-4, err_msg=name)
    assert not others()
    assert not torch.distributed.is_initialized()


def test_a_process_that_is_lost_is_told_in_one_line(tmp_path: Path) -> None:
    def kill(state: TrainingState) -> None:
        if state.step == 3:
            for child in others():
                os.kill(child.pid, signal.SIGKILL)

    with pytest.raises(TrainingError, match=r"2 processes that train together.*number 2 ended with status -9"):
        train(2, tmp_path, kill, steps=1000)
    assert not others()


@pytest.mark.parametrize(("number", "wait"), [(signal.SIGINT, 0.0), (signal.SIGINT, 0.3), (signal.SIGTERM, 0.3)])
def test_a_signal_while_others_start_is_no_traceback_of_theirs(
    tmp_path: Path, number: signal.Signals, wait: float
) -> None:
    np.save(tmp_path / "a.npy", np.random.default_rng(0).poisson(100, (64, 64)).astype(np.uint16))
    words = [
        "train",
        "a.npy",
        "-o",
        "run",
        "--method",
        "noise2void",
        "--steps",
        "900",
        "--devices",
        "2",
        "--device",
        "cpu",
    ]
    command = [sys.executable, "-m", "quietscope", *words]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        until = time.monotonic() + 60.0
        while not (started := others(process.pid)) and time.monotonic() < until:
            time.sleep(0.005)
        assert started
        time.sleep(wait)
        os.killpg(process.pid, number)  # as a terminal does, or a cluster
        _, told = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert [line for line in told.splitlines() if not line.startswith("note: ")] == [
        "quietscope: stopped; nothing half-written is left"
    ]
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, "1 device or more"), (3, "a batch that 3 processes can share; got 4 patches; pass `devices=2`")],
)
def test_too_few_devices_and_batches_that_cannot_be_shared_are_refused(count: int, expected: str) -> None:
    with pytest.raises(SettingsError, match=expected):
        train(count, None)


def test_gpus_that_are_not_there_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert devices_of(torch.device("cuda"), 2) == [torch.device("cuda", n) for n in (0, 1)]
    assert devices_of(torch.device("cuda", 1), 1) == [torch.device("cuda", 1)]
    with pytest.raises(SettingsError, match="3 GPUs; got 2 in this machine"):
        devices_of(torch.device("cuda"), 3)
    with pytest.raises(SettingsError, match="any 2 GPUs"):
        devices_of(torch.device("cuda", 1), 2)
