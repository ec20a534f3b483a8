"""Intervals that are made honest without a clean image: the factor is in model and table, or it is said why not."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from scipy.ndimage import gaussian_filter

from quietscope import DenoisePlan, Denoiser, run
from quietscope.io import Image
from quietscope.pipeline import unaided
from quietscope.pipeline.events import Note
from quietscope.pipeline.unaided import NOTHING_FOUND, judge_unaided
from quietscope.report import summary_table
from tests.model.test_error_estimate import NOISY, Blurred, OneBlur, model_of
from tests.prediction.methods import Conjugate


def test_the_factor_is_in_the_model_and_said() -> None:
    model, twice = model_of(Blurred(0.5)), model_of(Blurred(0.5))
    images = [Image(NOISY, "TYX")]
    found = judge_unaided(model, images)
    assert model.spread == pytest.approx(2.0, rel=0.15)
    assert f"multiplied by {model.spread:.2f}" in found.intervals
    assert " ± " in found.quality
    assert "dB" in found.quality
    judge_unaided(twice, images)
    assert judge_unaided(twice, images) == found, "a resumed run comes to the same"
    assert twice.spread == model.spread


def test_every_channel_is_told_of_and_one_factor_serves_all() -> None:
    rng = np.random.default_rng(0)
    scene = 200.0 + 200.0 * gaussian_filter(rng.normal(size=(2, 256, 256)), (0, 2, 2))
    noisy = (scene + np.array([20.0, 30.0])[:, None, None] * rng.normal(size=scene.shape)).astype(np.float32)
    denoiser = Denoiser(method="instant", noise="sigma=20,sigma=30", steps=1, network={"direction": "none"})
    denoiser.fit(noisy, axes="CYX", notify=lambda line: None, progress=False)
    found = judge_unaided(denoiser, [Image(noisy, "CYX")])
    assert found.quality.count("±") == 2, found
    assert "in channel 1, " in found.quality
    assert f"multiplied by {denoiser.spread:.2f}" in found.intervals


def test_what_cannot_be_told_stays_as_it_is_and_is_said() -> None:
    notes: list[str] = []
    model = model_of(Conjugate())
    found = judge_unaided(
        model, [Image(NOISY, "TYX")], lambda event: notes.append(event.text) if isinstance(event, Note) else None
    )
    assert model.spread == 1.0
    assert "cannot be told" in found.intervals
    assert not found.quality
    assert any("pass through" in note for note in notes)


@pytest.mark.parametrize("model", [model_of(OneBlur()), model_of(Blurred())])
def test_nothing_is_said_of_point_methods_and_small_images(model: Denoiser) -> None:
    side = 256 if model.method.name == "one-blur" else 64
    assert judge_unaided(model, [Image(NOISY[:, :side, :side], "TYX")]) is NOTHING_FOUND


def test_a_run_has_it_in_model_and_table(
    tmp_path: Path, plan_of: Callable[..., DenoisePlan], monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(denoiser: Denoiser, *_: object) -> unaided.Unaided:
        denoiser.card = replace(denoiser.card, spread_factor=1.5)
        return unaided.Unaided(intervals="multiplied by 1.50", quality="about 30.0 dB")

    monkeypatch.setattr("quietscope.pipeline.run.judge_unaided", told)
    plain = run(plan_of(tmp_path / "plain"))
    honest = run(plan_of(tmp_path / "honest", calibrate=True))
    assert Denoiser.load(tmp_path / "plain" / "model.safetensors").spread == 1.0
    assert Denoiser.load(tmp_path / "honest" / "model.safetensors").spread == 1.5
    values = honest.summary.values()
    assert (values["intervals"], values["estimated_psnr"]) == ("multiplied by 1.50", "about 30.0 dB")
    assert plain.summary.values()["intervals"] is None
    console = Console(width=120, record=True)
    console.print(summary_table(honest.summary))
    assert "multiplied by 1.50" in console.export_text()
