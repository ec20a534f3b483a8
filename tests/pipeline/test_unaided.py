"""Intervals that are made honest without a clean image: the factor is in model and table, or it is said why not."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from scipy.ndimage import gaussian_filter

from quietscope import DenoisePlan, Denoiser, run
from quietscope.io import Image
from quietscope.metrics import psnr
from quietscope.pipeline import unaided
from quietscope.pipeline.events import Note
from quietscope.pipeline.opinion import second_opinion
from quietscope.pipeline.unaided import NOTHING_FOUND, judge_unaided
from quietscope.report import summary_table
from tests.model.test_error_estimate import CLEAN, NOISY, Blurred, OneBlur, model_of
from tests.prediction.methods import Conjugate
from tests.tiny import TRAINING, configuration, network

IMAGES = [Image(NOISY, "TYX")]


@pytest.fixture(scope="module")
def second() -> Denoiser:
    denoiser = Denoiser(method="instant", noise="sigma=10", steps=2, network={"direction": "none"}, device="cpu")
    return denoiser.fit(NOISY, axes="QYX", notify=lambda line: None, progress=False)


@pytest.fixture
def opinion(second: Denoiser, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was fitted before, as every one would be the same."""
    monkeypatch.setattr("quietscope.pipeline.unaided.second_opinion", lambda *_: second)


