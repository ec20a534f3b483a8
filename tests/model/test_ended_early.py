"""A model whose training somebody ended says so: when it ends, in its file, and where it is used."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quietscope import Denoiser, Note, Request, Stop, distill, plan_predict, run
from quietscope.errors import Terminated
from quietscope.metrics.verdict import Effort, judge
from quietscope.pipeline.events import Event
from quietscope.training.report_words import ENDED_EARLY_AT
from quietscope.training.watch import TrainingState
from tests.tiny import TRAINING, network

NOISY = np.random.default_rng(0).normal(200, 20, (2, 32, 32)).astype(np.float32)
Watch = Callable[[TrainingState], None]


def untrained(steps: int = 50) -> Denoiser:
    return Denoiser(network=network("hdn"), training=TRAINING, noise="sigma=20", steps=steps, device="cpu")


def sends(number: signal.Signals, step: int = 3) -> Watch:
    def watch(state: TrainingState) -> None:
        if state.step == step:
            signal.raise_signal(number)

    return watch


def stops(state: TrainingState) -> None:
    if state.step == 3:
        raise Stop


@pytest.mark.parametrize("watch", [sends(signal.SIGINT), stops])
def test_ended_by_a_person_or_watcher(watch: Watch, tmp_path: Path) -> None:
    told: list[str] = []
    model = untrained().fit(NOISY, axes="TYX", watch=watch, notify=told.append)
    [line] = [line for line in told if "ended early" in line]
    assert "after 3 steps: 6.0% of its budget, too few for a usable result" in line
    model.save(tmp_path / "model.safetensors")
    loaded = Denoiser.load(tmp_path / "model.safetensors", device="cpu")
    assert loaded.card.training[ENDED_EARLY_AT] == 0.06
    assert loaded.describe()["ended early at this share of its budget"] == "0.06"
    events: list[Event] = []
    target = tmp_path / "out.npy"
    run(plan_predict(tmp_path / "model.safetensors", NOISY, target, axes="TYX", request=Request()), events.append)
    notes = [event.text for event in events if isinstance(event, Note)]
    assert "The training of this model was ended early, after 3 steps: 6.0% of its budget." in notes


def test_sigterm_is_passed_on(tmp_path: Path) -> None:
    """A script that fits and saves does not go on to save; one that catches it may."""
    model = untrained()
    told: list[str] = []
    with pytest.raises(Terminated):
        model.fit(NOISY, axes="TYX", watch=sends(signal.SIGTERM), notify=told.append)
    assert any("ended early" in line for line in told)
    model.save(tmp_path / "model.safetensors")
    assert Denoiser.load(tmp_path / "model.safetensors").card.training[ENDED_EARLY_AT] == 0.06


def test_sigterm_passes_a_direct_denoiser_on_too() -> None:
    teacher = untrained(2).fit(NOISY, axes="TYX", notify=lambda _: None)
    small: dict[str, Any] = {"network": network("direct"), "training": TRAINING, "steps": 50}
    with pytest.raises(Terminated) as caught:
        distill(teacher, NOISY, axes="TYX", watch=sends(signal.SIGTERM), **small)
    assert caught.value.learnt.card.training[ENDED_EARLY_AT] == 0.06


def test_a_run_to_the_end_says_nothing() -> None:
    told: list[str] = []
    model = untrained(3).fit(NOISY, axes="TYX", watch=sends(signal.SIGINT), notify=told.append)  # in its last step
    assert not [line for line in told if "ended" in line]
    assert ENDED_EARLY_AT not in model.card.training
    effort = model.card.effort
    assert effort is not None
    assert effort.early_end == ""


def test_a_budget_that_ends_at_once_says_so() -> None:
    told: list[str] = []
    model = Denoiser(network=network("hdn"), training=TRAINING, noise="sigma=20", budget="0.000001s", device="cpu")
    model.fit(NOISY, axes="TYX", notify=told.append)
    assert model.card.training["steps"] == 1
    assert any(line.startswith("Training has ended after 1 step, too few for a usable result") for line in told)


def test_the_verdict_says_why_there_were_few_steps() -> None:
    few = Effort(steps=3, needed=300, seconds=1.0, ended_at=0.06)
    assert "that these settings need, for training was ended early" in judge((), few).words
    assert judge((), Effort(steps=400, needed=300, seconds=1.0, ended_at=0.5)).level == "usable"
