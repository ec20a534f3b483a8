"""Pixels that were never measured: no model is judged, calibrated or fine-tuned on them."""

import copy

import numpy as np
import pytest
import torch

from quietscope.compression.bench import Bench
from quietscope.compression.calibration import calibration_inputs
from quietscope.compression.fine_tune import Apprentice, Master
from quietscope.compression.gate import Trial, judge, rehearsal
from quietscope.errors import PixelError
from quietscope.export.graph import Graph
from quietscope.io import as_images
from quietscope.methods.direct import DirectDenoiser
from tests.compression.little import judge_little
from tests.compression.networks import build, build_method
from tests.compression.test_gate import smoother, trial


def padded(planes: np.ndarray) -> np.ndarray:
    """Add columns of a sentinel at the left, and a blank frame."""
    wide = np.pad(planes.astype(np.float32), ((0, 0), (0, 0), (30, 0)), constant_values=-9999)
    wide[3] = -9999
    return wide


def test_a_bench_shows_no_sentinel(planes: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    judge_little(monkeypatch)
    told: list[str] = []
    full = build("noise2void")
    bench = Bench.of(full, as_images(padded(planes), "QYX"), None, 0, told.append)
    assert "-9999" in told[0]
    assert bench.trial.known is not None
    assert all(0 <= image.min() < 500 for image in bench.trial.noisy)
    assert all(each.mean() > 0.3 for each in bench.trial.known)
    inputs = calibration_inputs(Graph.of(full.method), bench.seen, bench.training, 0)
    assert all(each["x"].min() >= 0 for each in inputs)
    truth = planes.astype(np.float32).copy()
    truth[:] = np.nan
    with pytest.raises(PixelError):
        Bench.of(full, as_images(planes, "QYX"), as_images(truth, "QYX"), 0, None)


def test_missing_pixels_are_not_judged() -> None:
    images = trial()
    known = [np.ones(each.shape, bool) for each in images.noisy]
    wrong = [each.copy() for each in images.truth]
    for mask, truth in zip(known, wrong, strict=True):
        mask[:, :, :20], truth[:, :, :20] = False, 1e6
    run = smoother(5)
    cut = Trial(
        noisy=tuple(each[:, :, 20:] for each in images.noisy),
        truth=tuple(each[:, :, 20:] for each in images.truth),
        kind="clean",
    )
    found = judge(run, Trial(noisy=images.noisy, truth=tuple(wrong), kind="clean", known=tuple(known)), (), 0)
    assert found.psnr == pytest.approx(judge(run, cut, (), 0).psnr, abs=0.5)  # the filter looks over the border
    rehearsed = rehearsal(run, images.noisy, (), 0, tuple(known))
    same = [np.array_equal(x[:, :, :20], s[:, :, :20]) for x, s in zip(rehearsed.noisy, rehearsed.truth, strict=True)]
    assert all(same)


def test_an_apprentice_comes_trained_from_missing_pixels() -> None:
    full = build_method("direct", DirectDenoiser)
    other = copy.deepcopy(full)
    apprentice = Apprentice(other, Master(full), 0.0, 1.0)
    for weight in other.parameters():
        weight.data += 0.01
    x = torch.rand(2, 1, 32, 32) * 60 + 120
    half = x.clone()
    half[:, :, :, :16] = torch.nan
    assert 0 < float(apprentice.loss(half).total.detach()) < float("inf")
    assert float(apprentice.loss(torch.full_like(x, torch.nan)).total.detach()) == 0
