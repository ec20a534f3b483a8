"""Long work beside the window: one worker of napari each, which tells, can be stopped, and fails in one line."""

import threading
from collections.abc import Callable
from typing import Any, TypeAlias

from napari.qt.threading import create_worker
from napari.utils.notifications import show_error
from qtpy.QtCore import QObject, Signal

from quietscope.errors import QuietScopeError, Stop
from quietscope.napari.window_words import as_said, for_the_window

Tell: TypeAlias = Callable[[Any], None]
"""Called from the worker with whatever the window is to know; it raises `quietscope.Stop` once the work is to end."""


class Work(QObject):
    """A piece of work in a thread of its own.

    Args:
        function: What is done; it is called with a `Tell`, and what it returns is the result.
        told: Called in the window's thread with what is told.
        done: Called in the window's thread with the result, also of work that was stopped and gave one.
        ended: Called in the window's thread at last, however it ended.
    """

    _told = Signal(object)
    _done = Signal(object)
    _failed = Signal(str)
    _ended = Signal()

    def __init__(
        self,
        function: Callable[[Tell], Any],
        *,
        told: Callable[[Any], None] | None = None,
        done: Callable[[Any], None] | None = None,
        ended: Callable[[], None] | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._function: Callable[[Tell], Any] | None = function
        self._hear, self._finish, self._leave = told, done, ended
        self._stop, self._over = threading.Event(), threading.Event()
        self.error = ""
        """What a person was told where the work failed; empty otherwise."""
        self._told.connect(self._on_told)
        self._done.connect(self._on_done)
        self._failed.connect(self._on_failed)
        self._ended.connect(self._on_ended)
        self._worker: Any = None

    def start(self) -> "Work":
        """Begin."""
        self._worker = create_worker(self._run, _start_thread=False)
        self._worker.start()
        return self

    @property
    def is_running(self) -> bool:
        """Whether it has begun, and its thread is still at it."""
        return self._worker is not None and not self._over.is_set()

    @property
    def is_stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Ask it to stop, which it does when it next tells something."""
        self._stop.set()

    def forget_window(self) -> None:
        """Call nobody any more: what would be called is going away."""
        self._hear = self._finish = self._leave = None

    def wait(self, seconds: float) -> bool:
        """Wait until its thread is done with it, and return whether it is."""
        return self._worker is None or self._over.wait(seconds)

    def _tell(self, what: Any) -> None:
        if self._stop.is_set() or self._worker.abort_requested:
            raise Stop
        self._told.emit(what)

    def _run(self) -> None:
        """Work, in the thread of the worker: nothing that a person can mend leaves it as an exception."""
        function, self._function = self._function, None  # what it holds, such as a model, goes when it has ended
        assert function is not None, "a piece of work is done once"
        try:
            with for_the_window():
                self._done.emit(function(self._tell))
        except Stop:
            pass
        except QuietScopeError as error:
            self._failed.emit(as_said(error))
        except MemoryError:
            self._failed.emit("expected enough free memory; got none left; crop the layer, or close what takes memory")
        except OSError as error:
            where = "" if error.filename is None else f" ({error.filename})"
            told = error.strerror or str(error)
            self._failed.emit(f"expected files that can be read and written; got {told!r}{where}; choose another place")
        finally:
            self._over.set()
            self._ended.emit()

    def _on_told(self, what: Any) -> None:
        if self._hear is not None and not self._stop.is_set():
            self._hear(what)

    def _on_done(self, result: Any) -> None:
        if self._finish is not None:
            self._finish(result)

    def _on_failed(self, line: str) -> None:
        self.error = line
        show_error(line)

    def _on_ended(self) -> None:
        if self._leave is not None:
            self._leave()
        self._hear = self._finish = self._leave = None
        self._worker = None
        self.deleteLater()
