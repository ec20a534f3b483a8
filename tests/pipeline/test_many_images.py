"""A prediction of many images: the model opened once, the tree kept, what is done known, and what fails told."""

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quietscope import ImageDone, Note, PredictPlan, Request, Results, Stop, plan_predict, plan_train, read_image, run
from quietscope.errors import OutputError, SettingsError
from quietscope.io import write_image
from quietscope.methods import METHODS
from quietscope.pipeline import planning, predicting
from quietscope.pipeline.denoise_step import open_model
from quietscope.pipeline.events import Began, Event, PredictionProgress, Written
from quietscope.pipeline.opened_model import Model
from tests import tiny

RESULTS = ("day1/a2_denoised.ome.tif", "day1/a10_denoised.ome.tif", "day2/a2_denoised.ome.tif")
MakePlan = Callable[..., PredictPlan]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with m.safetensors, other.safetensors, and three images in two folders of plate/."""
    folder = tmp_path_factory.mktemp("lab")
    tiny.denoiser(METHODS["noise2void"]).save(folder / "m.safetensors")
    tiny.denoiser(METHODS["noise2void"], scene={"mean": 140.0}).save(folder / "other.safetensors")
    rng = np.random.default_rng(0)
    for name in ("day1/a2", "day1/a10", "day2/a2"):
        (folder / "plate" / name).parent.mkdir(parents=True, exist_ok=True)
        write_image(folder / "plate" / f"{name}.tif", rng.poisson(150, (24, 24)).astype(np.uint16), "YX")
    return folder


@pytest.fixture(scope="module")
def plan_of(lab: Path) -> MakePlan:
    """Return what plans to denoise the images of the lab into a folder."""

    def plan(output: Path, *named: object, model: str = "m", **changes: Any) -> PredictPlan:
        values: dict[str, Any] = {"device": "cpu", "request": Request(num_samples=2), **changes}
        return plan_predict(lab / f"{model}.safetensors", list(named) or lab / "plate", output, **values)

    return plan


def told_in(folder: Path) -> list[dict[str, str]]:
    with (folder / "predicted.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def pixels_in(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): np.asarray(read_image(path)).tobytes() for path in folder.rglob("*.tif")
    }


def check_same(one: Path, other: Path) -> None:
    """Compare all files of two folders, but for times and the names of the folders."""
    names = [sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*")) for folder in (one, other)]
    assert names[0] == names[1]
    assert pixels_in(one) == pixels_in(other)
    rows = [[{**row, "seconds": ""} for row in told_in(folder)] for folder in (one, other)]
    assert rows[0] == rows[1]
    lines = [(folder / "predicted.jsonl").read_text(encoding="utf-8").splitlines() for folder in (one, other)]
    found = [[json.loads(line)["result"] for line in each] for each in lines]
    assert found[0] == found[1]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, plan_of: MakePlan) -> Path:
    """The results of a run that nobody stopped."""
    folder = tmp_path_factory.mktemp("whole") / "out"
    run(plan_of(folder))
    return folder


def test_the_tree_is_kept_and_every_image_is_told_of(whole: Path, lab: Path) -> None:
    assert set(pixels_in(whole)) == set(RESULTS)
    rows = told_in(whole)
    assert [row["output"] for row in rows] == list(RESULTS)
    assert [row["input"] for row in rows] == [
        str(lab / "plate" / f"{name}.tif") for name in ("day1/a2", "day1/a10", "day2/a2")
    ]
    assert {row["verdict"] for row in rows} == {"usable"}
    assert all(
        row["error"] == "" and float(row["seconds"]) > 0 and int(row["regions_not_explained"]) >= 0 for row in rows
    )


def test_an_image_gives_what_it_gives_alone(whole: Path, lab: Path, plan_of: MakePlan, tmp_path: Path) -> None:
    run(plan_of(tmp_path / "alone.tif", lab / "plate" / "day1" / "a10.tif"))
    np.testing.assert_array_equal(read_image(tmp_path / "alone.tif"), read_image(whole / RESULTS[1]))


def test_planning_opens_no_image(lab: Path, plan_of: MakePlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError(arguments)

    monkeypatch.setattr("quietscope.io.read_image", refuse)
    plan = plan_of(tmp_path / "out")
    assert [path.relative_to(tmp_path / "out").as_posix() for path in plan.files] == [
        *RESULTS,
        "predicted.csv",
        "predicted.jsonl",
    ]
    plan.check()
    assert not (tmp_path / "out").exists()


def test_the_model_is_opened_once(plan_of: MakePlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[PredictPlan] = []

    def open_noted(plan: PredictPlan) -> Model:
        opened.append(plan)
        return open_model(plan)

    monkeypatch.setattr(predicting, "open_model", open_noted)
    told: list[Event] = []
    outcome = run(plan_of(tmp_path / "out"), told.append)
    assert len(opened) == 1
    assert outcome.tally is not None
    assert (len(outcome.tally.rows), outcome.tally.failed, outcome.tally.passed_over) == (3, 0, 0)
    assert [event.count for event in told if isinstance(event, Began) and event.step == "images"] == [3]
    done = [(event.done, event.total, Path(event.what).name) for event in told if isinstance(event, ImageDone)]
    assert done == [(1, 3, "a2.tif"), (2, 3, "a10.tif"), (3, 3, "a2.tif")]


def test_what_fails_is_told_and_the_others_go_on(lab: Path, plan_of: MakePlan, tmp_path: Path) -> None:
    (tmp_path / "bad.tif").write_bytes(b"nonsense")
    write_image(tmp_path / "two.tif", np.full((2, 24, 24), 150, np.uint16), "CYX")
    told: list[Event] = []
    images = [tmp_path / "bad.tif", tmp_path / "gone.tif", tmp_path / "two.tif", lab / "plate" / "day1" / "a2.tif"]
    plan = plan_of(tmp_path / "out", *images)
    outcome = run(plan, told.append)
    assert outcome.tally is not None
    assert (outcome.tally.failed, len(outcome.tally.rows)) == (3, 4)
    assert set(pixels_in(tmp_path / "out")) == {"a2_denoised.ome.tif"}
    errors = [event.text for event in told if isinstance(event, Note) and event.text.startswith("not denoised")]
    assert [Path(name).name in error for name, error in zip(images, errors, strict=False)] == [True] * 3
    assert ["bad" in errors[0], "no such file" in errors[1], "channel" in errors[2]] == [True] * 3
    records = list(plan.records())
    assert [record["error"] is None for record in records] == [False, False, False, True]
    assert len({tuple(record) for record in records}) == 1
    write_image(tmp_path / "bad.tif", np.asarray(read_image(images[-1])), "YX", overwrite=True)
    again = run(plan, resume=True).tally
    assert again is not None
    assert (again.failed, again.passed_over) == (2, 1)
    assert [row["error"] == "" for row in told_in(tmp_path / "out")] == [True, True, False, False]


def test_what_exists_is_not_replaced_unasked(plan_of: MakePlan, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "day1").mkdir(parents=True)
    (out / RESULTS[1]).write_bytes(b"precious")
    with pytest.raises(OutputError, match=r"a10_denoised\.ome\.tif, which exists; .*resume=True.*overwrite=True"):
        run(plan_of(out))
    with pytest.raises(OutputError, match=r"another run or program made; .*overwrite=True"):
        run(plan_of(out, resume=True))
    assert [path.name for path in out.rglob("*") if path.is_file()] == ["a10_denoised.ome.tif"]
    run(plan_of(out, overwrite=True))
    assert set(pixels_in(out)) == set(RESULTS)


def test_a_table_of_another_program_is_not_replaced(plan_of: MakePlan, tmp_path: Path) -> None:
    (tmp_path / "predicted.csv").write_text("precious")
    with pytest.raises(OutputError, match=r"predicted\.csv, which exists"):
        run(plan_of(tmp_path))
    assert [path.read_text() for path in tmp_path.iterdir()] == ["precious"]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_run_that_was_stopped_goes_on_to_the_same_end(
    whole: Path, plan_of: MakePlan, tmp_path: Path, number: int
) -> None:
    def stop(event: Event) -> None:
        if isinstance(event, ImageDone) and event.done == number:
            raise Stop

    plan = plan_of(tmp_path / "out")
    with pytest.raises(Stop):
        run(plan, stop)
    assert len(told_in(tmp_path / "out")) == number
    told: list[Event] = []
    outcome = run(plan, told.append, resume=True)
    assert len([event for event in told if isinstance(event, Began) and event.step == "predict"]) == 3 - number
    assert outcome.tally is not None
    assert outcome.tally.passed_over == number
    assert outcome.verdict.level == "usable"
    assert outcome.verdict.figures
    check_same(whole, tmp_path / "out")


KILLED = """
import os, signal, sys
from quietscope import Request, plan_predict, run
from quietscope.pipeline.denoise_step import open_model
from quietscope.pipeline.opened_model import Model
from quietscope.pipeline.events import PredictionProgress, Written

