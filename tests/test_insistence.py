"""A second signal ends the command line even where Python cannot call its handler."""

import hashlib
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from quietscope import insistence
from quietscope.insistence import heard, insistence_heard
from quietscope.training.stop import StopRequest

AT_WORK = """
import hashlib, sys
import quietscope.cli as cli
from quietscope.training.stop import StopRequest
def perform(arguments):
    with StopRequest().handled():
        print("at work", flush=True)
        hashlib.pbkdf2_hmac("sha256", b"", b"", (1 << 31) - 1)  # half an hour without Python
cli._perform = perform
cli.main(["train"])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends signals")
@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_second_signal_ends_a_step_that_takes_half_an_hour(number: signal.Signals, expected: int) -> None:
    typed = [sys.executable, "-c", AT_WORK]
    with subprocess.Popen(typed, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "at work\n"
            process.send_signal(number)
            with pytest.raises(subprocess.TimeoutExpired):  # the first one waits for the step
                process.wait(2 * insistence.GRACE)
            process.send_signal(number)
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == expected
    assert said == "quietscope: stopped at once; what was being written is not kept\n"


def unwelcome(number: int) -> None:
    raise AssertionError(f"ended by {number}")


def test_two_signals_during_one_step_count_as_two() -> None:
    """Python calls the handler once for both."""

    def send() -> None:
        for _ in range(2):
            time.sleep(0.05)
            signal.raise_signal(signal.SIGINT)

    stop = StopRequest()
    with insistence_heard(unwelcome), stop.handled():
        sender = threading.Thread(target=send)
        sender.start()
        with pytest.raises(KeyboardInterrupt):
            hashlib.pbkdf2_hmac("sha256", b"", b"", 1 << 20)
        sender.join()
    assert not stop.requested


def test_answered_signals_end_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(insistence, "GRACE", 0.1)
    ended: list[int] = []
    before = signal.signal(signal.SIGINT, lambda *_: counts.append(heard()))
    counts: list[int] = []
    try:
        with insistence_heard(ended.append):
            for _ in range(3):
                signal.raise_signal(signal.SIGINT)
            time.sleep(0.3)
    finally:
        signal.signal(signal.SIGINT, before)
    assert counts == [1, 1, 1]
    assert not ended


def test_signals_of_an_event_loop_are_left_to_it() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setblocking(False)
        signal.set_wakeup_fd(theirs.fileno())
        try:
            with insistence_heard(unwelcome):
                assert threads() == 0
                assert signal.set_wakeup_fd(theirs.fileno()) == theirs.fileno()
        finally:
            assert signal.set_wakeup_fd(-1) == theirs.fileno()


def test_another_thread_has_no_signals() -> None:
    def block() -> None:
        with insistence_heard(unwelcome):
            seen.append(insistence._active)

    seen: list[object] = []
    thread = threading.Thread(target=block)
    thread.start()
    thread.join()
    assert seen == [None]


def test_nothing_is_left_behind() -> None:
    before = threads()
    with insistence_heard(unwelcome):
        assert threads() == before + 1
        with insistence_heard(unwelcome):  # a command line within a command line
            assert threads() == before + 1
    assert threads() == before
    assert signal.set_wakeup_fd(-1) == -1
    assert heard() == 1


def threads() -> int:
    return sum(thread.name == "insistence" for thread in threading.enumerate())