@pytest.fixture
def no_opinion(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the method that comes trained does not suit the noise."""
    monkeypatch.setattr("quietscope.pipeline.unaided.second_opinion", lambda *_: None)


@pytest.mark.parametrize("method", [Blurred(0.5), Conjugate(t=60.0)], ids=lambda each: each.name)
@pytest.mark.usefixtures("opinion")
def test_the_factor_is_that_of_the_truth_by_a_second_opinion(method: Conjugate) -> None:
    model, judged = model_of(method), model_of(method)
    found = judge_unaided(model, IMAGES)
    judged.recalibrate(NOISY, CLEAN, axes="TYX", num_samples=20)
    assert model.spread == pytest.approx(judged.spread, rel=0.08)
    assert f"multiplied by {model.spread:.2f}, estimated by `instant`" in found.intervals
    assert found.quality.endswith(", from 20 samples"), "all of these small images was looked at"
    result = judged.denoise(NOISY, axes="TYX", num_samples=20, pairs=0).mean
    told = float(found.quality.removeprefix("about ").partition(" ")[0])
    assert told == pytest.approx(psnr(result, CLEAN, float(np.ptp(CLEAN))), abs=0.6)


@pytest.mark.usefixtures("opinion")
def test_an_estimate_says_of_which_part_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the whole image, and of more samples, it is another."""
    monkeypatch.setattr("quietscope.pipeline.unaided.SIDE", 64)
    monkeypatch.setattr("quietscope.pipeline.unaided.MOST_PARTS", 1)
    monkeypatch.setattr("quietscope.pipeline.unaided.LEAST_PIXELS", 64)
    found = judge_unaided(model_of(Conjugate(t=60.0)), IMAGES)
    assert found.quality.endswith(", from 20 samples, on 1 part of 64 x 64 pixels")


@pytest.mark.usefixtures("opinion")
def test_a_run_that_goes_on_finds_the_same() -> None:
    model, twice = model_of(Blurred(0.5)), model_of(Blurred(0.5))
    found = judge_unaided(model, IMAGES)
    judge_unaided(twice, IMAGES)
    assert judge_unaided(twice, IMAGES) == found
    assert twice.spread == model.spread


def test_every_channel_is_told_of_and_one_factor_serves_all(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    noisy = rng.normal(np.stack([CLEAN, CLEAN.swapaxes(1, 2)], axis=1), 10).astype(np.float32)
    second = Denoiser(method="instant", noise="sigma=10", steps=1, network={"direction": "none"}, device="cpu")
    second.fit(noisy, axes="TCYX", notify=lambda line: None, progress=False)
    monkeypatch.setattr("quietscope.pipeline.unaided.second_opinion", lambda *_: second)
    denoiser = model_of(Conjugate(t=60.0, channels=2))
    found = judge_unaided(denoiser, [Image(noisy, "TCYX")])
    assert found.quality.count("±") == 2, found
    assert "in channel 1, " in found.quality
    assert f"multiplied by {denoiser.spread:.2f}" in found.intervals


@pytest.mark.usefixtures("no_opinion")
def test_without_a_second_opinion_residuals_tell() -> None:
    model = model_of(Blurred(0.5))
    found = judge_unaided(model, IMAGES)
    assert model.spread == pytest.approx(2.0, rel=0.15)
    assert "estimated without a clean image" in found.intervals
    assert " ± " in found.quality


@pytest.mark.usefixtures("no_opinion")
def test_what_cannot_be_told_stays_as_it_is_and_is_said() -> None:
    notes: list[str] = []
    model = model_of(Conjugate())
    found = judge_unaided(model, IMAGES, lambda event: notes.append(event.text) if isinstance(event, Note) else None)
    assert model.spread == 1.0
    assert "cannot be told" in found.intervals
    assert not found.quality
    assert any("pass through" in note for note in notes)


class Uneven(Conjugate):
    """Sure of itself where it is wrong, in a strip, and unsure elsewhere."""

    def decode(self, encoding: tuple[torch.Tensor, ...], noise: Sequence[torch.Tensor]) -> torch.Tensor:
        mean, drawn = encoding[0].clone(), noise[0].clone()
        mean[..., :50] += 30.0
        drawn[..., :50] *= 0.01
        return mean + 40.0 * drawn


@pytest.mark.usefixtures("opinion")
def test_no_factor_is_taken_where_none_serves_all_pixels() -> None:
    model = model_of(Uneven(t=60.0))
    notes: list[str] = []
    found = judge_unaided(model, IMAGES, lambda event: notes.append(event.text) if isinstance(event, Note) else None)
    assert model.spread == 1.0
    assert "cannot be told" in found.intervals
    assert any("one factor" in note for note in notes)


@pytest.mark.parametrize("model", [model_of(OneBlur()), model_of(Blurred())])
def test_nothing_is_said_of_point_methods_and_small_images(model: Denoiser) -> None:
    side = 256 if model.method.name == "one-blur" else 64
    assert judge_unaided(model, [Image(NOISY[:, :side, :side], "TYX")]) is NOTHING_FOUND


def test_what_comes_trained_is_left_as_it_is(second: Denoiser) -> None:
    assert judge_unaided(second, IMAGES) is NOTHING_FOUND
    assert second.spread == 1.0


def test_there_is_no_second_opinion_of_noise_that_is_correlated_both_ways() -> None:
    rng = np.random.default_rng(1)
    smeared = CLEAN + 30.0 * gaussian_filter(rng.normal(size=CLEAN.shape), (0, 1.2, 1.2))
    assert second_opinion(configuration("hdn"), [Image(smeared.astype(np.float32), "QYX")]) is None
    found = second_opinion(configuration("hdn"), IMAGES)
    assert found is not None
    assert found.method.name == "instant"


@pytest.mark.usefixtures("opinion")
def test_a_model_that_sees_neighbours_is_judged_by_frames_that_follow_each_other() -> None:
    rng = np.random.default_rng(2)
    scene = np.repeat(CLEAN[:1], 5, axis=0)
    noisy = rng.normal(scene, 10).astype(np.float32)
    denoiser = Denoiser(
        method="hdn", noise="sigma=10", neighbours=1, steps=1, network=network("hdn"), training=TRAINING
    )
    denoiser.fit(noisy, axes="TYX", notify=lambda line: None, progress=False)
    found = judge_unaided(denoiser, [Image(noisy, "TYX")])
    assert "estimated by `instant`" in found.intervals


def test_a_run_has_it_in_model_and_table(
    tmp_path: Path, plan_of: Callable[..., DenoisePlan], monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(denoiser: Denoiser, *_: object) -> unaided.Unaided:
        denoiser.card = replace(denoiser.card, spread_factor=1.5)
        return unaided.Unaided(intervals="multiplied by 1.50", quality="about 30.0 dB")

    monkeypatch.setattr("quietscope.pipeline.run.judge_unaided", told)
    plain = run(plan_of(tmp_path / "plain", calibrate=False))
    honest = run(plan_of(tmp_path / "honest"))
    assert Denoiser.load(tmp_path / "plain" / "model.safetensors").spread == 1.0
    assert Denoiser.load(tmp_path / "honest" / "model.safetensors").spread == 1.5
    values = honest.summary.values()
    assert (values["intervals"], values["estimated_psnr"]) == ("multiplied by 1.50", "about 30.0 dB")
    assert plain.summary.values()["intervals"] is None
    console = Console(width=120, record=True)
    console.print(summary_table(honest.summary))
    assert "multiplied by 1.50" in console.export_text()
