"""Chunks after a kill at the worst of moments: nothing is left over, nothing is lost, and the same command goes on."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quietscope import run
from quietscope.errors import OutputError
from quietscope.io import read_image, write_image
from quietscope.io.storage import Storage
from quietscope.methods import METHODS
from quietscope.pipeline.chunks import chunk_folder
from quietscope.pipeline.chunks.chunk_folder import ChunkFolder
from quietscope.pipeline.chunks.chunk_plan import ChunkPlan
from quietscope.pipeline.chunks.chunk_planning import plan_chunks
from quietscope.pipeline.chunks.chunk_worker import ChunkWorker
from quietscope.pipeline.chunks.sharing import Sharing
from quietscope.pipeline.results import Results
from quietscope.tiling import cut
from tests.tiny import denoiser

Planned = Callable[..., ChunkPlan]


class _Killed(BaseException):
    """The process is gone."""


def kill(*_: Any, **__: Any) -> None:
    """Be killed."""
    raise _Killed


@pytest.fixture
def planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Planned:
    """What plans a part of a prediction into clean.ome.zarr."""
    monkeypatch.setattr(cut, "MOST_PIXELS", 10_000)
    noisy = np.random.default_rng(0).poisson(100, (64, 96)).astype(np.uint16)
    write_image(tmp_path / "noisy.ome.zarr", noisy, "YX")
    denoiser(METHODS["noise2void"]).save(tmp_path / "model.safetensors")
    results = Results(storage=Storage(chunk=32, pyramid=True))

    def plan(part: tuple[int, int] = (1, 1), **more: Any) -> ChunkPlan:
        paths = (tmp_path / "model.safetensors", tmp_path / "noisy.ome.zarr", tmp_path / "clean.ome.zarr")
        return plan_chunks(*paths, Sharing(part=part), **{"results": results, **more})

    return plan


def hidden(folder: Path) -> list[str]:
    """Return the names of what nobody is to find, at any depth."""
    return [path.name for path in folder.rglob("*") if path.name.startswith(".") or path.suffix == ".partial"]


def test_a_kill_before_the_folder_has_its_name_leaves_nothing(
    planned: Planned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(chunk_folder, "begin_shared", kill)
        patch.setattr("shutil.rmtree", lambda *_, **__: None)  # a process that was killed removes nothing
        with pytest.raises(_Killed):
            run(planned())
    assert len(hidden(tmp_path)) == 1
    run(planned())
    assert hidden(tmp_path) == []


def test_a_kill_while_the_folder_is_removed_leaves_all_of_it_or_nothing(
    planned: Planned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove = shutil.rmtree

    def half(path: Path, **options: Any) -> None:
        begun = list(path.rglob("chunks.json"))
        if not begun:
            remove(path, **options)
        for each in begun:
            each.unlink()

    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", half)
        run(planned())
    assert not (tmp_path / ".clean.ome.zarr.unfinished").exists()
    run(planned())
    assert hidden(tmp_path) == []
    run(planned(overwrite=True))
    assert hidden(tmp_path) == []


def test_what_a_late_worker_has_left_is_in_nobodys_way(planned: Planned, tmp_path: Path) -> None:
    left = tmp_path / ".clean.ome.zarr.unfinished" / "results" / "clean.ome.zarr" / "0" / "c" / "0"
    left.mkdir(parents=True)
    (left / "0").write_bytes(b"late")
    run(planned())
    assert read_image(tmp_path / "clean.ome.zarr").shape == (64, 96)
    assert hidden(tmp_path) == []


def test_a_late_worker_writes_nothing_into_the_chunks_of_another_run(planned: Planned, tmp_path: Path) -> None:
    run(planned((1, 2)))
    late = ChunkWorker.of(planned((2, 2)).job)
    folder = ChunkFolder.beside(planned().job.target())
    folder.remove()
    for begun in (False, True):
        if begun:
            folder.begin("another", late.cut, [100.0])
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(OutputError, match="ended or begun anew"):
            list(late.do_all([0]))
        assert sorted(tmp_path.rglob("*")) == before


def test_what_was_to_be_replaced_is_replaced_by_whoever_goes_on(
    planned: Planned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "clean.ome.zarr"
    write_image(output, np.zeros((4, 4), np.uint8), "YX")
    with monkeypatch.context() as patch:
        patch.setattr("quietscope.pipeline.chunks.chunk_run.publish", kill)
        with pytest.raises(_Killed):
            run(planned(overwrite=True))
    assert read_image(output).shape == (4, 4)
    run(planned(resume=True))
    assert read_image(output).shape == (64, 96)
    assert hidden(tmp_path) == []


@pytest.mark.parametrize("place", ["0/c/1", "0", "1/c/0"])
def test_what_was_cut_off_within_a_result_does_not_stay_there(planned: Planned, tmp_path: Path, place: str) -> None:
    run(planned((1, 2)))
    within = tmp_path / ".clean.ome.zarr.unfinished" / "results" / "clean.ome.zarr" / place
    within.mkdir(parents=True, exist_ok=True)
    (within / f"0.{'0123456789abcdef' * 2}.partial").write_bytes(b"half")
    run(planned((2, 2)))
    assert hidden(tmp_path) == []


def test_a_line_of_a_journal_that_did_not_fit_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = chunk_folder.ChunkJournal(tmp_path / "one", tmp_path / "found")
    journal.note(3)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            journal.note(1)
    with monkeypatch.context() as patch:
        patch.setattr("os.write", lambda file, line: len(line[:1]))
        with pytest.raises(OSError, match="No space"):
            journal.note(1)
    journal.note(15)
    assert (tmp_path / "one").read_bytes() == b"3\n15\n"
