"""Processes that this one starts: they neither hear Ctrl-C themselves nor outlive the one that has started them."""

import os
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import parent_process, resource_tracker
from pathlib import Path
from types import FrameType

from quietscope.insistence import SIGNALS


@contextmanager
def signals_held() -> Iterator[None]:
    """Have signals wait until the end of a block; a process that is started in it has them wait until it is ready.

    Otherwise one that comes while processes start would have each of them end with words of its own: of being
    interrupted, or of what it was not told to the end. In a thread that is not the main one, signals interrupt nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        with _mask_held():
            yield
        return
    came: list[tuple[int, FrameType | None]] = []
    # The mask holds for this thread alone, and Python's handler runs here whichever thread has received the signal.
    earlier = {number: found for number in SIGNALS if (found := signal.getsignal(number)) is not None}  # not of C
    for number in earlier:
        signal.signal(number, lambda *received: came.append(received))
    try:
        with _mask_held():
            yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
        for received in came[:1]:
            _answer(earlier[signal.Signals(received[0])], *received)


@contextmanager
def _mask_held() -> Iterator[None]:
    if not hasattr(signal, "pthread_sigmask"):  # on Windows
        yield
        return
    resource_tracker.ensure_running()  # which multiprocessing starts along with the first process, and unblocks both
    earlier = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, earlier)


def _answer(handler: object, number: int, frame: FrameType | None) -> None:
    """Do what would have been done when a signal came."""
    if callable(handler) and not isinstance(handler, signal.Handlers):
        handler(number, frame)
    else:
        signal.raise_signal(number)


def as_one_of_them(place: Path | None = None) -> None:
    """Make this process one that is told by its parent alone when to end, and that ends once its parent is gone.

    Args:
        place: Folder to remove then.
    """
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # the parent hears it too, and tells the others
    parent = parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        if place is not None:
            shutil.rmtree(place, ignore_errors=True)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
