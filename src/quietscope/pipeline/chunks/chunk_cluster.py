"""Chunks on Dask: in processes of this machine, or by the workers of a scheduler that is there."""

import logging
import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from threading import Thread
from typing import Any

from quietscope.errors import ClusterError, QuietScopeError
from quietscope.io.atomic import DISK_FULL
from quietscope.optional import imported
from quietscope.pipeline.chunks.chunk_folder import ChunkFolder
from quietscope.pipeline.chunks.chunk_job import ChunkJob
from quietscope.pipeline.chunks.chunk_worker import do_chunks
from quietscope.pipeline.chunks.sharing import Sharing
from quietscope.wording import typed

SECONDS_FOR_SCHEDULER, SECONDS_FOR_WORKERS = 10, 60
"""How long a scheduler is waited for, and then its first worker."""

_LATE = 3
"""Seconds after which a scheduler that should have given up waiting is not waited for any more."""

_SAME = "install the same version of dask and distributed on all machines"

_NAP, SECONDS_BETWEEN_QUESTIONS = 0.05, 1.0
"""How often it is looked whether a task is done, and asked whether there are workers at all."""

AHEAD = 2
"""Tasks that every worker knows of beyond the one that it works on."""

SECONDS_OF_TASK, MOST_OF_TASK, FEWEST_TASKS = 10.0, 64, 4
"""How long a task should take, between whose chunks a worker never waits, and chunks in it at most; tasks that each
worker still has to do, so that all end together."""

RETRIES = 3
"""How often a task is tried again whose worker died."""


def cluster_chunks(
    job: ChunkJob, sharing: Sharing, numbers: Sequence[int], notify: Callable[[str], None]
) -> Iterator[int]:
    """Denoise chunks by the workers of a cluster.

    Args:
        job: What is denoised.
        sharing: How many workers, or whose.
        numbers: Numbers of the chunks.
        notify: Told where the cluster can be looked at.

    Yields:
        Bytes of results of a chunk, as soon as it is written.

    Raises:
        ClusterError: If scheduler or workers cannot be reached, have another version, or are lost for a minute.
        QuietScopeError: If a chunk cannot be denoised.
        OSError: If a worker has found the disk full.
    """
    distributed = imported("distributed", ClusterError, "dask")
    if sharing.workers is not None:
        sharing = replace(sharing, workers=min(sharing.workers, len(numbers)))
    scratch = ChunkFolder.beside(job.target()).path / "dask"
    with _quiet(), _client(distributed, sharing, scratch, notify) as client:
        running = distributed.as_completed(loop=client.loop)
        num_workers = sharing.workers or len(client.scheduler_info(n_workers=-1)["workers"])
        waiting = _Waiting(numbers, num_workers)

        def submit() -> None:
            some = waiting.task()
            if some:
                name = f"quietscope-{job.made_by}-{some[0]}"
                running.add(client.submit(do_chunks, job, some, key=name, pure=False, retries=RETRIES))

        for _ in range(num_workers * (1 + AHEAD)):
            submit()
        while not running.is_empty():
            _await_one(client, running, sharing.scheduler or "this machine")
            future = next(running)
            try:
                num_bytes: list[int] = future.result()
            except QuietScopeError:
                raise
            except Exception as error:
                _raise_if_full(error)
                raise _lost(error) from error
            future.release()  # what is still asked for is done once more where the worker that knows it dies
            waiting.tell(len(num_bytes))
            yield from num_bytes
            submit()


