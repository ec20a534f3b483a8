"""Processes of ours: a signal waits until they have started, whoever receives it; they say nothing of it, and end."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest

from quietscope.insistence import SIGNALS
from quietscope.own_processes import signals_held


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_that_another_thread_receives_waits_too(number: signal.Signals) -> None:
    """The mask of a thread holds for that thread, and the other one has none."""
    answered: list[int] = []
    let_go = threading.Event()
    other = threading.Thread(target=let_go.wait)
    other.start()
    earlier = signal.signal(number, lambda received, _: answered.append(received))
    try:
        with signals_held():
            os.kill(os.getpid(), number)
            for _ in range(100):
                time.sleep(0.001)
            assert not answered
        assert answered == [number]
    finally:
        signal.signal(number, earlier)
        let_go.set()
        other.join()


def test_what_python_does_by_itself_is_done_at_the_end() -> None:
    steps = []

    def interrupted() -> None:
        with signals_held():
            signal.raise_signal(signal.SIGINT)
            steps.append("in the block")
        steps.append("after it")

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert steps == ["in the block"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_one_that_is_ignored_stays_ignored() -> None:
    earlier = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with signals_held():
            signal.raise_signal(signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, earlier)


def test_handlers_are_left_alone_outside_of_the_main_thread() -> None:
    def handler_inside() -> object:
        with signals_held():
            return signal.getsignal(signal.SIGINT)

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(handler_inside).result() is signal.getsignal(signal.SIGINT)


PROGRAM = """
import signal
import sys
import time
from pathlib import Path

from quietscope.consensus.posterior_samples import StoredSamples
from quietscope.consensus.sampling_runs import over


def slow(sample):
    time.sleep(120)
    return float(sample.mean())


def stop(number, frame):
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop)
    try:
        list(over(StoredSamples(Path("samples"), (4, 4), 3), slow, processes=2))
    except KeyboardInterrupt:
        sys.exit(7)
"""


def started(parent: int, wait: float) -> list[psutil.Process]:
    """Return the processes of a pool, some time after the first was there."""
    until = time.monotonic() + 60.0
    while time.monotonic() < until:
        found = [each for each in psutil.Process(parent).children() if "spawn_main" in " ".join(each.cmdline())]
        if found:
            time.sleep(wait)
            return found
        time.sleep(0.005)
    raise AssertionError("nothing was started")


@pytest.mark.parametrize(
    ("number", "wait"), [(signal.SIGINT, 0.0), (signal.SIGTERM, 0.0), (signal.SIGINT, 2.0), (signal.SIGKILL, 2.0)]
)
def test_processes_of_a_pool_say_nothing_of_a_signal_and_end(
    tmp_path: Path, number: signal.Signals, wait: float
) -> None:
    np.zeros((3, 4, 4), np.float32).tofile(tmp_path / "samples")
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, "program.py"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        children = started(process.pid, wait)
        if number == signal.SIGKILL:
            process.kill()
        else:
            os.killpg(process.pid, number)  # as a terminal does, or a cluster
        _, told = process.communicate(timeout=60)
    assert process.returncode == (-number if number == signal.SIGKILL else 7)
    assert "Traceback" not in told or (number == signal.SIGKILL and not wait), (
        told
    )  # killed while it tells its children
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not alive
