"""A folder that is watched: what is whole is denoised once, what is not has time, and what fails is told once."""

import csv
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from quietscope import ImageDone, Note, Outcome, Request, Results, Stop, Waiting, WatchPlan, plan_watch, read_image, run
from quietscope.errors import BudgetError, ImageFileError, OutputError, SettingsError
from quietscope.io import write_image
from quietscope.io.alive import at_work
from quietscope.methods import METHODS
from quietscope.pipeline import predicting, watching
from quietscope.pipeline.denoise_step import open_model
from quietscope.pipeline.events import Event, PredictionProgress
from quietscope.pipeline.found_images import images_below
from quietscope.pipeline.opened_model import Model
from quietscope.pipeline.plan import PredictPlan
from quietscope.pipeline.plan_words import describe
from quietscope.pipeline.planning import plan_predict
from quietscope.report.image_list import write_image_list
from tests import tiny

SETTLE = 0.05
Act = Callable[[], object]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "m.safetensors"
    tiny.denoiser(METHODS["noise2void"]).save(path)
    return path


@pytest.fixture
def incoming(tmp_path: Path) -> Path:
    (tmp_path / "in" / "day1").mkdir(parents=True)
    put(tmp_path / "in" / "day1" / "a.tif")
    return tmp_path / "in"


def put(path: Path, mean: float = 150.0) -> None:
    pixels = np.random.default_rng(0).poisson(mean, (24, 24)).astype(np.uint16)
    write_image(path, pixels, "YX", overwrite=True)


def planned(model: Path, incoming: Path, output: Path | None = None, **changes: Any) -> WatchPlan:
    values: dict[str, Any] = {"settle": SETTLE, "device": "cpu", "request": Request(num_samples=2), **changes}
    return plan_watch(incoming, model, output or incoming.parent / "out", **values)


class Script:
    """A listener that does one thing after another, each once all before is done with, and ends the watch then."""

    def __init__(self, *acts: Act) -> None:
        self.told: list[Event] = []
        self._acts = list(acts)
        self._calm = 0

    def __call__(self, event: Event) -> None:
        self.told.append(event)
        self._calm = self._calm + 1 if isinstance(event, Waiting) and not event.growing else 0
        if self._calm < 4:
            return
        self._calm = 0
        if not self._acts:
            raise Stop
        self._acts.pop(0)()

    @property
    def notes(self) -> list[str]:
        return [event.text for event in self.told if isinstance(event, Note)]

    @property
    def done(self) -> list[str]:
        return [Path(event.what).name for event in self.told if isinstance(event, ImageDone) and not event.error]


def watched(plan: WatchPlan, *acts: Act) -> tuple[Script, Outcome]:
    script = Script(*acts)
    return script, run(plan, script)


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "predicted.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def results(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*_denoised*"))


def test_what_is_there_and_what_comes_is_denoised_once(model: Path, incoming: Path) -> None:
    plan = planned(model, incoming)
    script, outcome = watched(plan, lambda: put(incoming / "b.tif"), lambda: put(incoming / "c.ome.zarr"))
    assert script.done == ["a.tif", "b.tif", "c.ome.zarr"]
    assert results(plan.folder) == ["b_denoised.ome.tif", "c_denoised.ome.tif", "day1/a_denoised.ome.tif"]
    assert [row["output"] for row in table(plan.folder)] == results(plan.folder)
    assert outcome.tally is not None
    assert (len(outcome.tally.rows), outcome.tally.failed, outcome.tally.passed_over) == (3, 0, 0)
    assert [record["error"] for record in plan.records(outcome.tally.rows)] == [None] * 3


def test_it_gives_what_predict_gives_and_predict_goes_on_from_it(model: Path, incoming: Path) -> None:
    plan = planned(model, incoming)
    watched(plan)
    request = Request(num_samples=2)
    run(plan_predict(model, incoming, incoming.parent / "other", device="cpu", request=request))
    one, other = (read_image(folder / "day1/a_denoised.ome.tif") for folder in (plan.folder, incoming.parent / "other"))
    np.testing.assert_array_equal(one, other)
    tally = run(plan_predict(model, incoming, plan.folder, device="cpu", request=request, resume=True)).tally
    assert tally is not None
    assert tally.passed_over == 1


