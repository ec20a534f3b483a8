"""Orderly stop of training: Ctrl-C, SIGTERM or a watcher end a run after the current step."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from quietscope.errors import Stop, Terminated
from quietscope.insistence import heard
from quietscope.training.watch import TrainingState, Watcher


class StopRequest:
    """Records that a run should end, after a first signal or the `Stop` of a watcher; a second signal ends it at once.

    Attributes:
        requested: Whether the run should end.
        terminated: Whether the signal was SIGTERM, by which the system asks the program to end.
    """

    def __init__(self) -> None:
        self.requested = False
        self.terminated = False

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Handle signals inside this block; outside the main thread, which alone receives signals, do nothing."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        signals = (signal.SIGINT, signal.SIGTERM)
        earlier = [signal.signal(number, self._request) for number in signals]
        try:
            yield
        finally:
            for number, handler in zip(signals, earlier, strict=True):
                signal.signal(number, handler)

    def tell(self, watch: Watcher, state: TrainingState) -> None:
        """Call a watcher with the state of training, and end the run if the watcher raises `Stop`."""
        try:
            watch(state)
        except Stop:
            self.requested = True

    def _request(self, number: int, frame: FrameType | None) -> None:
        num_signals = heard()  # of which a long step lets Python call the handler once
        if self.requested or num_signals > 1:
            raise ended_by(is_terminated=number == signal.SIGTERM)
        self.requested = True
        self.terminated = number == signal.SIGTERM


def ended_by(*, is_terminated: bool) -> KeyboardInterrupt:
    """Return what to raise where somebody has ended a run: the system, or a person or watcher."""
    return Terminated() if is_terminated else KeyboardInterrupt()
