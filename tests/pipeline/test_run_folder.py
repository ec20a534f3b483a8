"""A run folder: an earlier run is kept until the new one has earned its place, and --resume knows what it resumes."""

import errno
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quietscope import plan_denoise, plan_train, run
from quietscope.errors import OutputError, SettingsError
from quietscope.io.alive import at_work
from quietscope.pipeline.events import Event, Note, TrainingProgress
from quietscope.pipeline.run_folder import RunFolder

STATE = ("config.yaml", "resume.ckpt", "images.json", "logs/metrics.csv", "logs/hparams.yaml")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def fail(event: Event) -> None:
    if isinstance(event, TrainingProgress):
        raise ZeroDivisionError


@pytest.fixture
def done(cells: Path, tmp_path: Path, settings: dict[str, Any]) -> Path:
    """Return a folder with a run of six steps."""
    run(plan_train(cells / "a.tif", tmp_path / "run", settings, device="cpu"))
    assert {*STATE, "model.safetensors"} <= contents(tmp_path / "run").keys()
    return tmp_path / "run"


def test_a_run_that_fails_gives_the_earlier_one_back(done: Path, cells: Path, settings: dict[str, Any]) -> None:
    before = contents(done)
    plan = plan_train(cells / "b.tif", done, {**settings, "seed": 1}, device="cpu", overwrite=True)
    with pytest.raises(ZeroDivisionError):
        run(plan, fail)
    assert contents(done) == before
    run(plan)
    after = contents(done)
    assert not any(name.startswith(".") for name in after)
    assert all(after[name] != before[name] for name in ("config.yaml", "resume.ckpt", "images.json"))


def test_other_images_and_fewer_steps_are_refused(done: Path, cells: Path) -> None:
    with pytest.raises(SettingsError, match=r"images that the run began with: a\.tif .* got b\.tif"):
        plan_train(cells / "b.tif", done, device="cpu", resume=True)
    with pytest.raises(SettingsError, match="at least 6 steps, which are done; got 5"):
        plan_train(cells / "a.tif", done, {"steps": 5}, device="cpu", resume=True)
    told: list[Event] = []
    run(plan_train(cells / "a.tif", done, device="cpu", resume=True), told.append)
    notes = [each.text for each in told if isinstance(each, Note)]
    assert any(note.startswith("nothing was left to train: 6 steps are done") for note in notes)


def test_what_was_killed_before_it_learnt_is_in_nobodys_way(done: Path, cells: Path, settings: dict[str, Any]) -> None:
    written_last = ("report.html", "report.json")
    for path in [
        each for each in done.iterdir() if each.suffix in (".ckpt", ".safetensors") or each.name in written_last
    ]:
        path.unlink()
    run(plan_train(cells / "b.tif", done, settings, device="cpu"))
    assert b"b.tif" in (done / "images.json").read_bytes()


def test_no_message_sends_from_one_to_the_other(done: Path, cells: Path, settings: dict[str, Any]) -> None:
    (done / "resume.ckpt").unlink()
    for resume in (True, False):
        with pytest.raises(OutputError, match=r"`overwrite=True`.* to start anew"):
            run(plan_train(cells / "a.tif", done, settings, device="cpu", resume=resume))


def test_a_denoised_image_is_nothing_to_go_on_with(cells: Path, tmp_path: Path, settings: dict[str, Any]) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"what a run has left")
    with pytest.raises(OutputError, match=r"leave out `resume=True`; .*complete.* pass `overwrite=True`"):
        plan_denoise(cells / "a.tif", tmp_path, settings, device="cpu", resume=True)


def test_a_second_run_is_refused(done: Path, cells: Path, settings: dict[str, Any]) -> None:
    plan = plan_train(cells / "a.tif", done, settings, device="cpu", overwrite=True)
    before = contents(done)
    with at_work(done), pytest.raises(OutputError, match="no other run works in"):
        run(plan)
    assert contents(done) == before


def test_what_a_full_disk_cannot_move_aside_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "logs").mkdir()
    for name in ("config.yaml", "logs/metrics.csv"):
        (tmp_path / name).write_text(name)
    make = Path.mkdir

    def full(path: Path, *args: Any, **kwargs: Any) -> None:
        if path.parts[-2:] == (".earlier", "logs"):
            raise OSError(errno.ENOSPC, "No space left on device")
        make(path, *args, **kwargs)

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(OSError, match="No space"):
        RunFolder(tmp_path).set_aside()
    left = {str(path.relative_to(tmp_path)): path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"config.yaml": "config.yaml", "logs/metrics.csv": "logs/metrics.csv"}


def test_a_run_that_is_not_there_is_missed_where_the_user_named_it(tmp_path: Path) -> None:
    with pytest.raises(OutputError) as met:
        plan_denoise(np.ones((32, 32), np.float32), tmp_path / "out", {"method": "noise2void"}, resume=True)
    assert f"{tmp_path / 'out'}, in which there is none to go on with" in str(met.value)