def test_a_restart_passes_over_what_is_done(model: Path, incoming: Path) -> None:
    plan = planned(model, incoming)
    watched(plan)
    script, outcome = watched(plan, lambda: put(incoming / "b.tif"))
    assert script.done == ["b.tif"]
    assert "1 of the images were denoised earlier" in script.notes
    assert outcome.tally is not None
    assert (len(outcome.tally.rows), outcome.tally.passed_over) == (2, 1)
    assert len(table(plan.folder)) == 2


def test_a_file_that_changes_is_denoised_again(model: Path, incoming: Path) -> None:
    plan = planned(model, incoming)
    image = plan.folder / "day1" / "a_denoised.ome.tif"
    seen: list[bytes] = []

    def change() -> None:
        seen.append(image.read_bytes())
        put(incoming / "day1" / "a.tif", 170.0)

    script, _ = watched(plan, change)
    assert script.done == ["a.tif", "a.tif"]
    assert image.read_bytes() != seen[0]
    assert len(table(plan.folder)) == 1


def test_a_folder_that_is_an_image_counts_with_all_in_it(model: Path, incoming: Path) -> None:
    image = incoming / "z.ome.zarr"
    put(image)
    chunk = next(path for path in image.rglob("*") if path.is_file() and path.parent.name == "0" and "c" in path.parts)
    script, _ = watched(planned(model, incoming), lambda: os.utime(chunk, ns=(1, chunk.stat().st_mtime_ns + 10**9)))
    assert script.done == ["a.tif", "z.ome.zarr", "z.ome.zarr"]


def test_a_zarr_folder_without_its_own_metadata_is_not_whole(model: Path, incoming: Path) -> None:
    image = incoming / "z.ome.zarr"
    put(image)
    (image / "zarr.json").rename(incoming / "kept")
    script, _ = watched(planned(model, incoming), lambda: (incoming / "kept").rename(image / "zarr.json"))
    assert script.done == ["a.tif", "z.ome.zarr"]
    assert results(incoming.parent / "out") == ["day1/a_denoised.ome.tif", "z_denoised.ome.tif"]


def test_what_fails_is_told_once_and_tried_again_when_it_changes(model: Path, incoming: Path) -> None:
    bad = incoming / "bad.tif"
    bad.write_bytes(b"nonsense")
    plan = planned(model, incoming)
    script, outcome = watched(plan, lambda: bad.write_bytes(b"more nonsense"), lambda: put(bad))
    assert [("bad.tif" in note) for note in script.notes if note.startswith("not denoised")] == [True]
    assert len([event for event in script.told if isinstance(event, ImageDone) and event.error]) == 2
    assert script.done == ["a.tif", "bad.tif"]
    assert outcome.tally is not None
    assert outcome.tally.failed == 0
    assert [row["error"] for row in table(plan.folder)] == ["", ""]


def test_a_file_that_never_gets_whole_stays_in_the_table(model: Path, incoming: Path) -> None:
    (incoming / "bad.tif").write_bytes(b"nonsense")
    plan = planned(model, incoming)
    _, outcome = watched(plan)
    assert outcome.tally is not None
    assert outcome.tally.failed == 1
    assert [row["error"] != "" for row in table(plan.folder)] == [True, False]
    assert [record["error"] is None for record in plan.records(outcome.tally.rows)] == [False, True]


def test_a_file_without_bytes_is_not_whole(model: Path, incoming: Path) -> None:
    (incoming / "empty.tif").touch()
    script, outcome = watched(planned(model, incoming), lambda: put(incoming / "empty.tif"))
    assert script.done == ["a.tif", "empty.tif"]
    assert not [note for note in script.notes if "not denoised" in note]
    assert outcome.tally is not None
    assert outcome.tally.failed == 0


