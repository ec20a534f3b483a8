"""Trackers are told how a run goes; stand-ins refuse what the real programs would refuse."""

import importlib.util
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from quietscope import Denoiser, plan_denoise, plan_train, run, write_image
from quietscope.cli import run as command_line
from quietscope.errors import SettingsError
from quietscope.training.followed import Followers, check_trackers, followed
from quietscope.training.trackers import TRACKERS, FollowedRun, Tracker
from quietscope.training.trackers.tracker import Told

SETTINGS: Mapping[str, Any] = {"method": "noise2void", "steps": 10, "network": {"depth": 1, "filters": 8},
                               "training": {"patch": 16, "batch_size": 2, "validate_every": 5}}  # fmt: skip


class Wandb(ModuleType):
    """What WandbTracker uses of wandb 0.31, with its arguments, and what it was told."""

    def __init__(self) -> None:
        super().__init__("wandb")
        self.account = False
        self.Settings = self._settings
        self.begun: dict[str, Any] = {}
        self.rows: dict[int, dict[str, float]] = {}
        self.summary: dict[str, float | str] = {}
        self.stages: list[str] = []
        self.ended: int | None = None

    def login(self, *, prompt: bool) -> bool:
        assert prompt is False  # nobody is asked for anything
        return self.account

    def _settings(self, *, silent: bool, console: str, save_code: bool, disable_git: bool) -> SimpleNamespace:
        return SimpleNamespace(silent=silent, save_code=save_code)

    def init(
        self, *, project: str, name: str, dir: str, config: dict[str, str], mode: str, settings: SimpleNamespace
    ) -> "Wandb":
        assert Path(dir).is_dir()
        assert mode in ("online", "offline", "disabled", "shared")
        self.begun = {"project": project, "name": name, "config": config, "mode": mode}
        self.settings = SimpleNamespace(sync_dir=f"{dir}/wandb/offline-run-1")
        return self

    def log(self, values: dict[str, float], *, step: int) -> None:
        assert self.ended is None
        assert step >= max(self.rows, default=0)
        self.rows.setdefault(step, {}).update(values)

    def finish(self, *, exit_code: int) -> None:
        assert self.ended is None
        self.ended = exit_code


class MLflow(ModuleType):
    """The same of mlflow 3.17."""

    entities = SimpleNamespace(
        Metric=lambda key, value, timestamp, step: SimpleNamespace(key=key, value=value, step=step),
        Param=lambda key, value: SimpleNamespace(key=key, value=value),
    )

    def __init__(self) -> None:
        super().__init__("mlflow")
        self.MlflowClient = self._client
        self.address, self.status = "", ""
        self.names: list[str] = []
        self.metrics: list[SimpleNamespace] = []
        self.params: dict[str, str] = {}
        self.tags: list[tuple[str, str]] = []

    def _client(self, *, tracking_uri: str) -> "MLflow":
        self.address = tracking_uri
        return self

    def get_experiment_by_name(self, name: str) -> SimpleNamespace | None:
        return SimpleNamespace(experiment_id="7") if name in self.names else None

    def create_experiment(self, name: str) -> str:
        self.names.append(name)
        return "7"

    def create_run(self, experiment_id: str, *, run_name: str) -> SimpleNamespace:
        assert experiment_id == "7"
        return SimpleNamespace(info=SimpleNamespace(run_id="r"))

    def log_batch(
        self, run_id: str, metrics: list[SimpleNamespace] | None = None, params: list[SimpleNamespace] | None = None
    ) -> None:
        assert (run_id, self.status) == ("r", "")
        assert len(params or []) <= 100
        self.metrics += metrics or []
        self.params |= {each.key: each.value for each in params or []}
        assert all(len(value) <= 500 for value in self.params.values())

    def set_tag(self, run_id: str, key: str, value: str) -> None:
        self.tags.append((key, value))

    def set_terminated(self, run_id: str, *, status: str) -> None:
        assert status in ("FINISHED", "FAILED", "KILLED")
        self.status = status


