"""What a run writes down while it is trained."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from ruamel.yaml import YAML

from quietscope.methods.hdn import HDN, HDNSettings
from quietscope.testing.method_contract import toy_frames, toy_settings, train_toy
from quietscope.training.budget import Budget
from quietscope.training.fit import fit
from quietscope.training.settings import TrainingSettings

CPU = torch.device("cpu")


def test_logs_and_resume_file_are_written(build: Callable[[], HDN], tmp_path: Path) -> None:
    train_toy(build(), 20, folder=tmp_path)
    names = {path.name for path in (tmp_path / "logs").iterdir()}
    assert "metrics.csv" in names
    assert any(name.startswith("events.out.tfevents") for name in names)
    assert "validation/loss" in (tmp_path / "logs" / "metrics.csv").read_text().splitlines()[0]
    assert not list(tmp_path.glob("*.partial"))


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "logs" / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_tenth_step_and_every_validation_has_its_row(build: Callable[[], HDN], tmp_path: Path) -> None:
    method = build()
    fit(method, toy_frames(method), toy_settings(), Budget(steps=30), device=CPU, folder=tmp_path)
    rows = table(tmp_path)
    assert [int(row["step"]) for row in rows] == [4, 8, 10, 12, 16, 20, 24, 28, 30]
    assert list(rows[0]) == ["step", "validation/loss", "train/loss", "train/nll", "train/kl", "learning_rate"]
    for row in rows:
        assert bool(row["validation/loss"]) == (int(row["step"]) % 4 == 0)
        assert bool(row["train/loss"]) == (int(row["step"]) % 10 == 0)


def test_a_resumed_run_leaves_the_table_of_an_uninterrupted_one(build: Callable[[], HDN], tmp_path: Path) -> None:
    """What a killed run wrote after its resume file, be it half a row, is written again."""
    train_toy(build(), 40, folder=tmp_path / "whole")
    halves = tmp_path / "halves"
    train_toy(build(), 40, folder=halves, stop_at=22)
    with (halves / "logs" / "metrics.csv").open("a") as file:
        file.write("30,1.0,1.0,1.0,1.0,1.0\n4")
    train_toy(build(), 40, folder=halves)
    assert table(halves) == table(tmp_path / "whole")


def test_tensorboard_is_told_the_same_numbers(build: Callable[[], HDN], tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train_toy(build(), 20, folder=tmp_path, stop_at=12)
    train_toy(build(), 20, folder=tmp_path)
    events = EventAccumulator(str(tmp_path / "logs"))
    events.Reload()
    rows = [row for row in table(tmp_path) if row["train/loss"]]
    found = [(event.step, event.value) for event in events.Scalars("train/loss")]
    assert found == [(int(row["step"]), pytest.approx(float(row["train/loss"]))) for row in rows]
    assert [event.step for event in events.Scalars("validation/loss")] == [4, 8, 12, 16, 20]


def test_the_settings_of_the_run_stand_beside_its_numbers(build: Callable[[], HDN], tmp_path: Path) -> None:
    train_toy(build(), 1, folder=tmp_path)
    found = YAML(typ="safe").load((tmp_path / "logs" / "hparams.yaml").read_text())
    assert found["method"] == "hdn"
    assert HDNSettings(**found["network"]) == build().settings
    assert TrainingSettings(**found["training"]) == toy_settings()
    assert found["budget"] == {"seconds": None, "steps": 1}


def test_a_run_without_a_folder_writes_nothing(
    build: Callable[[], HDN], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    train_toy(build(), 10)
    assert list(tmp_path.iterdir()) == []
