"""Schedulers of Dask that do not do: none there, no worker, another kind of server, another version."""

import errno
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import dask
import distributed
import numpy as np
import pytest

from quietscope import Sharing, plan_chunks, run
from quietscope.errors import ClusterError, OutputError
from quietscope.io import write_image
from quietscope.methods import METHODS
from quietscope.pipeline.chunks import chunk_cluster
from tests import tiny

ONE_WORKER: dict[str, Any] = {
    "n_workers": 1,
    "threads_per_worker": 1,
    "processes": False,
    "dashboard_address": "127.0.0.1:0",
}


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model and an image; schedulers and workers are waited for a second each."""
    tiny.denoiser(METHODS["noise2void"]).save(tmp_path / "m.safetensors")
    write_image(tmp_path / "a.ome.zarr", np.random.default_rng(0).poisson(150, (48, 48)).astype(np.uint16), "YX")
    monkeypatch.setattr(chunk_cluster, "SECONDS_FOR_SCHEDULER", 1)
    monkeypatch.setattr(chunk_cluster, "SECONDS_FOR_WORKERS", 1)
    monkeypatch.setattr(chunk_cluster, "_LATE", 1)
    return tmp_path


@pytest.fixture
def scheduler() -> Iterator[str]:
    """The address of a scheduler without a worker."""
    with distributed.LocalCluster(n_workers=0, processes=False, dashboard_address="127.0.0.1:0") as cluster:
        yield cluster.scheduler_address


@pytest.fixture
def other_server() -> Iterator[str]:
    """The address of a server that is none of Dask's, and says nothing to what it does not understand."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"


def refused(lab: Path, address: str, words: str) -> None:
    output = lab / "clean.ome.zarr"
    plan = plan_chunks(lab / "m.safetensors", lab / "a.ome.zarr", output, Sharing(scheduler=address))
    with pytest.raises(ClusterError, match=words):
        run(plan)
    assert not output.exists()


def test_a_scheduler_without_a_worker(lab: Path, scheduler: str) -> None:
    refused(lab, scheduler, "workers at .*; got none within 1 s; run `dask worker ")


def test_a_server_of_another_kind_is_not_waited_for(lab: Path, other_server: str) -> None:
    refused(
        lab,
        other_server,
        "a scheduler of Dask at .*; got none that answers within 1 s; start one with `dask scheduler`",
    )


def test_an_address_of_no_kind_that_dask_knows(lab: Path) -> None:
    refused(lab, "http://127.0.0.1:1", "a scheduler of Dask at http")