seen = []
def kill(event):
    if type(event).__name__ == sys.argv[4]:
        seen.append(event)
        if len(seen) == 2:
            os.kill(os.getpid(), signal.SIGKILL)

run(plan_predict(sys.argv[1], sys.argv[2], sys.argv[3], device="cpu", request=Request(num_samples=2)), kill)
"""


@pytest.mark.parametrize("moment", [PredictionProgress, Written])
def test_a_run_that_was_killed_goes_on_to_the_same_end(
    whole: Path, lab: Path, plan_of: MakePlan, tmp_path: Path, moment: type[Event]
) -> None:
    """In the middle of an image, and between its results and the line that says that they stand."""
    words = [lab / "m.safetensors", lab / "plate", tmp_path / "out", moment.__name__]
    ended = subprocess.run([sys.executable, "-c", KILLED, *map(str, words)], capture_output=True, check=False)
    assert ended.returncode == -9, ended.stderr
    assert not (tmp_path / "out" / "predicted.csv").exists()
    assert len(pixels_in(tmp_path / "out")) == (1 if moment is PredictionProgress else 2)
    with (tmp_path / "out" / "predicted.jsonl").open("ab") as journal:
        journal.write(b'{"state": "done", "resu')  # as a kill may leave it
    outcome = run(plan_of(tmp_path / "out", resume=True))
    assert outcome.tally is not None
    assert outcome.tally.passed_over == 1
    check_same(whole, tmp_path / "out")


def test_results_of_another_model_or_request_are_not_trusted(plan_of: MakePlan, whole: Path) -> None:
    before = pixels_in(whole)
    for changes in ({"model": "other"}, {"request": Request(num_samples=2, seed=1)}, {"axes": "YX"}, {"mask": "nan"}):
        with pytest.raises(OutputError, match=r"results of this model, asked for in this way, .*overwrite=True"):
            run(plan_of(whole, resume=True, **changes))
    assert pixels_in(whole) == before


def test_an_image_that_has_changed_is_denoised_again(plan_of: MakePlan, tmp_path: Path) -> None:
    image, found = tmp_path / "x.tif", set()
    for mean in (150, 160):
        write_image(image, np.random.default_rng(0).poisson(mean, (24, 24)).astype(np.uint16), "YX", overwrite=True)
        tally = run(plan_of(tmp_path / "out", image, resume=True)).tally
        assert tally is not None
        assert tally.passed_over == 0
        found |= set(pixels_in(tmp_path / "out").values())
    assert len(found) == 2


def test_images_may_be_added_to_a_folder(lab: Path, plan_of: MakePlan, whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(plan_of(out, lab / "plate" / "day*" / "a2.tif"))
    tally = run(plan_of(out, resume=True)).tally
    assert tally is not None
    assert tally.passed_over == 2
    check_same(whole, out)


def test_a_damaged_journal_is_not_trusted(plan_of: MakePlan, tmp_path: Path, lab: Path) -> None:
    run(plan_of(tmp_path / "out", lab / "plate" / "day2"))
    (tmp_path / "out" / "predicted.jsonl").write_bytes(
        b'{"result": 3}\n\xff\xfe\n[1]\n{"result": "a2_denoised.ome.tif"}\n'
    )
    with pytest.raises(OutputError, match="another run or program made"):
        run(plan_of(tmp_path / "out", lab / "plate" / "day2", resume=True))


def test_a_result_that_is_lost_is_made_again_and_no_other(plan_of: MakePlan, tmp_path: Path) -> None:
    results = Results(kinds=("mean",), format="npy")
    run(plan_of(tmp_path / "out", results=results))
    (tmp_path / "out" / "day1" / "a2_denoised.npy").unlink()
    tally = run(plan_of(tmp_path / "out", results=results, resume=True)).tally
    assert tally is not None
    assert tally.passed_over == 2
    assert len(list((tmp_path / "out").rglob("*.npy"))) == 3


def test_mistakes_in_names_are_told_before_anything_is_done(lab: Path, plan_of: MakePlan, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"a folder for the results of several images; got .*o\.tif for 3 images"):
        plan_of(tmp_path / "o.tif")
    with pytest.raises(SettingsError, match="a folder of results to go on in"):
        plan_of(tmp_path / "o.tif", lab / "plate" / "day2" / "a2.tif", resume=True)
    with pytest.raises(SettingsError, match="as format; got 'jpg'"):
        plan_of(tmp_path / "out", results=Results(format="jpg"))
    (tmp_path / "x.tif").write_bytes(b"")
    (tmp_path / "x_denoised.ome.tif").write_bytes(b"")
    with pytest.raises(OutputError, match=r"x\.tif, whose result would take the place of x_denoised\.ome\.tif"):
        plan_of(tmp_path, tmp_path / "x.tif", tmp_path / "x_denoised.ome.tif")


def test_a_full_disk_ends_the_run(plan_of: MakePlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(predicting, "predict", fill)
    told: list[Event] = []
    with pytest.raises(OutputError, match="room on the disk"):
        run(plan_of(tmp_path / "out"), told.append)
    assert not [event for event in told if isinstance(event, ImageDone)]


def test_a_run_that_ends_early_leaves_the_table_of_what_stands(
    plan_of: MakePlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(plan_of(tmp_path / "out"))
    before = told_in(tmp_path / "out")

    errors: list[BaseException] = [KeyboardInterrupt(), OSError(28, "No space left on device")]

    def fill(*arguments: object, **options: object) -> None:
        raise errors[-1]

    monkeypatch.setattr(predicting, "predict", fill)
    while errors:
        with pytest.raises((OutputError, KeyboardInterrupt)):
            run(plan_of(tmp_path / "out", overwrite=True))
        assert told_in(tmp_path / "out") == before
        errors.pop()


def test_damaged_metadata_of_one_image_stop_no_other(lab: Path, plan_of: MakePlan, tmp_path: Path) -> None:
    for name in ("a.ome.zarr", "in/b.ome.zarr"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "zarr.json").write_text("{")
    good = lab / "plate" / "day1" / "a2.tif"
    tally = run(plan_of(tmp_path / "out", tmp_path / "a.ome.zarr", tmp_path / "in", good)).tally
    assert tally is not None
    assert [bool(row.error) for row in tally.rows] == [True, True, False]


def test_training_takes_folders_and_denoising_keeps_their_tree(
    lab: Path, settings: dict[str, Any], tmp_path: Path
) -> None:
    plan = planning.plan_denoise(
        lab / "plate" / "**" / "a*.tif",
        tmp_path / "out",
        {**settings, "steps": 1, "noise": "sigma=12"},
        device="cpu",
        request=Request(num_samples=2),
        calibrate=False,
    )
    outcome = run(plan)
    assert set(RESULTS) <= set(pixels_in(tmp_path / "out"))
    assert len(outcome.images) == 3
    trained = plan_train(lab / "plate", tmp_path / "run", settings, device="cpu")
    assert [image.path.name for image in trained.training.images if image.path] == ["a2.tif", "a10.tif", "a2.tif"]
