"""Schedulers of Dask that do not do: none there, no worker, another kind of server, another version."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import distributed
import numpy as np
import pytest

from quietscope import Sharing, plan_chunks, run
from quietscope.errors import ClusterError
from quietscope.io import write_image
from quietscope.methods import METHODS
from quietscope.pipeline.chunks import chunk_cluster
from tests import tiny


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
    with distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=None) as cluster:
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