def test_a_scheduler_of_another_version(lab: Path, scheduler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = distributed.Client.get_versions

    def older(client: Any) -> Any:
        told = ask(client)
        told["scheduler"]["packages"]["distributed"] = "2020.1.0"
        return told

    monkeypatch.setattr(distributed.Client, "get_versions", older)
    refused(lab, scheduler, r"Dask 20[\d.]+ at .*; got 2020\.1\.0; install the same version of dask and distributed")


def test_a_scheduler_that_cannot_be_understood(lab: Path, scheduler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise KeyError("unknown operation")

    monkeypatch.setattr(distributed, "Client", fail)
    refused(lab, scheduler, "got one that does not understand it .'unknown operation'.; install the same version")


@pytest.fixture
def mortal_scheduler() -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """The address of a scheduler that can be killed, and its process."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    words = ["dask", "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
    with subprocess.Popen([sys.executable, "-m", *words], stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        yield f"tcp://127.0.0.1:{port}", process
        process.kill()


@pytest.mark.parametrize("place", ["_check_dask", "_wait_for_workers", "_check_versions"])
def test_what_dask_stumbles_over_while_it_closes_takes_no_place(
    lab: Path, scheduler: str, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Python 3.11 cannot call off an attempt to connect that has just timed out, and Dask does not expect that."""
    leave = distributed.Client.__exit__

    def stumbling(client: Any, *about: Any) -> None:
        leave(client, *about)
        raise RuntimeError("Cannot change state of expiring Timeout")

    def lost(*_: Any) -> None:
        raise OSError("Timed out trying to connect")

    for name in ("_check_dask", "_wait_for_workers", "_check_versions"):
        monkeypatch.setattr(chunk_cluster, name, lost if name == place else lambda *_: None)
    monkeypatch.setattr(distributed.Client, "__exit__", stumbling)
    refused(lab, scheduler, "a scheduler of Dask that stays at .*; got one that is lost .*Timed out")


@pytest.mark.parametrize("place", ["_check_dask", "_wait_for_workers", "_check_versions"])
def test_a_scheduler_that_is_lost_at_the_beginning_is_told_in_one_line(
    lab: Path,
    mortal_scheduler: tuple[str, "subprocess.Popen[bytes]"],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    place: str,
) -> None:
    address, process = mortal_scheduler
    monkeypatch.setattr(chunk_cluster, "SECONDS_FOR_SCHEDULER", 3)
    checks = {name: getattr(chunk_cluster, name) for name in ("_check_dask", "_wait_for_workers", "_check_versions")}

    def killed(client: Any, address: str) -> None:
        process.kill()
        process.wait()
        checks[place](client, address)

    for name in checks:
        monkeypatch.setattr(chunk_cluster, name, killed if name == place else lambda *_: None)
    with dask.config.set({"distributed.comm.timeouts.connect": "1s"}):
        refused(lab, address, "a scheduler of Dask that stays at .*; got one that is lost .*; start one with")
    assert "Traceback" not in capfd.readouterr().err


def test_dask_says_nothing_while_it_is_kept_quiet_and_no_less_afterwards() -> None:
    logger = logging.getLogger("distributed.client")
    before = logger.level
    with chunk_cluster._quiet():
        assert not logger.isEnabledFor(logging.CRITICAL)
    assert logger.level == before


def test_a_disk_without_room_for_workers_is_told_as_such(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**options: object) -> None:
        try:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise RuntimeError("Nanny failed to start.") from error

    monkeypatch.setattr(distributed, "LocalCluster", fail)
    plan = plan_chunks(lab / "m.safetensors", lab / "a.ome.zarr", lab / "clean.ome.zarr", Sharing(workers=1))
    with pytest.raises(OutputError, match="room on the disk"):
        run(plan)


def test_workers_that_cannot_be_started_are_told_in_one_line(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**options: object) -> None:
        raise RuntimeError("Nanny failed to start.")

    monkeypatch.setattr(distributed, "LocalCluster", fail)
    plan = plan_chunks(lab / "m.safetensors", lab / "a.ome.zarr", lab / "clean.ome.zarr", Sharing(workers=1))
    with pytest.raises(ClusterError, match=r"1 process to denoise in; got Nanny failed to start\."):
        run(plan)


def chunks_by(lab: Path, address: str) -> Iterator[int]:
    """Denoise five chunks that are none."""
    sharing = Sharing(scheduler=address)
    job = plan_chunks(lab / "m.safetensors", lab / "a.ome.zarr", lab / "clean.ome.zarr", sharing).job
    return chunk_cluster.cluster_chunks(job, sharing, range(5), lambda text: None)


def test_what_is_done_is_asked_for_no_more(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunk_cluster, "do_chunks", lambda job, numbers: [7])
    with distributed.LocalCluster(**ONE_WORKER) as cluster:
        chunks = chunks_by(lab, cluster.scheduler_address)
        for left in (2, 2, 2, 1, 0):  # the fourth and fifth are added after the first two
            assert next(chunks) == 7
            until = time.monotonic() + 5.0
            while (asked := len(distributed.default_client().futures)) > left and time.monotonic() < until:
                time.sleep(0.01)
            assert asked == left
        assert list(chunks) == []


def test_workers_that_are_all_lost_are_not_waited_for_forever(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunk_cluster, "SECONDS_BETWEEN_QUESTIONS", 0.1)

    def do(_job: object, numbers: Sequence[int]) -> list[int]:
        time.sleep(3.0 * (numbers[0] > 0))
        return [7]

    monkeypatch.setattr(chunk_cluster, "do_chunks", do)
    with distributed.LocalCluster(**ONE_WORKER) as cluster:
        chunks = chunks_by(lab, cluster.scheduler_address)
        next(chunks)
        cluster.scale(0)
        with pytest.raises(ClusterError, match=r"workers at .*; got none for 1 s; look at their logs, start others"):
            next(chunks)


def test_tasks_are_of_one_chunk_at_first_then_of_some_seconds_and_small_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    waiting, sizes = chunk_cluster._Waiting(range(1000), 2), list[int]()
    given = [*waiting.task(), *waiting.task()]
    assert given == [0, 1]
    waiting.tell(1)  # after the start of the processes, which says nothing of the pace
    while some := waiting.task():
        given.extend(some)
        sizes.append(len(some))
        now[0] += len(some) * 0.25  # two workers, half a second each
        waiting.tell(len(some))
    assert given == list(range(1000))
    assert sizes[0] == 1
    assert max(sizes) == 20  # ten seconds
    assert sizes[-4:] == [1, 1, 1, 1]
