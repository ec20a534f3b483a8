"""A run that ends where nothing more is gained is told by whom, and judged by what comes trained where that suits."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from quietscope import DenoisePlan, Denoiser, run
from quietscope.io import Image
from quietscope.pipeline.events import Event, Note
from quietscope.pipeline.opinion import has_opinion, judge_of
from quietscope.pipeline.plan_words import describe
from quietscope.training import settling
from quietscope.training.settling import Judge
from tests.model.test_error_estimate import NOISY
from tests.tiny import configuration

IMAGES = [Image(NOISY, "TYX")]


@pytest.mark.parametrize(("method", "pixels"), [("noise2void", 1 << 18), ("hdn", 1 << 16)])
def test_the_judge_looks_at_as_many_pixels_as_a_step_takes(
    method: str, pixels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Image] = []

    def kept(second: Denoiser, part: Image, precision: str) -> Callable[[object], float]:
        seen.append(part)
        return lambda _: 30.0

    monkeypatch.setattr("quietscope.model.running_psnr.RunningPsnr", kept)
    found = judge_of(configuration(method), IMAGES, "cpu")
    assert found is not None
    assert found.name == "`instant`"
    assert 0.8 * pixels < np.prod(seen[0].shape) <= pixels
    monkeypatch.setattr("quietscope.pipeline.opinion.second_opinion", lambda *_: None)
    assert judge_of(configuration(method), IMAGES, "cpu") is None


@pytest.mark.parametrize(
    ("judge", "told"),
    [
        (Judge(psnr=lambda _: 30.0, name="`instant`"), "nothing more is gained: `instant` tells"),
        (None, "the validation loss tells"),
    ],
    ids=["by a second opinion", "by the validation loss"],
)
def test_a_run_says_what_ends_it_and_why_it_ended(
    judge: Judge | None,
    told: str,
    tmp_path: Path,
    plan_of: Callable[..., DenoisePlan],
    settings: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("quietscope.pipeline.opinion.judge_of", lambda *_: judge)
    monkeypatch.setattr("quietscope.training.validation.Validation.loss_of_now", lambda _: 3.0)
    monkeypatch.setattr(settling, "LEAST_INTERVAL", 2)
    rule = {**settings["training"], "stop_when_settled": True, "learning_rate": 3e-2}
    lines: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, Note):
            lines.append(event.text)

    outcome = run(plan_of(tmp_path, settings={**settings, "steps": 500, "training": rule}, calibrate=False), listen)
    assert outcome.trained is not None
    assert outcome.trained.steps < 60
    assert not outcome.trained.interrupted
    told_at, ended_at = ([n for n, line in enumerate(lines) if words in line] for words in (told, "has settled"))
    assert len(told_at) == len(ended_at) == 1
    assert all(a < b for a, b in itertools.product(told_at, ended_at))


def test_a_dry_run_tells_that_regions_are_held_out_where_the_validation_loss_has_to_tell(
    plan_of: Callable[..., DenoisePlan], settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = {**settings["training"], "stop_when_settled": True, "learning_rate": 3e-2}
    plan = plan_of(tmp_path, settings={**settings, "training": rule}, calibrate=False)
    found = []
    for has_one in (True, False):
        monkeypatch.setattr("quietscope.pipeline.opinion.has_opinion", lambda *_, known=has_one: known)
        found.append(describe(plan).learning)
    assert [each.num_regions > 0 or each.is_judged_by_heart for each in found] == [False, True]


def test_noise_that_is_correlated_both_ways_has_no_second_opinion_to_hope_for() -> None:
    smeared = gaussian_filter(NOISY.astype(float), (0, 1.2, 1.2))
    assert not has_opinion(configuration("hdn"), [Image(smeared.astype(np.float32), "TYX")], "cpu")
    assert has_opinion(configuration("hdn"), IMAGES, "cpu")
