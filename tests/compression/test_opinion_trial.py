"""What a model loses is told by another model's mean and deviation, where there is no clean reference."""

from pathlib import Path

import numpy as np
import pytest

from quietscope import Denoiser
from quietscope.compression import Compression, compress
from quietscope.compression.gate import Trial, judge
from quietscope.compression.opinion_trial import opinion_trial
from tests.compression.little import judge_little
from tests.compression.networks import build
from tests.compression.test_gate import SIDE, smoother


@pytest.fixture(scope="module")
def second() -> Denoiser:
    rng = np.random.default_rng(0)
    noisy = rng.normal(150, 10, (4, 48, 48)).astype(np.float32)
    denoiser = Denoiser(method="instant", noise="sigma=10", steps=1, network={"direction": "none"}, device="cpu")
    return denoiser.fit(noisy, axes="QYX", notify=lambda line: None, progress=False)


def test_the_loss_is_the_true_one_where_the_signal_lies_as_the_opinion_says() -> None:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:SIDE, :SIDE]
    told = np.stack([400 + 200 * np.sin(x / 25 + n) * np.cos(y / 30) for n in range(4)])[:, None].astype(np.float32)
    width = (2.0 + 4.0 * (told > 400)).astype(np.float32)
    truth = rng.normal(told, width).astype(np.float32)  # of which no result knows more than the opinion does
    by_opinion = Trial(noisy=tuple(told), truth=tuple(told), width=tuple(width), kind="opinion")
    clean = Trial(noisy=tuple(told), truth=tuple(truth), kind="clean")
    for error in (1.0, 6.0):
        found, true = (
            judge(smoother(5, error), each, (), 0).loss(judge(smoother(5), each, (), 0)) for each in (by_opinion, clean)
        )
        assert found == pytest.approx(true, rel=0.03, abs=0.02)
        assert found == pytest.approx(10 * np.log10(1 + error**2 / np.mean(width**2)), rel=0.05)


def test_a_box_is_judged_where_it_was_measured(second: Denoiser) -> None:
    rng = np.random.default_rng(1)
    noisy = rng.normal(150, 10, (2, 1, 48, 48)).astype(np.float32)
    known = np.ones(noisy.shape, bool)
    known[:, :, :, :20] = False
    broken = noisy.copy()
    broken[~known] = 1e5
    found = opinion_trial(second, list(broken), tuple(known))
    assert found.kind == "opinion"
    assert found.width is not None
    assert all(each.shape == (1, 48, 48) for each in (*found.truth, *found.width))
    told = np.stack(found.truth)[:, :, :, 20:]
    assert abs(told - 150).max() < 60
    whole = Trial(
        noisy=tuple(noisy[..., 20:]),
        truth=tuple(told),
        width=tuple(np.stack(found.width)[..., 20:]),
        kind="opinion",
    )
    assert judge(smoother(1), found, (), 0).psnr == pytest.approx(judge(smoother(1), whole, (), 0).psnr, abs=1e-3)


def test_volumes_are_judged_plane_by_plane(second: Denoiser) -> None:
    noisy = np.random.default_rng(2).normal(150, 10, (1, 3, 32, 32)).astype(np.float32)
    (told,) = opinion_trial(second, [noisy]).truth
    (plane,) = opinion_trial(second, [noisy[:, 1]]).truth
    np.testing.assert_allclose(told[:, 1], plane, rtol=1e-4)


def test_it_judges_where_there_is_no_clean_reference_and_rehearses_where_there_is_no_opinion(
    planes: np.ndarray, tmp_path: Path, second: Denoiser, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge_little(monkeypatch)
    asked: list[str] = []

    def given() -> Denoiser | None:
        asked.append("")
        return second

    chosen, full = Compression(share=0.5, backend="torch", max_loss_db=90.0, steps=1), build("noise2void")
    told = compress(full, planes, tmp_path / "a", chosen, second=given, axes="QYX", progress=False)
    assert (told.trial, len(asked)) == ("opinion", 1)
    assert "instant" in str(told.table().caption)
    seen = compress(full, planes, tmp_path / "b", chosen, second=given, clean=planes, axes="QYX", progress=False)
    assert (seen.trial, len(asked)) == ("clean", 1)
    none = compress(full, planes, tmp_path / "c", chosen, second=lambda: None, axes="QYX", progress=False)
    assert none.trial == "rehearsal"