class _Waiting:
    """Chunks that no worker has been given yet, handed out in tasks: one by one at first, then as many as take a while.

    Args:
        numbers: Numbers of the chunks.
        num_workers: Number of workers.
    """

    def __init__(self, numbers: Sequence[int], num_workers: int) -> None:
        self._numbers, self._num_workers = numbers, max(num_workers, 1)
        self._at, self._done, self._since = 0, 0, 0.0

    def tell(self, count: int) -> None:
        """Tell that so many chunks are done; the first of them say how long the start took, and no more."""
        if self._since:
            self._done += count
        else:
            self._since = time.monotonic()

    def task(self) -> Sequence[int]:
        """Return the next chunks for one worker; none where none are left."""
        left = len(self._numbers) - self._at
        apace = 1
        if self._done:
            seconds = (time.monotonic() - self._since) / self._done * self._num_workers
            apace = int(SECONDS_OF_TASK / max(seconds, 1e-3))
        size = max(1, min(apace, MOST_OF_TASK, left // (FEWEST_TASKS * self._num_workers)))
        self._at += size
        return self._numbers[self._at - size : self._at]


def _await_one(client: Any, running: Any, where: str) -> None:
    """Wait until a chunk is done, as long as there is a worker that may do it.

    Raises:
        ClusterError: If there was none for a minute.
    """
    since = asked = time.monotonic()
    while not running.has_ready():
        time.sleep(_NAP)
        now = time.monotonic()
        if now - asked < SECONDS_BETWEEN_QUESTIONS:
            continue
        asked = now
        if client.status != "running" or client.scheduler_info(n_workers=-1)["workers"]:
            since = now
        elif now - since >= SECONDS_FOR_WORKERS:
            fix = f"look at their logs, start others, then pass `{typed(resume=True)}`"
            raise ClusterError(f"workers at {where}", f"none for {SECONDS_FOR_WORKERS} s", fix)


@contextmanager
def _client(distributed: Any, sharing: Sharing, scratch: Path, notify: Callable[[str], None]) -> Iterator[Any]:
    """Reach a cluster, or start one on this machine, which is gone at the end.

    What Dask keeps in files lies among the chunks, so that it goes with them, whoever was killed.
    """
    if sharing.scheduler is not None:
        with _reached(distributed, sharing.scheduler) as client:
            notify(f"the workers can be watched at {client.dashboard_link}")
            yield client
        return
    assert sharing.workers is not None
    threads = os.environ.get("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // sharing.workers)))
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    settings = {
        "distributed.nanny.pre-spawn-environ": dict.fromkeys(names, threads),
        "distributed.worker.use-file-locking": False,  # which network disks may not know
        "temporary-directory": str(scratch),
    }
    dask = imported("dask", ClusterError, "dask")
    several = "process" if sharing.workers == 1 else "processes"
    notify(f"starting {sharing.workers} {several}; the first chunk is done once the model is loaded there")
    with (
        dask.config.set(settings),
        _processes(distributed, sharing.workers) as cluster,
        _used(distributed.Client(cluster)) as client,
    ):
        notify(f"the workers can be watched at {client.dashboard_link}")
        yield client


@contextmanager
def _used(client: Any) -> Iterator[Any]:
    """Close a client at the end of a block. What Dask stumbles over there takes the place of nothing that has happened.

    To close one whose scheduler is lost may meet its own attempt to connect, which it then cannot call off.
    """
    closing = ExitStack()
    closing.enter_context(client)
    try:
        yield client
    finally:
        with suppress(Exception):
            closing.close()


def _processes(distributed: Any, number: int) -> Any:
    """Start processes of this machine."""
    try:
        return distributed.LocalCluster(
            n_workers=number,
            threads_per_worker=1,
            processes=True,
            memory_limit=0,
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
        )
    except Exception as error:
        _raise_if_full(error)
        what = f"{number} process{'es' * (number > 1)} to denoise in"
        fix = f"try again with `{typed(resume=True)}`, or with a smaller number after `{typed('workers')}`"
        raise ClusterError(what, _words(error), fix) from error


def _raise_if_full(error: BaseException) -> None:
    """Raise what made an error, if that is a full disk: it says more than that workers are lost, or did not start."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in DISK_FULL:
            raise cause
        cause = cause.__cause__ or cause.__context__


@contextmanager
def _reached(distributed: Any, address: str) -> Iterator[Any]:
    """Connect to a scheduler whose workers can do what is wanted."""
    start = f"start one with `dask scheduler`, and workers with `dask worker {address}`"
    connect = partial(distributed.Client, address, timeout=SECONDS_FOR_SCHEDULER)
    try:
        with warnings.catch_warnings(action="ignore", category=distributed.versions.VersionMismatchWarning):
            client = _in_time(connect, SECONDS_FOR_SCHEDULER + _LATE)
    except (OSError, ValueError, TimeoutError) as error:
        got = f"none that answers within {SECONDS_FOR_SCHEDULER} s"
        raise ClusterError(f"a scheduler of Dask at {address}", got, start) from error
    except Exception as error:  # schedulers of other versions are answered in many ways
        got = f"one that does not understand it ({_words(error)})"
        raise ClusterError(f"a scheduler of Dask {distributed.__version__} at {address}", got, _SAME) from error
    with _used(client):
        try:
            _check_dask(client, address)
            _wait_for_workers(client, address)
            _check_versions(client, address)
        except OSError as error:
            got = f"one that is lost ({_words(error)})"
            raise ClusterError(f"a scheduler of Dask that stays at {address}", got, start) from error
        yield client


def _wait_for_workers(client: Any, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=SECONDS_FOR_WORKERS)
    except TimeoutError as error:
        got = f"none within {SECONDS_FOR_WORKERS} s"
        raise ClusterError(f"workers at {address}", got, f"run `dask worker {address}`") from error


def _in_time(call: Callable[[], Any], seconds: float) -> Any:
    """Return what a function returns, which may wait for ever for an answer that another kind of server never gives.

    Raises:
        TimeoutError: If it takes longer.
        Exception: Whatever it raises.
    """
    given: Future[Any] = Future()

    def run() -> None:
        try:
            given.set_result(call())
        except BaseException as error:
            given.set_exception(error)

    Thread(target=run, daemon=True).start()
    return given.result(seconds)


def _check_dask(client: Any, address: str) -> None:
    """Refuse a scheduler and workers of another version of Dask, which may understand each other or not."""
    told = client.get_versions()
    own = told["client"]["packages"]["distributed"]
    found = {each["packages"]["distributed"] for each in (told["scheduler"], *told["workers"].values())}
    if found - {own}:
        raise ClusterError(f"Dask {own} at {address}", ", ".join(sorted(found - {own})), _SAME)


def _check_versions(client: Any, address: str) -> None:
    """Refuse workers that have another version of QuietScope, or none."""
    own = version("quietscope")
    try:
        found = set(client.run(_own_version).values())
    except OSError:
        raise  # nobody is there any more
    except Exception as error:  # what cannot be imported there is raised by whatever unpickles it
        got = f"workers that cannot load it ({_words(error)})"
        fix = f'run `pip install "quietscope[dask]=={own}"` where they are'
        raise ClusterError(f"QuietScope {own} at {address}", got, fix) from error
    if found != {own}:
        got = ", ".join(sorted(found))
        raise ClusterError(f"QuietScope {own} at {address}", got, "install the same version on all machines")


def _own_version() -> str:
    return version("quietscope")


def _words(error: Exception, most: int = 100) -> str:
    return " ".join(str(error).split())[:most] or type(error).__name__


def _lost(error: Exception) -> ClusterError:
    words = _words(error, 200)
    return ClusterError(
        "workers that denoise every chunk", words, f"look at their logs, then pass `{typed(resume=True)}`"
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask's own remarks off the screen: what matters of them is told in one line."""
    roots = ("distributed", "tornado", "asyncio")
    known = [*logging.root.manager.loggerDict, *roots]  # those below have levels of their own, which Dask gives them
    levels = {name: logging.getLogger(name).level for name in known if name.partition(".")[0] in roots}
    try:
        for name in levels:
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
