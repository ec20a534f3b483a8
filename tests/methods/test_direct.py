"""The direct denoiser learns the mean or the median that its teacher's samples have, and leaves the teacher alone."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from quietscope.data.normalize import Statistics
from quietscope.methods.base import LatentSpec, Loss, MethodSettings, PosteriorMethod
from quietscope.methods.direct import DirectDenoiser, DirectSettings, Teacher
from quietscope.methods.divnoising import DivNoising, DivNoisingSettings
from quietscope.methods.hdn import HDN, HDNSettings
from quietscope.methods.likelihood import LikelihoodMethod
from quietscope.model.file import ModelCard, load_model, save_model
from quietscope.nn.hardware import place
from quietscope.nn.seeding import seeded
from quietscope.noise import Gaussian, PoissonGaussian
from quietscope.presets import Configuration
from quietscope.testing.method_contract import toy_frames, toy_settings
from quietscope.tiling.orientations import FLIPS
from quietscope.training.budget import Budget
from quietscope.training.companion import Companion
from quietscope.training.fit import FitReport, fit
from quietscope.training.patch_source import patch_size

CPU = torch.device("cpu")
STATISTICS = Statistics(torch.tensor([150.0]), torch.tensor([35.0]))
WIDTH = 12.0
TINY = {"filters": (8,), "latent_channels": (4,), "blocks": 1, "final_blocks": 0, "stem_filters": 8}


class Skewed(LikelihoodMethod, PosteriorMethod):
    """A posterior of one width everywhere whose mean, median and scale are known.

    ``s = 0.5 x + 60 + w exp(n)``, n standard normal: mean ``0.5 x + 60 + w sqrt(e)``, median ``0.5 x + 60 + w``.
    """

    name = "skewed"
    spatial_dims = 2
    size_multiple = (4, 6)

    def __init__(self, stabilize: bool) -> None:
        noise = PoissonGaussian(gain=4.0, offset=60.0, read_noise=2.0)
        super().__init__(MethodSettings(), STATISTICS, [noise], stabilize)
        self.weight = torch.nn.Parameter(torch.tensor(0.5))
        self.seen_training: list[bool] = []

    @classmethod
    def build(cls, settings: object, statistics: object, noise_models: object) -> "Skewed":
        raise AssertionError("nobody builds it")

    def loss(self, x: Tensor) -> Loss:
        raise AssertionError("nobody trains it")

    def latents(self) -> tuple[LatentSpec, ...]:
        one: dict[str, Any] = {"channels": 1, "reduction": (1, 1)}
        return (LatentSpec(level=0, is_random=True, **one), LatentSpec(level=1, is_random=False, **one))

    def encode(self, x: Tensor) -> tuple[Tensor, ...]:
        self.seen_training.append(self.training)
        return (self.weight * x + 60.0, torch.zeros_like(x))

    def decode(self, encoding: tuple[Tensor, ...], noise: Sequence[Tensor]) -> Tensor:
        assert not noise[1].any()
        return encoding[0] + WIDTH * torch.exp(noise[0])


def taught(teacher: PosteriorMethod, **settings: object) -> DirectDenoiser:
    with seeded(3):
        values = {"depth": 1, "filters": 8, **settings}
        student = DirectDenoiser(DirectSettings.model_validate(values), teacher.statistics)
    student.learn_from(teacher)
    return student


def learn(student: DirectDenoiser, steps: int) -> FitReport:
    settings = toy_settings(patch=12, batch_size=16, learning_rate=3e-3, validate_every=250, keep="last")
    return fit(student, toy_frames(student), settings, Budget(steps=steps), device=CPU)


def bias(student: DirectDenoiser, centre: float) -> float:
    """Return the mean distance from ``0.5 x + 60 + w centre`` in units of w, over the middle of the toy's frames."""
    frames = toy_frames(student)
    x = torch.stack([torch.from_numpy(frames[n]) for n in range(len(frames))])
    with torch.no_grad():
        error = student.predict(x) - (0.5 * x + 60.0 + WIDTH * centre)
    return float(error[..., 4:-4, 4:-4].mean()) / WIDTH


@pytest.mark.parametrize(
    ("loss", "draws", "stabilize"), [("mean", 1, False), ("mean", 4, True), ("median", 1, False), ("median", 1, True)]
)
def test_squared_error_learns_the_mean_and_absolute_error_the_median(loss: str, draws: int, stabilize: bool) -> None:
    student = taught(Skewed(stabilize), loss=loss, draws=draws, stabilize=stabilize)
    learn(student, 250)
    centre = {"mean": math.sqrt(math.e), "median": 1.0}[loss]
    # Mean and median lie 0.65 apart; the mean of the stabilised scale, taken back, would lie 0.2 below the mean.
    assert bias(student, centre) == pytest.approx(0.0, abs=0.1)


def test_the_teacher_is_no_part_of_the_student_and_stays_as_it_is() -> None:
    teacher = Skewed(stabilize=True)
    teacher.noise_models.eval()  # a part that is frozen stays frozen
    student = taught(teacher, stabilize=True)
    assert not any("teacher" in name or name == "weight" for name in student.state_dict())
    assert teacher.weight not in set(student.parameters())
    torch.autograd.backward(student.loss(torch.full((2, 1, 12, 12), 150.0)).total)
    assert teacher.weight.grad is None
    assert all(parameter.grad is not None for parameter in student.parameters())
    assert teacher.seen_training == [False]
    assert (teacher.training, teacher.noise_models.training) == (True, False)


