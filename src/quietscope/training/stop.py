"""Stopping in order: Ctrl-C, SIGTERM or a watcher end a run after the step that is being computed."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from quietscope.errors import Stop
from quietscope.training.watch import TrainingState, Watcher


class StopRequest:
    """Makes the first signal, or the `Stop` of a watcher, an orderly end; a second signal interrupts at once.

    Attributes:
        requested: Whether the run is to end.
        terminated: Whether it was SIGTERM, by which the system asks the program to end.
    """

    def __init__(self) -> None:
        self.requested = False
        self.terminated = False

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Handle the signals inside this block; nothing happens outside the main thread, which alone receives them."""
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
        """Tell a watcher how training stands, and end the run if it raises `Stop`."""
        try:
            watch(state)
        except Stop:
            self.requested = True

    def _request(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        self.terminated = number == signal.SIGTERM