@pytest.fixture
def wandb(monkeypatch: pytest.MonkeyPatch) -> Wandb:
    for name in ("WANDB_MODE", "WANDB_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    found = Wandb()
    monkeypatch.setitem(sys.modules, "wandb", found)
    return found


@pytest.fixture
def mlflow(monkeypatch: pytest.MonkeyPatch) -> MLflow:
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    found = MLflow()
    monkeypatch.setitem(sys.modules, "mlflow", found)
    for name in ("sqlalchemy", "alembic"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    return found


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("noisy") / "noisy.tif"
    write_image(path, np.random.default_rng(0).poisson(200, (48, 48)).astype(np.uint16), "YX")
    return path


@pytest.fixture
def notes() -> list[str]:
    return []


def test_wandb_is_told_how_a_denoising_went(noisy: Path, tmp_path: Path, wandb: Wandb, notes: list[str]) -> None:
    told: list[Any] = []
    run(plan_denoise(noisy, tmp_path / "out", SETTINGS, clean=noisy, device="cpu"), told.append, log="wandb")
    assert (wandb.begun["project"], wandb.begun["name"], wandb.begun["mode"]) == ("quietscope", "out", "offline")
    assert wandb.begun["config"]["network.depth"] == "1"
    assert "train/loss" in wandb.rows[10]
    assert "validation/loss" in wandb.rows[5]
    assert wandb.summary["stage"] == "done"
    assert isinstance(wandb.summary["psnr_db"], float)
    assert str(wandb.summary["verdict"])
    assert wandb.ended == 0
    [line] = [event.text for event in told if "W&B" in getattr(event, "text", "")]
    assert "offline" in line
    assert "wandb sync" in line
    assert (tmp_path / "out" / "trackers").is_dir()  # what is kept there outlives the run
    assert not (tmp_path / "out" / "unfinished").exists()


def test_mlflow_is_told_every_stage(noisy: Path, tmp_path: Path, mlflow: MLflow) -> None:
    run(plan_train(noisy, tmp_path / "run", SETTINGS, device="cpu"), log=["mlflow"])
    assert mlflow.address == f"sqlite:///{tmp_path / 'run' / 'trackers' / 'mlflow.db'}"
    assert [value for name, value in mlflow.tags if name == "stage"] == ["train", "done"]
    assert {metric.key for metric in mlflow.metrics} >= {"train/loss", "validation/loss", "learning_rate"}
    assert mlflow.params["method"] == "noise2void"
    assert mlflow.status == "FINISHED"


def test_who_wants_wandb_offline_is_told_no_more_than_that(
    tmp_path: Path, wandb: Wandb, monkeypatch: pytest.MonkeyPatch, notes: list[str]
) -> None:
    wandb.account = True
    monkeypatch.setenv("WANDB_MODE", "offline")
    with followed("wandb", tmp_path, {}, notes.append):
        pass
    assert wandb.begun["mode"] == "offline"
    [line] = notes
    assert "WANDB_MODE says so" in line


def test_an_account_and_a_server_are_used_where_they_are_known(
    tmp_path: Path, wandb: Wandb, mlflow: MLflow, monkeypatch: pytest.MonkeyPatch, notes: list[str]
) -> None:
    wandb.account = True
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://localhost:1")
    with followed(["wandb", "mlflow", "wandb"], tmp_path, {}, notes.append):
        pass
    assert (wandb.begun["mode"], mlflow.address, notes) == ("online", "http://localhost:1", [])


def test_tensorboard_shows_stages_and_psnr(noisy: Path, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run(plan_denoise(noisy, tmp_path / "out", SETTINGS, clean=noisy, device="cpu"), log="tensorboard")
    events = EventAccumulator(str(tmp_path / "out" / "trackers"))
    events.Reload()
    [psnr] = events.Scalars("run/psnr_db")
    assert psnr.step == 10
    assert [event.step for event in events.Scalars("train/loss")] == [10]
    stages = [event.tensor_proto.string_val[0].decode() for event in events.Tensors("run/stage")]
    assert stages[0] == "train"
    assert "predict noisy.tif" in stages
    assert stages[-1] == "done"


def test_a_denoiser_in_python_is_followed_too(noisy: Path, tmp_path: Path, wandb: Wandb) -> None:
    Denoiser(**SETTINGS, device="cpu").fit(noisy, folder=tmp_path / "fit", log="wandb", progress=False)
    assert sorted(wandb.rows) == [5, 10]
    assert wandb.ended == 0


class Broken(Tracker):
    """A tracker whose server is lost in the middle."""

    name = "broken"

    def __init__(self, run: FollowedRun) -> None:
        self.told = 0

    def write(self, step: int, values: Mapping[str, float]) -> None:
        self.told += 1
        raise ConnectionError("no route to\nhost")

    def tell(self, step: int, values: Told) -> None:
        raise AssertionError("it is told nothing more")

    def close(self, *, is_whole: bool) -> None:
        raise AssertionError("it is told nothing more")


def test_a_tracker_that_fails_is_left_out_and_the_run_goes_on(notes: list[str], tmp_path: Path) -> None:
    broken = Broken(FollowedRun(name="x", folder=None, settings={}, notify=notes.append))
    followers = Followers({"broken": broken}, notes.append)
    for step in range(3):
        followers.write(step, {"loss": 1.0})
    followers.tell({"stage": "done"})
    followers.close(is_whole=True)
    assert (broken.told, notes) == (1, ["broken follows the run no longer: no route to"])


def test_what_is_no_number_is_left_out(wandb: Wandb, tmp_path: Path, notes: list[str]) -> None:
    with followed("wandb", tmp_path, {}, notes.append) as followers:
        followers.write(3, {"a": float("nan"), "b": 1.0})
        followers.write(4, {"a": float("inf")})
    assert wandb.rows == {3: {"b": 1.0}}


def test_a_run_that_fails_has_failed_there_too(wandb: Wandb, tmp_path: Path, notes: list[str]) -> None:
    with pytest.raises(ZeroDivisionError), followed("wandb", tmp_path, {}, notes.append):
        raise ZeroDivisionError
    assert wandb.ended == 1


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    return lambda name: monkeypatch.setitem(sys.modules, name, None)


def test_a_server_of_mlflow_takes_a_hundred_settings_at_a_time(tmp_path: Path, mlflow: MLflow) -> None:
    settings = {f"setting_{number}": number for number in range(250)}
    with followed("mlflow", tmp_path, settings, print):
        pass
    assert mlflow.params == {name: str(value) for name, value in settings.items()}


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_what_is_not_installed_is_told_before_anything_is_done(
    name: str, noisy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], without: Callable[[str], None]
) -> None:
    without(name)
    with pytest.raises(SettingsError, match=rf'pip install "quietscope\[{name}\]"'):
        run(plan_train(noisy, tmp_path / "run", SETTINGS, device="cpu"), log=name)
    with pytest.raises(SettingsError, match="to be installed"):
        Denoiser(**SETTINGS, device="cpu").fit(noisy, log=name)
    for verb in ("train", "denoise"):
        assert command_line([verb, str(noisy), "-o", str(tmp_path / verb), "--log", f"tensorboard,{name}"]) == 2
        assert f"{name} to be installed" in " ".join(capsys.readouterr().err.split())
        assert not (tmp_path / verb).exists()
    assert not (tmp_path / "run").exists()


def test_a_name_that_is_none_is_refused(noisy: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="tensorboard, wandb, mlflow"):
        check_trackers("comet")
    assert list(TRACKERS) == ["tensorboard", "wandb", "mlflow"]


@pytest.mark.skipif(importlib.util.find_spec("wandb") is None, reason="W&B is not installed")
def test_the_real_wandb_keeps_a_run_without_an_account(
    noisy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    run(plan_train(noisy, tmp_path / "run", SETTINGS, device="cpu"), log="wandb")
    [kept] = (tmp_path / "run" / "trackers" / "wandb").glob("offline-run-*")
    assert list(kept.glob("*.wandb"))


@pytest.mark.skipif(importlib.util.find_spec("mlflow") is None, reason="MLflow is not installed")
@pytest.mark.filterwarnings("ignore")  # what MLflow's own libraries find old-fashioned in it
def test_the_real_mlflow_keeps_a_run_without_a_server(
    noisy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    run(plan_train(noisy, tmp_path / "run", SETTINGS, device="cpu"), log="mlflow")
    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'run' / 'trackers' / 'mlflow.db'}")
    [found] = client.search_runs([client.get_experiment_by_name("quietscope").experiment_id])
    assert found.data.tags["stage"] == "done"
    assert "train/loss" in found.data.metrics
    assert found.info.status == "FINISHED"
