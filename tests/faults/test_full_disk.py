"""A disk that is full: one line that names the file, and nothing half-written. The limit on a file's size stands in."""

import multiprocessing
import resource
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from quietscope import Denoiser
from quietscope.errors import OutputError
from quietscope.export import export_model
from quietscope.io import write_image
from quietscope.methods import METHODS
from quietscope.noise import GaussianMixture
from quietscope.noise.noise_file import save_noise_model
from quietscope.training.checkpoint import write_checkpoint
from quietscope.training.event_file import EventFile
from tests import tiny

ROOM = 600
"""Bytes that a file may have: fewer than any of these results needs."""
WRITERS: dict[str, Callable[[Denoiser, Path], Any]] = {
    **{
        name: lambda made, path: write_image(path, np.random.default_rng(0).random((64, 64), np.float32), "YX")
        for name in ("a.tif", "a.ome.tif", "a.npy", "a.ome.zarr")
    },
    "a.png": lambda made, path: write_image(path, np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8), "YX"),
    "m.safetensors": lambda made, path: made.save(path),
    "n.npz": lambda made, path: save_noise_model(path, GaussianMixture(torch.zeros(60, 2), 0.0, 500.0)),
    **{f"m{suffix}": lambda made, path: export_model(made, path, check=False) for suffix in (".onnx", ".pt2", ".xml")},
}


def limited(write: Callable[[], Any], told: Any) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM))
    try:
        write()
    except OutputError as error:
        told.send(str(error))
    except BaseException as error:
        told.send(f"fault: {error!r}")
    else:
        told.send("written")


def said_by(write: Callable[[], Any]) -> str:
    """Return what a writer says on a disk with little room, in a process of its own, which must not die of it."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=limited, args=(write, there))
    process.start()
    there.close()
    try:
        return str(here.recv())
    except EOFError:
        return "the process died"
    finally:
        process.join()


@pytest.fixture(scope="module")
def made() -> Denoiser:
    return tiny.denoiser(METHODS["noise2void"])


@pytest.mark.parametrize("name", WRITERS)
def test_the_line_names_the_file_and_nothing_is_left(made: Denoiser, tmp_path: Path, name: str) -> None:
    said = said_by(partial(WRITERS[name], made, tmp_path / name))
    assert said.startswith(f"expected room on the disk for {tmp_path}")
    assert said.endswith("free some space or choose another disk")
    assert list(tmp_path.iterdir()) == []


def test_the_resume_file_of_before_is_kept(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, {"step": 1})
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    state = {"weights": list(range(5000))}
    assert said_by(partial(write_checkpoint, tmp_path, state)).startswith(f"expected room on the disk for {tmp_path}")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_events_meet_a_full_disk_where_they_are_written(tmp_path: Path) -> None:
    def write() -> None:
        events = EventFile(tmp_path)
        for step in range(10_000):
            events.add_scalar("loss", 1.0, step)
        events.close()

    assert "File too large" in said_by(write)
