"""A run from Python: what it tells, how it is stopped and resumed, and that it computes nothing twice."""

import pickle
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quietscope import (
    Began,
    DenoisePlan,
    Denoiser,
    Ended,
    Finished,
    PredictionProgress,
    Request,
    Results,
    Stop,
    TrainingProgress,
    Written,
    describe,
    plan_denoise,
    plan_predict,
    plan_train,
    read_image,
    run,
)
from quietscope.errors import OutputError, SettingsError, SizeError, Terminated
from quietscope.metrics.verdict import Effort
from quietscope.pipeline.denoise_step import predict
from quietscope.pipeline.events import Event, Listener
from quietscope.pipeline.files import UNFINISHED
from quietscope.pipeline.learning import load_trained, settle, train
from quietscope.pipeline.reporting import panels_of, report

FEW = Request(num_samples=3)
MakePlan = Callable[..., DenoisePlan]


def stop_when(is_time: Callable[[Event], bool]) -> Listener:
    def listen(event: Event) -> None:
        if is_time(event):
            raise Stop

    return listen


def after_training_step(number: int) -> Listener:
    return stop_when(lambda event: isinstance(event, TrainingProgress) and event.state.step == number)


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def check_same(one: Path, other: Path) -> None:
    """Compare all results and the weights, bit by bit."""
    assert names_in(one) == names_in(other)
    for path in one.glob("*.tif"):
        np.testing.assert_array_equal(np.asarray(read_image(path)), np.asarray(read_image(other / path.name)))
    weights = [Denoiser.load(folder / "model.safetensors", device="cpu").method.state_dict() for folder in (one, other)]
    assert all(bool((value == weights[1][name]).all()) for name, value in weights[0].items())


