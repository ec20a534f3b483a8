"""Processes of a benchmark that are to be killed: how they are started, found and timed, as Linux alone tells."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import quietscope

MARK = "QUIETSCOPE_CHUNK_KILLS"
"""A variable of the environment that processes of a case are known by."""
_TICKS = os.sysconf("SC_CLK_TCK")


def marked(mark: str) -> Iterator[int]:
    """Yield the processes that were started with a mark, or by such."""
    wanted = f"{MARK}={mark}\0".encode()
    for place in Path("/proc").iterdir():
        with suppress(OSError):
            if place.name.isdigit() and wanted in (place / "environ").read_bytes() + b"\0":
                yield int(place.name)


def work_of(process: int) -> float:
    """Return how many seconds a process has computed; 0 where it is gone."""
    with suppress(OSError):
        told = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return (int(told[11]) + int(told[12])) / _TICKS
    return 0.0


def is_tracker(process: int) -> bool:
    """Tell whether a process is Python's own that cleans up behind others, or gone."""
    with suppress(OSError):
        return b"resource_tracker" in Path(f"/proc/{process}/cmdline").read_bytes()
    return True


class Started:
    """A process that was started in a group of its own, and what it says.

    Args:
        folder: Where.
        mark: What it and all that it starts are known by.
        temporary: Where its temporary files go.
        words: A module, and what is typed after its name.
    """

    def __init__(self, folder: Path, mark: str, temporary: Path, words: tuple[object, ...]) -> None:
        self._said = folder / f"said{time.monotonic_ns()}"
        found = os.pathsep.join([str(Path(quietscope.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
        own = {MARK: mark, "TMPDIR": str(temporary), "PYTHONPATH": found, "OMP_NUM_THREADS": "1"}
        environment = {**os.environ, **own}
        typed = [sys.executable, "-m", *map(str, words)]
        with self._said.open("wb") as told, self._said.with_suffix(".err").open("wb") as error:
            self.process = subprocess.Popen(
                typed, cwd=folder, env=environment, stdout=told, stderr=error, start_new_session=True
            )
        self._began, self._ended = time.monotonic(), 0.0

    @property
    def is_over(self) -> bool:
        """Whether the process has ended."""
        if self.process.poll() is not None and not self._ended:
            self._ended = time.monotonic()
        return self._ended > 0

    @property
    def seconds(self) -> float:
        """How long it has taken, until now or its end."""
        return (self._ended or time.monotonic()) - self._began

    def kill_all(self) -> None:
        """Kill it with its group."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Cluster:
    """A scheduler of Dask and two workers, processes of their own.

    Args:
        folder: Where.
        mark: What its processes are known by.
    """

    def __init__(self, folder: Path, mark: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{port}"
        own = folder / "cluster"
        own.mkdir(exist_ok=True)
        quiet = ("--no-dashboard", "--host", "127.0.0.1")
        two = ("--nworkers", 2, "--nthreads", 1)
        self._scheduler = Started(folder, mark, own, ("dask", "scheduler", *quiet, "--port", port))
        self._workers = Started(folder, mark, own, ("dask", "worker", self.address, *quiet, *two))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in (self._workers, self._scheduler):
            each.kill_all()

    def kill_scheduler(self) -> None:
        """Kill the scheduler; its workers stay."""
        self._scheduler.kill_all()
