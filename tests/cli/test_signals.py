"""Which signal ended a verb that trains can be read off its status."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from quietscope.errors import Terminated
from quietscope.training.stop import StopRequest
from tests.cli.command_line import Quietscope


@pytest.mark.parametrize("verb", ["train", "denoise"])
@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_status_tells(
    quietscope: Quietscope,
    images: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    verb: str,
    number: signal.Signals,
    expected: int,
) -> None:
    def kill(self: StopRequest, *_: object) -> None:
        if not self.requested:
            signal.raise_signal(number)

    monkeypatch.setattr(StopRequest, "tell", kill)
    words = [verb, images / "cells.tif", "-o", tmp_path / "run", "--config", images / "tiny.yaml", "--steps", "50"]
    status, _, err = quietscope(*words, *(("--samples", "2") if verb == "denoise" else ()))
    assert (tmp_path / "run" / "model.safetensors").is_file(), err
    if verb == "denoise" and number == signal.SIGINT:  # it ends training early, and denoises with what was learnt
        assert status in (0, 3)
    else:
        assert status == expected


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)])
def test_a_second_signal_ends_it_at_once(number: signal.Signals, expected: type[KeyboardInterrupt]) -> None:
    stop = StopRequest()
    with stop.handled():
        signal.raise_signal(signal.SIGINT)
        assert stop.requested
        with pytest.raises(KeyboardInterrupt) as caught:
            signal.raise_signal(number)
    assert caught.type is expected


INTERRUPTED_IMPORT = """
import quietscope.cli as cli
def perform(arguments):
    exec("raise KeyboardInterrupt")
cli._perform = perform
cli.main(["train"])
"""


def test_an_interrupt_while_something_is_imported_has_the_same_status() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED_IMPORT], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "quietscope: stopped; nothing half-written is left\n")
