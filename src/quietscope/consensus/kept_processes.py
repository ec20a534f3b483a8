"""Processes that analyse samples, kept from one frame to the next and from image to image, for they start slowly."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from multiprocessing import active_children, get_context
from multiprocessing.process import BaseProcess
from typing import ParamSpec, TypeVar

from quietscope.own_processes import as_one_of_them, signals_held

Given = ParamSpec("Given")
Found = TypeVar("Found")


class Pool:
    """Some processes; each starts when there is work for it.

    Args:
        processes: How many.

    Attributes:
        is_broken: Whether one of them is known to have been killed, so that the others are of no use.
    """

    def __init__(self, processes: int) -> None:
        self.processes = processes
        self.is_broken = False
        self._executor = ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=as_one_of_them)
        self._started: set[BaseProcess] = set()

    def submit(self, function: Callable[Given, Found], *given: Given.args, **named: Given.kwargs) -> Future[Found]:
        """Have one of the processes call a function.

        Raises:
            BrokenProcessPool: If one of them has ended before.
        """
        with signals_held():
            others = set(active_children())
            try:
                return self._executor.submit(function, *given, **named)
            finally:
                self._started |= set(active_children()) - others

    def end(self, *, at_once: bool = False) -> None:
        """End the processes.

        Args:
            at_once: Whether what they are doing is not waited for.
        """
        if at_once:
            self._executor.shutdown(wait=False, cancel_futures=True)
            for process in self._started:
                process.kill()
            for process in self._started:
                process.join()
        self._executor.shutdown()


class KeptProcesses:
    """Processes of one block; one lot of them at a time."""

    def __init__(self) -> None:
        self._pool: Pool | None = None

    def pool(self, processes: int) -> Pool:
        """Return the processes that there are, or others where these are too few, too many, or broken."""
        if self._pool is not None and (self._pool.is_broken or self._pool.processes != processes):
            self.end(at_once=self._pool.is_broken)
        if self._pool is None:
            self._pool = Pool(processes)
        return self._pool

    def end(self, *, at_once: bool = False) -> None:
        """End the processes that there are, see `Pool.end`."""
        if self._pool is not None:
            pool, self._pool = self._pool, None
            pool.end(at_once=at_once)


_KEPT: ContextVar[KeptProcesses | None] = ContextVar("kept processes", default=None)


@contextmanager
def processes_kept() -> Iterator[None]:
    """Keep processes until the end of the block, or of the outermost one where blocks lie in each other.

    They end at once where the block is left by an error or a signal.
    """
    with these_processes() as kept:
        earlier = _KEPT.set(kept)
        try:
            yield
        finally:
            _KEPT.reset(earlier)


@contextmanager
def these_processes() -> Iterator[KeptProcesses]:
    """Yield the processes that are kept, or else some for this block alone."""
    outer = _KEPT.get()
    if outer is not None:
        yield outer
        return
    kept = KeptProcesses()
    try:
        yield kept
    except BaseException:
        kept.end(at_once=True)
        raise
    finally:
        kept.end()