@pytest.fixture(scope="module", autouse=True)
def _advice_without_a_clock() -> Iterator[None]:
    """The verdict advises a budget by how fast this machine is just now, and pictures show it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Effort, "longer", property(lambda self: "budget='6m'"))
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, plan_of: MakePlan) -> Path:
    """The results of a run of two images that nobody stopped."""
    folder = tmp_path_factory.mktemp("whole") / "out"
    run(plan_of(folder, "a", "b"))
    return folder


def test_a_run_tells_what_it_does(cells: Path, tmp_path: Path, plan_of: MakePlan) -> None:
    told: list[Event] = []
    outcome = run(plan_of(tmp_path / "out", clean=[cells / "clean_a.tif"]), told.append)
    steps = [event.step for event in told if isinstance(event, Began)]
    assert (
        steps == [event.step for event in told if isinstance(event, Ended)] == ["settle", "train", "predict", "report"]
    )
    assert [event.state.step for event in told if isinstance(event, TrainingProgress)] == [1, 2, 3, 4, 5, 6]
    last = [event for event in told if isinstance(event, PredictionProgress)][-1]
    assert (last.what, last.done) == ("a.tif", last.total)
    written = {event.name: event.path for event in told if isinstance(event, Written)}
    assert set(written) == {"model", "settings", "mean", "std", "overview", "regions", "record", "report"}
    assert {path.name for path in written.values()} == names_in(tmp_path / "out")
    assert told[-1] == Finished(outcome=outcome)
    assert outcome.trained is not None
    assert outcome.trained.steps == 6
    assert outcome.images[0].after is not None
    assert "90 % interval" in outcome.images[0].honesty


def test_a_plan_names_every_file_and_can_be_sent_elsewhere(whole: Path, plan_of: MakePlan) -> None:
    plan = pickle.loads(pickle.dumps(plan_of(whole, "a", "b")))
    assert {path.name for path in plan.files} == names_in(whole)


@pytest.mark.parametrize("step", [1, 3, 4])
def test_a_run_stopped_in_training_goes_on_to_the_same_end(
    whole: Path, tmp_path: Path, step: int, plan_of: MakePlan
) -> None:
    plan = plan_of(tmp_path / "out", "a", "b")
    with pytest.raises(Stop):
        run(plan, after_training_step(step))
    assert names_in(tmp_path / "out") == {"model.safetensors", "config.yaml", UNFINISHED}
    assert Denoiser.load(tmp_path / "out" / "model.safetensors", device="cpu").card.training["steps"] == step
    told: list[Event] = []
    run(plan, told.append, resume=True)
    assert [event.state.step for event in told if isinstance(event, TrainingProgress)] == list(range(step + 1, 7))
    check_same(whole, tmp_path / "out")


def test_a_run_killed_in_training_goes_on_to_the_same_end(whole: Path, tmp_path: Path, plan_of: MakePlan) -> None:
    """A kill leaves what the run folder held at its last checkpoint, and nothing else."""
    plan, killed = plan_of(tmp_path / "out", "a", "b"), tmp_path / "killed"

    def copy(event: Event) -> None:
        if isinstance(event, TrainingProgress) and event.state.step == 5:
            shutil.copytree(tmp_path / "out", killed)

    run(plan, copy)
    again = plan_of(killed, "a", "b")
    run(again, resume=True)
    check_same(whole, killed)


def test_a_run_killed_before_it_learnt_anything_begins_again(whole: Path, tmp_path: Path, plan_of: MakePlan) -> None:
    killed = tmp_path / "killed"

    def copy(event: Event) -> None:
        if isinstance(event, TrainingProgress) and event.state.step == 1:
            shutil.copytree(tmp_path / "out", killed)

    run(plan_of(tmp_path / "out", "a", "b"), copy)
    assert not (killed / UNFINISHED / "resume.ckpt").exists()
    run(plan_of(killed, "a", "b"), resume=True)
    check_same(whole, killed)


def test_a_run_stopped_in_prediction_computes_nothing_twice(whole: Path, tmp_path: Path, plan_of: MakePlan) -> None:
    plan = plan_of(tmp_path / "out", "a", "b")
    with pytest.raises(Stop):
        run(plan, stop_when(lambda event: isinstance(event, PredictionProgress) and event.what == "b.tif"))
    results = {"a_denoised.ome.tif", "a_std.ome.tif"}
    assert names_in(tmp_path / "out") == {*results, "model.safetensors", "config.yaml", UNFINISHED}
    stamps = {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in (*results, "model.safetensors")}
    told: list[Event] = []
    run(plan, told.append, resume=True)
    assert not [event for event in told if isinstance(event, TrainingProgress)]
    assert [event.what for event in told if isinstance(event, Began) and event.step == "predict"] == ["b.tif"]
    assert stamps == {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in stamps}
    check_same(whole, tmp_path / "out")
    assert (tmp_path / "out" / "overview.png").read_bytes() == (whole / "overview.png").read_bytes()


def test_other_results_than_those_that_were_written_are_computed(tmp_path: Path, plan_of: MakePlan) -> None:
    with pytest.raises(Stop):
        run(
            plan_of(tmp_path / "out", "a", "b"),
            stop_when(lambda event: isinstance(event, PredictionProgress) and event.what == "b.tif"),
        )
    told: list[Event] = []
    more = plan_of(tmp_path / "out", "a", "b", request=Request(num_samples=4))
    run(more, told.append, resume=True)
    assert [event.what for event in told if isinstance(event, Began) and event.step == "predict"] == ["a.tif", "b.tif"]


def test_what_a_less_trained_model_has_made_is_made_again(tmp_path: Path, plan_of: MakePlan) -> None:
    """Training that was ended early is denoised with; a run that goes on trains to the end, and denoises anew."""
    plan = plan_of(tmp_path / "out", "a", "b")

    def interrupt(event: Event) -> None:
        if isinstance(event, TrainingProgress) and event.state.step == 2:
            signal.raise_signal(signal.SIGINT)
        if isinstance(event, PredictionProgress) and event.what == "b.tif":
            raise Stop

    with pytest.raises(Stop):
        run(plan, interrupt)
    told: list[Event] = []
    run(plan, told.append, resume=True)
    assert [event.state.step for event in told if isinstance(event, TrainingProgress)] == [3, 4, 5, 6]
    assert [event.what for event in told if isinstance(event, Began) and event.step == "predict"] == ["a.tif", "b.tif"]


def test_a_terminated_run_keeps_its_model_and_starts_nothing_more(
    tmp_path: Path, whole: Path, plan_of: MakePlan
) -> None:
    def terminate(event: Event) -> None:
        if isinstance(event, TrainingProgress) and event.state.step == 3:
            signal.raise_signal(signal.SIGTERM)

    plan = plan_of(tmp_path / "out", "a", "b")
    with pytest.raises(Terminated):
        run(plan, terminate)
    assert names_in(tmp_path / "out") == {"model.safetensors", "config.yaml", UNFINISHED}
    run(plan, resume=True)
    check_same(whole, tmp_path / "out")


def test_a_run_that_learnt_nothing_leaves_nothing(tmp_path: Path, plan_of: MakePlan) -> None:
    plan = plan_of(tmp_path / "new" / "out")
    with pytest.raises(Stop):
        run(plan, stop_when(lambda event: isinstance(event, Began) and event.step == "train"))
    assert not list(tmp_path.iterdir())
    with pytest.raises(OutputError, match=r"config\.yaml"):
        run(plan, resume=True)


def test_an_unfinished_run_is_in_the_way_of_another(
    cells: Path, tmp_path: Path, whole: Path, plan_of: MakePlan, settings: dict[str, Any]
) -> None:
    with pytest.raises(Stop):
        run(plan_of(tmp_path / "out", "a", "b"), after_training_step(3))
    with pytest.raises(OutputError, match="resume=True"):
        run(plan_of(tmp_path / "out", "a", "b"))
    with pytest.raises(SettingsError, match="as the run began"):
        run(plan_of(tmp_path / "out", "a", "b", settings={**settings, "seed": 3}), resume=True)
    run(plan_of(tmp_path / "out", "a", "b", overwrite=True))
    check_same(whole, tmp_path / "out")


def test_train_is_stopped_and_resumed(cells: Path, tmp_path: Path, settings: dict[str, Any]) -> None:
    plans = [plan_train(cells / "a.tif", tmp_path / name, settings, device="cpu") for name in ("one", "two")]
    run(plans[0])
    with pytest.raises(Stop):
        run(plans[1], after_training_step(3))
    assert {"model.safetensors", "best.safetensors", "resume.ckpt"} <= names_in(tmp_path / "two")
    run(plans[1], resume=True)
    assert names_in(tmp_path / "one") == names_in(tmp_path / "two")
    states = [
        Denoiser.load(tmp_path / name / "model.safetensors", device="cpu").method.state_dict()
        for name in ("one", "two")
    ]
    assert all(bool((value == states[1][name]).all()) for name, value in states[0].items())


def test_a_resumed_plan_may_have_more_steps(cells: Path, tmp_path: Path, settings: dict[str, Any]) -> None:
    run(plan_train(cells / "a.tif", tmp_path / "run", settings, device="cpu"))
    more = plan_train(cells / "a.tif", tmp_path / "run", {"steps": 8}, device="cpu", resume=True)
    assert more.training.configuration.network == settings["network"]
    outcome = run(more)
    assert outcome.trained is not None
    assert outcome.trained.steps == 8


def test_predict_with_a_model_that_there_is(cells: Path, whole: Path, tmp_path: Path) -> None:
    results = Results(kinds=("mean", "std"))
    plan = plan_predict(whole / "model.safetensors", cells / "a.tif", tmp_path / "x.tif", results=results, request=FEW)
    told: list[Event] = []
    run(plan, told.append)
    for kind, ending in (("denoised", ""), ("std", "_std")):
        again = np.asarray(read_image(tmp_path / f"x{ending}.tif"))
        np.testing.assert_array_equal(again, np.asarray(read_image(whole / f"a_{kind}.ome.tif")))
    assert {event.name for event in told if isinstance(event, Written)} == {"mean", "std"}


def test_the_steps_can_be_called_one_by_one(whole: Path, tmp_path: Path, plan_of: MakePlan) -> None:
    """As a scheduler does, whose jobs share a disk and nothing else."""
    plan = plan_of(tmp_path / "out", "a", "b")
    plan.check()
    train(settle(plan.training))
    models = [load_trained(plan.training) for _ in plan.targets]
    found = [
        predict(model.denoiser, target, panels=panels_of(plan, model), is_own=True)
        for model, target in zip(models, plan.targets, strict=True)
    ]
    outcome = report(plan, load_trained(plan.training), pickle.loads(pickle.dumps(found)))
    plan.close()
    check_same(whole, tmp_path / "out")
    assert (tmp_path / "out" / "overview.png").read_bytes() == (whole / "overview.png").read_bytes()
    assert outcome.summary.steps == 6


def test_the_picture_costs_no_prediction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plan_of: MakePlan) -> None:
    calls: list[int] = []
    whole = Denoiser.denoise_into

    def counted(self: Denoiser, *words: Any, **more: Any) -> None:
        calls.append(1)
        whole(self, *words, **more)

    monkeypatch.setattr(Denoiser, "denoise_into", counted)
    run(plan_of(tmp_path / "out", "a", "b"))
    assert len(calls) == 2
    assert (tmp_path / "out" / "overview.png").exists()


def test_python_needs_no_command_line() -> None:
    code = "import sys, quietscope; quietscope.run, quietscope.plan_denoise; sys.exit('quietscope.cli' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_arrays_are_images_too(tmp_path: Path, settings: dict[str, Any]) -> None:
    noisy = np.random.default_rng(0).poisson(50, (2, 32, 32)).astype(np.uint16)
    outcome = run(
        plan_denoise(noisy, tmp_path / "out", {**settings, "steps": 1}, axes="TYX", request=FEW, device="cpu")
    )
    assert outcome.images[0].source is None
    assert np.asarray(read_image(tmp_path / "out" / "image_denoised.ome.tif")).shape == (2, 32, 32)


def test_other_images_than_the_run_began_with_are_refused(tmp_path: Path, cells: Path, plan_of: MakePlan) -> None:
    out = tmp_path / "out"
    with pytest.raises(Stop):
        run(plan_of(out, "a"), after_training_step(3))
    with pytest.raises(SettingsError, match=r"the images that the run began with: a\.tif .*; got b\.tif"):
        plan_of(out, "b", resume=True)
    with pytest.raises(SettingsError, match="the images"):
        plan_of(out, "a", "b", resume=True)
    assert names_in(out) == {"model.safetensors", "config.yaml", UNFINISHED}  # nothing of the first run is lost
    run(plan_of(out, "a", resume=True))


def test_a_damaged_record_of_a_run_is_one_line(tmp_path: Path, plan_of: MakePlan) -> None:
    with pytest.raises(Stop):
        run(plan_of(tmp_path / "out"), after_training_step(3))
    for damage in ("{", "[]", ""):
        (tmp_path / "out" / UNFINISHED / "run.json").write_text(damage)
        with pytest.raises(OutputError, match=r"run\.json, which is damaged"):
            plan_of(tmp_path / "out", resume=True)


def test_a_plan_of_nothing_and_a_preview_of_a_prediction_are_refused(
    tmp_path: Path, cells: Path, whole: Path, settings: dict[str, Any]
) -> None:
    with pytest.raises(SizeError, match="at least one image"):
        plan_denoise([], tmp_path / "out", settings)
    plan = plan_predict(whole / "model.safetensors", cells / "a.tif", tmp_path / "out.tif", device="cpu")
    with pytest.raises(SettingsError, match="a plan to predict"):
        describe(plan)


@pytest.mark.parametrize(("kinds", "wanted"), [(("mean", "std"), False), (("samples",), True)])
def test_what_is_wanted_is_known_before_a_method_is_chosen(
    tmp_path: Path, kinds: tuple[str, ...], wanted: bool
) -> None:
    image = np.random.default_rng(0).normal(100, 5, (64, 64)).astype(np.float32)
    settings = {"method": "auto", "budget": "1m"}
    plan = plan_denoise(image, tmp_path / "out", settings, axes="YX", results=Results(kinds=kinds))
    assert plan.training.configuration.samples is wanted