def test_patterns_and_the_start_choose(model: Path, incoming: Path) -> None:
    put(incoming / "b.ome.tif")
    script, _ = watched(planned(model, incoming, patterns=("b*", "day1/*.npy")), lambda: put(incoming / "day1/n.npy"))
    assert script.done == ["b.ome.tif", "n.npy"]
    plan = planned(model, incoming, incoming.parent / "new", new_only=True)
    script, _ = watched(plan, lambda: put(incoming / "c.tif"), lambda: put(incoming / "day1" / "a.tif", 170.0))
    assert script.done == ["c.tif", "a.tif"]


@pytest.mark.parametrize("output", ["in/clean", "in", "."])
def test_results_among_the_images_are_none(incoming: Path, tmp_path: Path, output: str) -> None:
    """Samples alone: their names are not known for results as those of denoised images are."""
    model = tmp_path / "hdn.safetensors"
    tiny.denoiser(METHODS["hdn"]).save(model)
    wanted = Results(kinds=("samples",))
    script, outcome = watched(planned(model, incoming, tmp_path / output, results=wanted))
    assert script.done == ["a.tif"]
    assert [path.name for path in (tmp_path / output).rglob("*_samples*")] == ["a_samples.ome.tif"]
    assert outcome.tally is not None
    assert len(outcome.tally.rows) == 1


def test_two_images_with_one_name_do_not_take_each_others_place(model: Path, incoming: Path) -> None:
    plan = planned(model, incoming)
    for _ in range(2):
        script, outcome = watched(plan, lambda: put(incoming / "day1" / "a.npy", 170.0))
        [error] = [note for note in script.notes if note.startswith("not denoised")]
        assert "a.npy: expected images of different names" in error
        assert outcome.tally is not None
        assert (len(outcome.tally.rows), outcome.tally.failed) == (1, 1)
    assert [row["input"] for row in table(plan.folder)] == [str(incoming / "day1" / "a.tif")]


def test_what_others_have_put_there_stays(model: Path, incoming: Path) -> None:
    plan = planned(model, incoming)
    place = plan.folder / "day1" / "a_denoised.ome.tif"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"precious")
    script, outcome = watched(plan)
    assert [("another run or program made" in note) for note in script.notes] == [True]
    assert place.read_bytes() == b"precious"
    assert outcome.tally is not None
    assert outcome.tally.failed == 1
    assert watched(planned(model, incoming, overwrite=True))[0].done == ["a.tif"]


def test_a_set_of_images_gives_one_result_for_each_image(model: Path, incoming: Path) -> None:
    """A file that holds several images, all of which are meant, and one in the middle of them that does not fit."""
    (incoming / "day1" / "a.tif").unlink()
    with tifffile.TiffWriter(incoming / "many.ome.tif", ome=True) as file:
        for number in range(3):
            file.write(np.full((24, 24 + number), 150 + number, np.uint16), metadata={"Name": f"Position {number}"})
    script, _ = watched(planned(model, incoming, series="all"))
    assert results(incoming.parent / "out") == [f"many_Position_{number}_denoised.ome.tif" for number in range(3)]
    assert len(script.done) == 3
    assert watched(planned(model, incoming, series="all"))[0].done == []


def test_it_ends_after_a_while_without_a_new_file(model: Path, incoming: Path) -> None:
    told: list[Event] = []
    outcome = run(planned(model, incoming, stop_after=0.4), told.append)
    assert outcome.tally is not None
    assert len(outcome.tally.rows) == 1
    assert len([event for event in told if isinstance(event, Waiting)]) > 2