def test_a_draw_is_a_mean_of_samples_and_leaves_fixed_levels_alone() -> None:
    teacher, x = Teacher(Skewed(stabilize=False)), torch.full((1, 1, 64, 64), 150.0)
    torch.manual_seed(0)
    one, many = teacher.draw(x, 1), teacher.draw(x, 16)
    assert one.shape == many.shape == x.shape
    assert float(many.std()) == pytest.approx(float(one.std()) / 4, rel=0.25)
    torch.manual_seed(0)
    assert torch.equal(one, teacher.draw(x, 1))


def test_sizes_suit_both_while_there_is_a_teacher() -> None:
    student = taught(Skewed(stabilize=False), depth=2)
    assert student.size_multiple == (4, 12)
    assert patch_size(student, toy_settings(patch=18)) == (24, 24), "transposed patches must fit too"
    assert patch_size(taught(Skewed(stabilize=False), depth=2, turns=FLIPS), toy_settings(patch=18)) == (20, 24)
    student.learn_from(None)
    assert student.size_multiple == (4, 4)
    assert student.teacher is None


def test_turns_are_kept_in_the_settings() -> None:
    assert taught(Skewed(stabilize=False), turns=FLIPS).orientations == FLIPS
    with pytest.raises(ValueError, match="turns must be"):
        DirectSettings(turns=(0, 9))
    with pytest.raises(ValueError, match="draws = 1"):
        DirectSettings(loss="median", draws=2)


def test_a_saved_model_keeps_the_scale_and_the_turns_and_knows_no_teacher(tmp_path: Path) -> None:
    network = {"depth": 1, "filters": 8, "stabilize": True, "turns": FLIPS}
    student = taught(Skewed(stabilize=True), **network)
    learn(student, 3)
    configuration = Configuration.of({"method": "direct", "network": network})
    save_model(tmp_path / "direct.safetensors", student, ModelCard(configuration=configuration))
    loaded, _ = load_model(tmp_path / "direct.safetensors")
    assert isinstance(loaded, DirectDenoiser)
    assert loaded.teacher is None
    assert loaded.orientations == FLIPS
    place(loaded, CPU, 2)
    x = torch.rand(1, 1, 16, 16) * 100 + 100
    with torch.no_grad():
        assert torch.equal(loaded.predict(x), student.predict(x))


def hdn(**changes: object) -> HDN:
    torch.manual_seed(0)
    return HDN(HDNSettings.model_validate({**TINY, **changes}), STATISTICS, [Gaussian(10.0)])


def divnoising() -> DivNoising:
    torch.manual_seed(0)
    settings = DivNoisingSettings(depth=1, filters=8, latent_channels=4)
    return DivNoising(settings, STATISTICS, [Gaussian(10.0)])


def train_along(method: DivNoising | HDN, student: DirectDenoiser | None, steps: int = 12, **options: Any) -> FitReport:
    companion = None if student is None else Companion(student, relative_rate=0.7)
    # Clipped hard, so that a norm taken over both would show; the plateau would see the companion's loss.
    settings = toy_settings(clip_norm=0.02, schedule="plateau", plateau_patience=1, keep="best")
    return fit(method, toy_frames(method), settings, Budget(steps=steps), device=CPU, companion=companion, **options)


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


@pytest.mark.parametrize("build", [hdn, lambda: hdn(batch_norm=False, dropout=0.0), divnoising])
def test_a_method_comes_out_the_same_with_a_companion(build: Callable[..., DivNoising | HDN]) -> None:
    alone, together = build(), build()
    student = taught(together)
    before = {name: value.clone() for name, value in student.state_dict().items()}
    one, two = train_along(alone, None), train_along(together, student)
    assert equal(one.last_state, two.last_state)
    assert equal(one.best_state, two.best_state)
    assert one.best_validation_loss == two.best_validation_loss
    assert not equal(before, student.state_dict())


def test_a_resumed_run_carries_the_companion(tmp_path: Path) -> None:
    import signal

    def stop(state: object) -> None:
        if getattr(state, "step", 0) == 6:
            signal.raise_signal(signal.SIGINT)

    whole, halves = hdn(), hdn()
    one, two = taught(whole, batch_norm=True), taught(halves, batch_norm=True)
    train_along(whole, one, folder=tmp_path / "whole")
    assert train_along(halves, two, folder=tmp_path / "halves", watch=stop).interrupted
    halves = hdn()
    two = taught(halves, batch_norm=True)
    train_along(halves, two, folder=tmp_path / "halves", resume=True)
    assert equal(whole.state_dict(), halves.state_dict())
    assert equal(one.state_dict(), two.state_dict())


def test_a_broken_companion_breaks_no_step_of_the_method(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, calls = DirectDenoiser.loss, []

    def broken(self: DirectDenoiser, x: Tensor) -> Loss:
        calls.append(1)
        out = whole(self, x * math.nan if len(calls) in (2, 3, 7) else x)
        return Loss(out.total, out.terms)

    monkeypatch.setattr(DirectDenoiser, "loss", broken)
    alone, together = hdn(), hdn()
    student = taught(together, batch_norm=True)
    one, two = train_along(alone, None), train_along(together, student)
    assert equal(one.last_state, two.last_state)
    assert two.skipped_steps == 0
    assert all(bool(torch.isfinite(value).all()) for value in student.state_dict().values())


def test_a_rollback_takes_the_companion_along(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, calls = HDN.loss, []

    def broken(self: HDN, x: Tensor) -> Loss:
        out = whole(self, x)
        if self.training:
            calls.append(1)
        return Loss(out.total * math.nan, out.terms) if self.training and 5 < len(calls) < 16 else out

    monkeypatch.setattr(HDN, "loss", broken)
    method = hdn()
    student = taught(method)
    report = train_along(method, student, steps=20)
    assert report.rollbacks == 1
    assert all(bool(torch.isfinite(value).all()) for value in student.state_dict().values())
