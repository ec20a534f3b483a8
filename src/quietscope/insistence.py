"""Ctrl-C twice ends a program at once, even while it is in native code that Python cannot interrupt.

Python's handler of a signal waits until the main thread is back in Python: after the matrix product, the convolution or
the backward pass that it is in, which may take minutes, and as one call however many signals have come meanwhile. So
each signal is also written into a pair of sockets as it comes (`signal.set_wakeup_fd`), where a thread of its own reads
it. A second signal that no handler has answered after `GRACE` seconds ends the program there.

Only who owns the process may end it like that. The command line does; a script, a notebook or a program with windows
that calls the library keeps Python's own ways, and its thread is never started.
"""

import selectors
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

SIGNALS = (signal.SIGINT, signal.SIGTERM)
GRACE = 2.0
"""Seconds that the handler of a second signal may take to be called."""

_LOOKS = 20
_active: "_Ear | None" = None


def heard() -> int:
    """Note that a handler answers what has come, and return how many signals these are; to be called by each handler.

    Returns:
        Number of signals since the last answer: 1, or more where Python could not call the handler for each.
    """
    return 1 if _active is None else _active.answer()


@contextmanager
def insistence_heard(end: Callable[[int], None]) -> Iterator[None]:
    """Listen to signals that Python cannot answer for as long as the block lasts.

    Outside the main thread, which alone has signals, and where an event loop has them already, nothing is done.

    Args:
        end: Ends the process. It is called in another thread, with the number of the signal, after a second signal that
            was not answered within `GRACE` seconds.
    """
    global _active
    if _active is not None or threading.current_thread() is not threading.main_thread():
        yield
        return
    inner, outer = socket.socketpair()
    with inner, outer:
        inner.setblocking(False)
        outer.setblocking(False)
        earlier = signal.set_wakeup_fd(outer.fileno(), warn_on_full_buffer=False)
        if earlier != -1:
            signal.set_wakeup_fd(earlier)
            yield
            return
        _active = ear = _Ear(inner, end)
        thread = threading.Thread(target=ear.listen, name="insistence", daemon=True)
        thread.start()
        try:
            yield
        finally:
            signal.set_wakeup_fd(-1)
            _active = None
            ear.close(outer)
            thread.join()


class _Ear:
    """Counts signals that came and those that were answered; both threads read the socket, each byte once."""

    def __init__(self, inner: socket.socket, end: Callable[[int], None]) -> None:
        self._inner = inner
        self._end = end
        self._lock = threading.RLock()  # which a handler may take while another handler of its thread has it
        self._came = self._answered = 0
        self._last = int(signal.SIGINT)
        self._is_over = False

    def answer(self) -> int:
        with self._lock:
            self._read()
            new, self._answered = self._came - self._answered, self._came
        return max(1, new)  # where another thread has received it, the handler can be faster than the byte

    def close(self, outer: socket.socket) -> None:
        self._is_over = True
        with suppress(BlockingIOError):  # so full that the thread wakes up without it
            outer.send(b"\0")

    def listen(self) -> None:
        with selectors.DefaultSelector() as ready:
            ready.register(self._inner, selectors.EVENT_READ)
            while not self._is_over:
                ready.select()
                self._read()
                if self._came >= 2 and not self._is_answered(self._came):
                    self._end(self._last)

    def _read(self) -> None:
        with self._lock, suppress(BlockingIOError):
            numbers = [number for number in self._inner.recv(256) if number in SIGNALS]
            self._came += len(numbers)
            self._last = (numbers or [self._last])[-1]

    def _is_answered(self, came: int) -> bool:
        """Wait until the handler was called for so many signals, or has had its time."""
        for _ in range(_LOOKS):
            if self._answered >= came or self._is_over:
                return True
            time.sleep(GRACE / _LOOKS)
        return False
