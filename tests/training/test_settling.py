"""Training that ends where nothing more is gained: the rate stays up, then falls, and a stopped run goes on alike."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from quietscope.data.preparation import Notify
from quietscope.methods.base import LearningMethod
from quietscope.methods.hdn import HDN
from quietscope.testing.method_contract import toy_frames, toy_settings
from quietscope.training import settling
from quietscope.training.average import SHARPNESS, RecentWeights
from quietscope.training.budget import Budget
from quietscope.training.fit import FitReport, fit
from quietscope.training.settling import FALL, GAIN_DB, LATEST, Judge, gain_of
from quietscope.training.watch import TrainingState, Watcher

CPU = torch.device("cpu")
RULE = {"stop_when_settled": True, "learning_rate": 3e-2, "validate_every": 10}


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read at steps 2, 4, ... 20, 22, 25, 28 ...: there are enough readings after 28 of them."""
    monkeypatch.setattr(settling, "LEAST_INTERVAL", 2)


def judge_of(values: Iterator[float]) -> Judge:
    return Judge(psnr=lambda _: next(values), name="`other`")


def flat() -> Judge:
    return judge_of(itertools.repeat(30.0))


class Heard:
    """A watcher that keeps the learning rates of all steps, and may copy the resume file after one of them."""

    def __init__(self, folder: Path | None = None, at: int = 0) -> None:
        self.rates: list[float] = []
        self.copied = b""
        self._folder, self._at = folder, at

    def __call__(self, state: TrainingState) -> None:
        self.rates.append(state.learning_rate)
        if self._folder is not None and state.step == self._at:
            self.copied = (self._folder / "resume.ckpt").read_bytes()


def trained(
    method: LearningMethod,
    judge: Judge | None,
    steps: int,
    *,
    folder: Path | None = None,
    resume: bool = False,
    watch: Watcher | None = None,
    notify: Notify = print,
) -> FitReport:
    return fit(
        method,
        toy_frames(method),
        toy_settings(**RULE),
        Budget(steps=steps),
        device=CPU,
        judge=judge,
        folder=folder,
        resume=resume,
        watch=watch,
        notify=notify,
    )


def test_a_gain_is_that_of_the_last_third() -> None:
    assert gain_of([(n, 1.0 * n) for n in range(5, 91, 5)]) == pytest.approx((77.5 - 52.5, 0.0))
    assert gain_of([(n, 1.0) for n in (10, 20, 30)]) is None


def test_a_gain_is_known_as_well_as_its_readings_are() -> None:
    rng = np.random.default_rng(0)
    found = [gain_of([(n, float(rng.normal(0.01 * n, 0.2))) for n in range(5, 91, 5)]) for _ in range(300)]
    gains, errors = np.array([each for each in found if each is not None]).T
    assert gains.mean() == pytest.approx(0.25, abs=0.03)
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(gains.std(), rel=0.15)


def test_where_nothing_is_gained_the_rate_falls_and_training_ends(build: Callable[[], HDN]) -> None:
    heard, lines = Heard(), list[str]()
    report = trained(build(), flat(), 1000, watch=heard, notify=lines.append)
    (line,) = (each for each in lines if "settled" in each)
    fell_at = round(report.steps / (1 + FALL))
    assert report.settled
    assert not report.is_cut_short
    assert 28 <= report.steps < 50
    assert heard.rates[: fell_at - 1] == [RULE["learning_rate"]] * (fell_at - 1)
    assert all(a > b for a, b in itertools.pairwise(heard.rates[fell_at:]))
    assert heard.rates[-1] < 0.1 * heard.rates[0]
    assert f"after {report.steps} of about 1,000 steps" in line
    assert "0.00 dB (estimated by `other`)" in line


def test_where_something_is_gained_the_budget_is_used_and_the_rate_falls_before_its_end(
    build: Callable[[], HDN],
) -> None:
    heard, lines = Heard(), list[str]()
    rising = judge_of(20.0 + 2 * GAIN_DB * n for n in itertools.count())
    report = trained(build(), rising, 50, watch=heard, notify=lines.append)
    assert (report.steps, report.settled) == (50, False)
    assert heard.rates[: round(50 * LATEST)] == [RULE["learning_rate"]] * 40
    assert heard.rates[-1] < 0.1 * heard.rates[0]
    assert not [each for each in lines if "settled" in each]


def test_without_a_judge_the_validation_loss_tells(build: Callable[[], HDN], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quietscope.training.validation.Validation.loss_of_now", lambda _: 3.0)
    lines: list[str] = []
    report = trained(build(), None, 1000, notify=lines.append)
    assert report.settled
    assert "of the validation loss (there is no estimate of the PSNR)" in next(
        each for each in lines if "settl" in each
    )


@pytest.mark.parametrize("at", [21, 31], ids=["before the rate falls", "while it falls"])
def test_a_killed_run_ends_as_if_never_killed(build: Callable[[], HDN], tmp_path: Path, at: int) -> None:
    whole, again, killed = build(), build(), tmp_path / "killed"
    watch = Heard(tmp_path / "run", at)
    values = [20.0, 25.0, 27.0, 28.0, 29.0, *[29.5] * 50]
    readings: list[float] = []

    def told(_: LearningMethod) -> float:  # by its weights, as a real one: so that it is the same in both runs
        readings.append(0.0)
        return values[len(readings) - 1]

    one = trained(whole, Judge(psnr=told, name=""), 1000, folder=tmp_path / "run", watch=watch)
    killed.mkdir()
    (killed / "resume.ckpt").write_bytes(watch.copied)
    done = len(torch.load(killed / "resume.ckpt", weights_only=True)["settling"]["readings"])
    rest = iter(values[done:])
    two = trained(again, judge_of(rest), 1000, folder=killed, resume=True)
    assert one.settled
    assert at < one.steps == two.steps
    assert all(torch.equal(value, two.last_state[name]) for name, value in one.last_state.items())


def test_what_has_settled_is_over_and_what_a_budget_ended_goes_on(build: Callable[[], HDN], tmp_path: Path) -> None:
    first = trained(build(), flat(), 1000, folder=tmp_path / "settled")
    assert trained(build(), flat(), 2000, folder=tmp_path / "settled", resume=True).steps == first.steps
    rising = judge_of(1.0 * n for n in itertools.count())
    heard = Heard()
    trained(build(), rising, 15, folder=tmp_path / "short")
    report = trained(build(), rising, 30, folder=tmp_path / "short", resume=True, watch=heard)
    assert report.steps == 30
    assert heard.rates[:9] == [RULE["learning_rate"]] * 9


def test_a_rule_of_its_own_is_refused() -> None:
    for other in ({"schedule": "plateau"}, {"schedule": "plateaus"}, {"early_stop": 5}):
        with pytest.raises(ValidationError, match="exclude each other"):
            toy_settings(stop_when_settled=True, **other)


def test_recent_weights_are_a_weighted_mean_and_leave_no_trace(build: Callable[[], HDN]) -> None:
    method = build()
    weight = next(method.parameters())
    recent = RecentWeights(method)
    for step in range(1, 200):
        weight.data.fill_(float(step))
        recent.add()
    own = weight.detach().clone()
    with recent.in_place():
        mean = float(weight.detach().flatten()[0])
    assert torch.equal(weight, own)
    steps = torch.arange(1.0, 200.0, dtype=torch.float64)
    shares = torch.softmax(torch.lgamma(steps + SHARPNESS) - torch.lgamma(steps), 0)  # about n^k
    assert mean == pytest.approx(float((shares * steps).sum()), rel=1e-4)
