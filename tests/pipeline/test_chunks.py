"""By chunks: no pixel depends on who denoises them, what is done is kept, and results appear whole or not at all."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from quietscope import Stop, run
from quietscope.cli.chunk_options import parsed_part
from quietscope.errors import ClusterError, OutputError, SettingsError
from quietscope.io import read_image, write_image
from quietscope.io.atomic import put_in_place
from quietscope.io.shared_result import made_by_of
from quietscope.io.storage import Storage
from quietscope.methods import METHODS
from quietscope.pipeline.chunks import chunk_cluster, chunk_end, chunk_run
from quietscope.pipeline.chunks.chunk_folder import ChunkFolder
from quietscope.pipeline.chunks.chunk_plan import ChunkPlan
from quietscope.pipeline.chunks.chunk_planning import plan_chunks
from quietscope.pipeline.chunks.sharing import Sharing
from quietscope.pipeline.events import ChunkProgress, Event, Note
from quietscope.pipeline.planning import plan_predict
from quietscope.pipeline.results import Results
from quietscope.tiling import cut
from quietscope.tiling.request import Request
from tests.tiny import denoiser

RNG = np.random.default_rng(0)
CASES: dict[str, tuple[str, int, str, tuple[int, ...], Results]] = {
    "planes": ("noise2void", 2, "TYX", (2, 70, 100), Results(storage=Storage(chunk=48))),
    "shards": ("noise2void", 2, "TYX", (3, 70, 300), Results(storage=Storage(chunk=32, shard=True), dtype="input")),
    "old": ("noise2void", 2, "ZYX", (2, 70, 50), Results(storage=Storage(chunk=32, ngff="0.4", pyramid=False))),
    "grown": ("noise2void", 2, "TYX", (5, 130, 300), Results(storage=Storage(chunk=32, pyramid=True), dtype="input")),
    "volume": (
        "hdn",
        3,
        "ZYX",
        (11, 40, 170),
        Results(kinds=("mean", "std", "quantiles", "samples"), storage=Storage(chunk=32)),
    ),
}
REQUEST = Request(num_samples=2)


@pytest.fixture(scope="module", params=list(CASES))
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A model, an image in a file that holds several chunks, options, and what comes of them in one process."""
    method, dims, axes, shape, results = CASES[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    noisy = RNG.poisson(100, shape).astype(np.uint16)
    write_image(folder / "noisy.ome.zarr", noisy, axes, pixel_size_um={"Y": 0.1, "X": 0.1})
    denoiser(METHODS[method], dims=dims).save(folder / "model.safetensors")
    found: dict[str, Any] = {
        "model": folder / "model.safetensors",
        "images": folder / "noisy.ome.zarr",
        "options": {"results": results, "request": REQUEST},
        "whole": folder / "whole.ome.zarr",
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cut, "MOST_PIXELS", 10_000 if dims == 2 else 60_000)
        patch.setattr(cut, "FEWEST_CHUNKS", 3 if request.param == "grown" else 1000)
        run(plan_predict(found["model"], found["images"], found["whole"], **found["options"]))
        yield found


def planned(case: dict[str, Any], output: Path, k: int, n: int, **more: Any) -> ChunkPlan:
    return plan_chunks(case["model"], case["images"], output, Sharing(part=(k, n)), **case["options"], **more)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def check_same(one: Path, other: Path) -> None:
    """Compare all levels of all results, and what is said of them."""
    ours, theirs = (sorted(path.parent.glob(path.name.replace(".ome.zarr", "*.ome.zarr"))) for path in (one, other))
    assert len(ours) == len(theirs) > 0
    for a, b in zip(ours, theirs, strict=True):
        first, second = (zarr.open_group(str(path), mode="r") for path in (a, b))
        assert sorted(first.array_keys()) == sorted(second.array_keys())
        for name in first.array_keys():
            np.testing.assert_array_equal(first[name][...], second[name][...])
        assert read_image(a).pixel_size_um == read_image(b).pixel_size_um
        assert read_image(a).axes == read_image(b).axes


def test_parts_in_any_order_make_what_one_process_makes(case: dict[str, Any], tmp_path: Path) -> None:
    output = tmp_path / "parts.ome.zarr"
    for k in (3, 1):
        outcome = run(planned(case, output, k, 3))
        assert outcome.images == ()
        assert names(tmp_path) == {".parts.ome.zarr.unfinished"}
    outcome = run(planned(case, output, 2, 3))
    assert len(outcome.images) == 1
    assert not any(name.startswith(".") for name in names(tmp_path))
    check_same(output, case["whole"])
    before = output.stat().st_mtime_ns
    assert run(planned(case, output, 2, 3)).images == ()
    assert output.stat().st_mtime_ns == before


def test_more_parts_than_chunks_and_one_part_of_all(case: dict[str, Any], tmp_path: Path) -> None:
    output = tmp_path / "one.ome.zarr"
    run(planned(case, output, 1, 1))
    check_same(output, case["whole"])
    output = tmp_path / "many.ome.zarr"
    for k in (1000, 1):
        run(planned(case, output, k, 1000))
    assert not output.exists()
    assert sum(len(Sharing(part=(k, 1000)).chunks_of(7)) for k in range(1, 1001)) == 7


class _Killed(BaseException):
    """The process is gone."""


def test_smaller_versions_are_written_with_the_chunks_that_they_fit_into(
    case: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunk_run, "raise_pyramids", lambda *_: None)
    output = tmp_path / "chunks.ome.zarr"
    run(planned(case, output, 1, 1))
    ours, theirs = (zarr.open_group(str(path), mode="r") for path in (output, case["whole"]))
    levels = sorted(name for name in ours.array_keys() if np.array_equal(ours[name][...], theirs[name][...]))
    every = sorted(ours.array_keys())
    assert levels == (["0", "1"] if "grown" in str(case["model"]) else ["0"])
    assert ("grown" in str(case["model"])) == (len(every) == 2)


def test_what_is_done_before_a_kill_is_kept_and_what_was_cut_off_is_done_again(
    case: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, done = tmp_path / "killed.ome.zarr", list[int]()
    plan = planned(case, output, 1, 1)

    def stop(event: Event) -> None:
        if isinstance(event, ChunkProgress) and event.new == 1:
            raise Stop

    with pytest.raises(Stop):
        run(plan, stop)
    folder = tmp_path / ".killed.ome.zarr.unfinished"
    (journal,) = (folder / "done").iterdir()
    assert journal.read_bytes() in (b"0\n", b"0\n1\n")  # the second was on its way
    journal.write_bytes(b"0\n1")  # the line of the second was cut off
    monkeypatch.setattr(
        "quietscope.pipeline.chunks.chunk_worker.ChunkJournal.note", lambda self, number: done.append(number)
    )
    run(plan)
    monkeypatch.undo()
    assert 0 not in done
    assert 1 in done
    run(plan)
    check_same(output, case["whole"])


@pytest.mark.parametrize("place", ["raise_pyramids", "judgement_of", "publish"])
def test_a_kill_at_the_end_leaves_all_chunks(
    case: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    output = tmp_path / "end.ome.zarr"

    def killed(*_: Any) -> None:
        raise _Killed

    monkeypatch.setattr(f"quietscope.pipeline.chunks.chunk_run.{place}", killed)
    with pytest.raises(_Killed):
        run(planned(case, output, 1, 1))
    monkeypatch.undo()
    assert not output.exists()
    monkeypatch.setattr("quietscope.pipeline.chunks.chunk_worker.ChunkWorker.do_all", killed)
    run(planned(case, output, 1, 1))
    check_same(output, case["whole"])
    assert not any(name.startswith(".") for name in names(tmp_path))


def test_a_kill_between_two_names_is_gone_on_from(
    case: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "names.ome.zarr"

    def killed(written: Path, target: Path, overwrite: bool) -> None:
        put_in_place(written, target, overwrite)
        raise _Killed

    monkeypatch.setattr("quietscope.pipeline.chunks.chunk_end.put_in_place", killed)
    with pytest.raises(_Killed):
        run(planned(case, output, 1, 1))
    monkeypatch.undo()
    assert output.exists()
    run(planned(case, output, 1, 1))
    check_same(output, case["whole"])
    assert not any(name.startswith(".") for name in names(tmp_path))


@pytest.fixture
def simple(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A small image and model, with chunks of a part of it done."""
    monkeypatch.setattr(cut, "MOST_PIXELS", 10_000)
    noisy = RNG.poisson(100, (2, 64, 96)).astype(np.uint16)
    write_image(tmp_path / "noisy.ome.zarr", noisy, "TYX")
    denoiser(METHODS["noise2void"]).save(tmp_path / "model.safetensors")
    found: dict[str, Any] = {
        "model": tmp_path / "model.safetensors",
        "images": tmp_path / "noisy.ome.zarr",
        "options": {"results": Results(storage=Storage(chunk=32)), "request": REQUEST},
    }
    run(planned(found, tmp_path / "clean.ome.zarr", 1, 2))
    return found


def workers(case: dict[str, Any], output: Path, **more: Any) -> ChunkPlan:
    options = {**case["options"], **more}
    return plan_chunks(case["model"], case["images"], output, Sharing(workers=1), **options)


def test_chunks_are_gone_on_with_only_where_asked_and_by_the_same_request(
    simple: dict[str, Any], tmp_path: Path
) -> None:
    output = tmp_path / "clean.ome.zarr"
    with pytest.raises(OutputError, match=r"chunks are done.*resume=True"):
        workers(simple, output).check()
    workers(simple, output, resume=True).check()
    workers(simple, output, overwrite=True).check()
    for other in ({"request": Request(num_samples=2, augment=True)}, {"mask": "nan"}):
        with pytest.raises(OutputError, match="another model, image or request"):
            workers(simple, output, resume=True, **other).check()
    array = zarr.open_group(str(simple["images"]), mode="r+")
    array.attrs.update({"changed": 1})
    os.utime(simple["images"] / "zarr.json", ns=(1, 1))
    with pytest.raises(OutputError, match="another model, image or request"):
        workers(simple, output, resume=True).check()
    (tmp_path / ".clean.ome.zarr.unfinished" / "chunks.json").write_text("{")
    with pytest.raises(OutputError, match="damaged"):
        workers(simple, output, resume=True).check()


def test_a_result_that_stands_is_replaced_only_where_allowed_and_only_at_the_end(
    simple: dict[str, Any], tmp_path: Path
) -> None:
    output = tmp_path / "clean.ome.zarr"
    write_image(output, np.zeros((4, 4), np.uint8), "YX")
    with pytest.raises(OutputError, match="which exists"):
        planned(simple, output, 2, 2).check()
    assert made_by_of(output) is None
    run(planned(simple, output, 2, 2, overwrite=True))
    assert read_image(output).shape == (2, 64, 96)


def test_two_who_begin_at_once_write_into_one_folder(simple: dict[str, Any], tmp_path: Path) -> None:
    plan = planned(simple, tmp_path / "other.ome.zarr", 1, 2)
    folder = ChunkFolder.beside(plan.job.target())
    spec = ChunkFolder.beside(planned(simple, tmp_path / "clean.ome.zarr", 1, 2).job.target()).cut(plan.job.made_by)
    folder.begin(plan.job.made_by, spec, [100.0])
    folder.journal().note(0)
    folder.begin(plan.job.made_by, spec, [100.0])
    assert folder.done() == {0}
    assert folder.cut(plan.job.made_by) == spec
    assert {name for name in names(tmp_path) if name.startswith(".other")} == {".other.ome.zarr.unfinished"}


@pytest.mark.parametrize("place", ["tell_of_model", "ChunkFolder.cut", "ChunkWorker", "_share_out"])
def test_a_part_that_others_end_before_it_has_begun_leaves_nothing(
    simple: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    output, told = tmp_path / "clean.ome.zarr", list[Event]()
    plan = planned(simple, output, 1, 2)
    last = place.rpartition(".")[2]
    owner: Any = ChunkFolder if "ChunkFolder" in place else chunk_run
    kept = getattr(owner, last)

    def overtaken(*given: Any) -> Any:
        monkeypatch.setattr(owner, last, kept)
        assert run(planned(simple, output, 2, 2)).images
        return kept(*given)

    monkeypatch.setattr(owner, last, overtaken)
    assert run(plan, told.append).images == ()
    assert any(isinstance(event, Note) and "nothing was left" in event.text for event in told)
    assert output.exists()
    assert not any(each.startswith(".") for each in names(tmp_path))


def test_a_part_leaves_the_end_to_whoever_is_at_it(
    simple: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, told, publish = tmp_path / "clean.ome.zarr", list[Event](), chunk_end.publish

    def met(*given: Any) -> None:
        monkeypatch.setattr(chunk_run, "publish", publish)
        assert run(planned(simple, output, 1, 2), told.append).images == ()
        publish(*given)

    run(planned(simple, output, 1, 2))
    monkeypatch.setattr(chunk_run, "publish", met)
    assert run(planned(simple, output, 2, 2)).images
    assert any(isinstance(event, Note) and f"process {os.getpid()} is at work" in event.text for event in told)
    assert output.exists()
    assert not any(each.startswith(".") for each in names(tmp_path))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "workers"),
        ({"workers": 0}, "1 worker or more"),
        ({"workers": 1.5}, "1 worker or more"),
        ({"part": (1, 2, 3)}, "a part as"),
        ({"part": (1.5, 2)}, "a part as"),
        ({"part": (0, 2)}, "a part from 1 to 2"),
        ({"part": (3, 2)}, "3/2"),
        ({"workers": 1, "part": (1, 2)}, "one of"),
    ],
)
def test_a_sharing_that_makes_no_sense_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        Sharing(**options)


def test_parts_are_read_as_they_are_written() -> None:
    assert parsed_part("3/64") == (3, 64)
    for text in ("3", "3/", "a/b", "-1/4"):
        with pytest.raises(SettingsError, match="3/64"):
            parsed_part(text)


def test_what_cannot_be_shared_is_refused(simple: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"x\.ome\.zarr"):
        workers(simple, tmp_path / "x.tif").check()
    with pytest.raises(OutputError, match="one image in a file"):
        workers(simple, tmp_path)
    with pytest.raises(OutputError, match="one image in a file"):
        workers({**simple, "images": np.zeros((64, 64))}, tmp_path / "x.ome.zarr")


def test_processes_of_a_cluster_make_the_same(
    simple: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, whole = tmp_path / "clean.ome.zarr", tmp_path / "plain.ome.zarr"
    assert (tmp_path / ".clean.ome.zarr.unfinished").is_dir()
    command = [sys.executable, "-m", "quietscope", "predict", simple["model"], simple["images"], "--chunk", "32"]
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # PyTorch rounds otherwise with another number
    subprocess.run([*command, "-o", whole], capture_output=True, timeout=240, check=False)
    shared = [*command, "-o", output, "--workers", "1", "--json", "--overwrite"]
    told = subprocess.run(shared, capture_output=True, timeout=240, check=False)
    assert told.returncode in (0, 3), told.stderr
    assert str(output) in json.loads(told.stdout)["files"].values()
    assert told.stderr.index(b"starting 1 process;") < told.stderr.index(b"can be watched at http")
    assert "chunks of an earlier run, is removed" in " ".join(told.stderr.decode().split())
    check_same(output, whole)


def test_a_scheduler_that_is_not_there_leaves_nothing(
    simple: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunk_cluster, "SECONDS_FOR_SCHEDULER", 1)
    sharing = Sharing(scheduler="tcp://127.0.0.1:9")
    plan = plan_chunks(simple["model"], simple["images"], tmp_path / "none.ome.zarr", sharing)
    with pytest.raises(ClusterError, match=r"a scheduler of Dask at tcp://127\.0\.0\.1:9"):
        run(plan)
    assert not any("none" in name for name in names(tmp_path))