def test_it_never_ends_before_it_has_looked(model: Path, incoming: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the machine or the drive are so slow that the time is over by then."""
    look = images_below

    def slow(*arguments: Any) -> Any:
        time.sleep(0.2)
        return look(*arguments)

    monkeypatch.setattr(watching, "images_below", slow)
    outcome = run(planned(model, incoming, stop_after=0.1))
    assert outcome.tally is not None
    assert len(outcome.tally.rows) == 1


def test_a_listener_may_end_it_in_the_middle_of_an_image(model: Path, incoming: Path) -> None:
    plan = planned(model, incoming)

    def end(event: Event) -> None:
        if isinstance(event, PredictionProgress):
            raise Stop

    outcome = run(plan, end)
    assert outcome.tally is not None
    assert len(outcome.tally.rows) == 0
    assert results(plan.folder) == []
    assert table(plan.folder) == []
    assert watched(plan)[0].done == ["a.tif"]


def test_the_model_is_opened_once(model: Path, incoming: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[PredictPlan] = []

    def open_noted(plan: PredictPlan) -> Model:
        opened.append(plan)
        return open_model(plan)

    monkeypatch.setattr(watching, "open_model", open_noted)
    script, _ = watched(planned(model, incoming), lambda: put(incoming / "b.tif"))
    assert (len(script.done), len(opened)) == (2, 1)


def test_a_folder_that_cannot_be_read_is_told_once_and_others_go_on(
    model: Path, incoming: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tests may be run by root, who may read everything."""
    (incoming / "closed").mkdir()
    scan, is_closed = os.scandir, [True]

    def refuse(path: str) -> Any:
        if is_closed[0] and str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    script, _ = watched(
        planned(model, incoming), lambda: put(incoming / "closed" / "b.tif"), lambda: is_closed.__setitem__(0, False)
    )
    assert script.done == ["a.tif", "b.tif"]
    assert [note for note in script.notes if "closed" in note and "passed over for now" in note] == [
        note for note in script.notes if "passed over" in note
    ][:1]


def test_a_folder_that_is_gone_for_a_while_is_waited_for(model: Path, incoming: Path) -> None:
    away = incoming.with_name("away")
    script, _ = watched(
        planned(model, incoming),
        lambda: incoming.rename(away),
        lambda: put(away / "b.tif"),
        lambda: away.rename(incoming),
    )
    assert script.done == ["a.tif", "b.tif"]


def test_no_two_runs_share_the_results(model: Path, incoming: Path) -> None:
    plan = planned(model, incoming)
    plan.folder.mkdir()
    with at_work(plan.folder), pytest.raises(OutputError, match="a folder that no other run works in"):
        run(plan, Script())


def test_a_full_disk_ends_it(model: Path, incoming: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(predicting, "predict", fill)
    with pytest.raises(OutputError, match="room on the disk"):
        run(planned(model, incoming), Script())


def test_mistakes_are_told_at_once(model: Path, incoming: Path) -> None:
    with pytest.raises(ImageFileError, match=r"a folder to be watched at .*; got no such folder"):
        planned(model, incoming / "none")
    with pytest.raises(ImageFileError, match="got a file"):
        planned(model, incoming / "day1" / "a.tif", incoming)
    with pytest.raises(OutputError, match="a folder for the results"):
        planned(model, incoming, incoming / "o.ome.tif")
    assert planned(model, incoming, patterns="*.tif").patterns == ("*.tif",)
    for pattern in ("/in/*.tif", "../*.tif", "day1//a.tif", ""):
        with pytest.raises(SettingsError, match="names or paths below the folder"):
            planned(model, incoming, patterns=(pattern,))
    wrong: list[dict[str, Any]] = [{"settle": 0.0}, {"settle": float("nan")}, {"stop_after": SETTLE}]
    for changes in wrong:
        with pytest.raises(BudgetError):
            planned(model, incoming, **changes)
    with pytest.raises(SettingsError, match="as format"):
        planned(model, incoming, results=Results(format="jpg"))
    with pytest.raises(SettingsError, match="a plan to train or to denoise"):
        describe(planned(model, incoming))


def test_the_table_is_not_written_more_often_than_it_is_worth(
    model: Path, incoming: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(12):
        put(incoming / f"b{number}.tif")
    written: list[int] = []

    def write(path: Path, rows: list[Any]) -> None:
        written.append(len(rows))
        time.sleep(0.2)
        write_image_list(path, rows)

    monkeypatch.setattr(watching, "write_image_list", write)
    plan = planned(model, incoming)
    script, _ = watched(plan)
    assert len(script.done) == len(table(plan.folder)) == written[-1] == 13
    assert len(written) < 8
