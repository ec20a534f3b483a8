"""Training in several processes of this machine, which share every batch: on a GPU each, or on a part of the cores.

This process trains as the first of a team, see `quietscope.training.team`, and starts the others, which are told all
that it was told, write nothing, and end with it, however it ends.
"""

import os
import pickle
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

import torch
from torch import distributed

from quietscope.data.frames import Frames
from quietscope.data.preparation import Notify
from quietscope.errors import SettingsError, TrainingError
from quietscope.methods.base import LearningMethod
from quietscope.own_processes import as_one_of_them, signals_held
from quietscope.training.budget import Budget
from quietscope.training.companion import Companion
from quietscope.training.fit import FitReport, fit
from quietscope.training.followed import NOBODY, Followers
from quietscope.training.settings import TrainingSettings
from quietscope.training.settling import Judge
from quietscope.training.team import Team
from quietscope.training.watch import Watcher
from quietscope.wording import typed

PATIENCE = timedelta(minutes=30)
"""How long a process waits for the others in a step, one of which may read files that are slow."""

SECONDS_TO_END = 30.0
"""How long the others may take to end once training has."""


@dataclass(frozen=True, kw_only=True)
class Seat:
    """The place of a process in a team.

    Attributes:
        rank: Its number, from 0.
        size: Number of processes.
        device: Where it computes.
        num_threads: Threads that it may use.
        meeting: File in which the processes meet.
    """

    rank: int
    size: int
    device: torch.device
    num_threads: int
    meeting: Path

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Belong to the team inside this block."""
        before = torch.get_num_threads()
        distributed.init_process_group(
            "nccl" if self.device.type == "cuda" else "gloo",
            init_method=f"file://{self.meeting}",
            rank=self.rank,
            world_size=self.size,
            timeout=PATIENCE,
        )
        try:
            torch.set_num_threads(self.num_threads)
            yield
        finally:
            torch.set_num_threads(before)
            distributed.destroy_process_group()


def fit_together(
    num_processes: int,
    method: LearningMethod,
    frames: Frames,
    settings: TrainingSettings,
    budget: Budget,
    *,
    device: torch.device,
    notify: Notify,
    watch: Watcher | None = None,
    folder: Path | None = None,
    resume: bool = False,
    companion: Companion | None = None,
    judge: Judge | None = None,
    followers: Followers = NOBODY,
) -> FitReport:
    """Train a method as `quietscope.training.fit.fit` does, in several processes that share every batch.

    The patches of a seed are the same whatever the number of processes. A step is that of one process, but for what
    is random inside the network, which every process draws for itself, and for rounding.

    Args:
        num_processes: How many; with 1, training is what `fit` does.
        method: The method to train.
        frames: Noisy frames.
        settings: Training settings.
        budget: Limit of time or steps.
        device: Where to train: on as many GPUs, from the first on, or on the cores of the machine.
        notify: Called with one line for each thing a person should know.
        watch: Called after every step.
        folder: Folder for logs and the resume file.
        resume: Whether to continue from the folder's resume file.
        companion: A second method to train in the same run.
        judge: What tells how good the method is; it is asked in this process alone.
        followers: Trackers, which this process tells.

    Returns:
        The report of the run.

    Raises:
        SettingsError: If there are too few devices, or the batch cannot be shared.
        TrainingError: If a process of the team is lost; what was kept in the folder can be gone on from.
        QuietScopeError: As `fit` does.
    """
    told: dict[str, Any] = {"folder": folder, "resume": resume, "companion": companion}
    own: dict[str, Any] = {"notify": notify, "watch": watch, "judge": judge, "followers": followers}
    if num_processes == 1:
        return fit(method, frames, settings, budget, device=device, **own, **told)
    devices = devices_of(device, num_processes)
    check_shared(settings, num_processes)
    with tempfile.TemporaryDirectory(prefix="quietscope-") as place:
        threads = max(1, torch.get_num_threads() // num_processes)
        seats = [
            Seat(rank=n, size=num_processes, device=each, num_threads=threads, meeting=Path(place) / "meeting")
            for n, each in enumerate(devices)
        ]
        silent = None if judge is None else replace(judge, psnr=_is_never_asked)
        work = partial(fit, method, frames, settings, budget, notify=_nobody, judge=silent, **told)
        with _others(seats[1:], work) as lost:
            try:
                with seats[0].taken():
                    return fit(method, frames, settings, budget, device=devices[0], **own, **told)
            except RuntimeError as error:  # of gloo or NCCL, where a connection is closed at the other end
                raise lost() or error from error


def devices_of(device: torch.device, count: int) -> list[torch.device]:
    """Return the devices of a team.

    Args:
        device: What was asked for.
        count: Number of processes.

    Raises:
        SettingsError: If there are too few of them, or one was named, or this process belongs to a team already.
    """
    fix = f"leave out `{typed(devices=count)}`"
    if count < 1:
        raise SettingsError("1 device or more", str(count), f"pass e.g. `{typed(devices=2)}`")
    if count == 1:
        return [device]
    if Team.of_process(device).size > 1:
        raise SettingsError("a process that trains alone", "one that was started along with others", fix)
    if device.type != "cuda":
        return [device] * count
    if device != torch.device("cuda"):
        raise SettingsError(f"any {count} GPUs", f"{device}, which is one", f"pass `{typed(device='cuda')}`")
    there = torch.cuda.device_count()
    if there < count:
        raise SettingsError(f"{count} GPUs", f"{there} in this machine", f"pass `{typed(devices=max(1, there))}`")
    return [torch.device("cuda", n) for n in range(count)]


def check_shared(settings: TrainingSettings, count: int) -> None:
    """Refuse a batch that so many processes cannot share evenly, before anything is read or measured.

    Raises:
        SettingsError: If there is a remainder.
    """
    Team(device=torch.device("cpu"), size=count).share(0, settings.batch_size)


@contextmanager
def _others(seats: Sequence[Seat], work: Callable[..., object]) -> Iterator[Callable[[], TrainingError | None]]:
    """Have other processes do the same work; yields what tells of one that was lost.

    Raises:
        TrainingError: If one of them does not get as far as training.
    """
    context = get_context("spawn")
    processes: list[SpawnProcess] = []
    ends: list[Connection] = []
    told = pickle.dumps(work)  # multiprocessing would have all processes share the memory of the weights
    try:
        for seat in seats:
            end, others_end = context.Pipe()
            process = context.Process(target=_take_part, args=(seat, others_end), daemon=True)
            with signals_held():
                process.start()
                others_end.close()
                processes.append(process)
                ends.append(end)
        for end in ends:
            with suppress(OSError):  # a process that is lost is told below
                end.send_bytes(told)

        def lost() -> TrainingError | None:
            for seat, process, end in zip(seats, processes, ends, strict=True):
                process.join(1.0)
                if process.exitcode:
                    return _lost(seat, process.exitcode, _last_words(end))
            return None

        for seat, process, end in zip(seats, processes, ends, strict=True):
            if _last_words(end, process.sentinel) != _READY:
                process.join(SECONDS_TO_END)
                raise _lost(seat, process.exitcode, _last_words(end))
        yield lost
        for process in processes:
            process.join(SECONDS_TO_END)
    finally:
        for process in processes:
            process.kill()
            process.join()


_READY = "ready"


def _last_words(end: Connection, sentinel: int | None = None) -> str:
    """Return what a process says; empty where it says nothing any more."""
    try:
        return str(end.recv()) if sentinel is not None or end.poll() else ""
    except (EOFError, OSError):
        return ""


def _lost(seat: Seat, status: int | None, words: str) -> TrainingError:
    ended = f"number {seat.rank + 1} ended with status {status}"
    fix = f"pass `{typed(resume=True)}` to go on from what is kept, or leave out `{typed(devices=seat.size)}`"
    return TrainingError(f"{seat.size} processes that train together", f"{ended}: {words}" if words else ended, fix)


def _take_part(seat: Seat, end: Connection) -> None:
    """Do the work of one of the other processes, which is told first."""
    as_one_of_them(seat.meeting.parent)
    try:
        work = pickle.loads(end.recv_bytes())
        end.send(_READY)
        with seat.taken():
            work(device=seat.device)
    except BaseException as error:
        with suppress(OSError):  # the first process may be gone
            end.send(" ".join(f"{type(error).__name__}: {error}".split())[:200])
        os._exit(1)


def _is_never_asked(_method: LearningMethod) -> float:
    raise AssertionError("only the first process judges")


def _nobody(_line: str) -> None:
    """What there is to say, the first process says."""
