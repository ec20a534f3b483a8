"""What a result is worth, known without a reference: right for results whose faults are known."""

import json
import math

import numpy as np
import numpy.typing as npt
import pytest
from scipy.ndimage import gaussian_filter

from quietscope.metrics.residual import ResidualFigures, ResidualSums
from quietscope.metrics.verdict import Effort, Verdict, judge, worst_of

Plane = npt.NDArray[np.float64]
SIDE = 256


@pytest.fixture(scope="module")
def clean() -> Plane:
    """Blurred spots on a background, about as bright as 100."""
    rng = np.random.default_rng(0)
    found: Plane = 100.0 + 40000.0 * gaussian_filter((rng.random((SIDE, SIDE)) < 0.003).astype(float), 8.0)
    return found


def noise(kind: str) -> Plane:
    rng = np.random.default_rng(1)
    white = rng.normal(0.0, 20.0, (SIDE, SIDE))
    along = {"white": (0.0, 0.0), "rows": (0.0, 1.2), "both": (0.8, 0.8)}[kind]
    correlated: Plane = gaussian_filter(white, along)
    return 20.0 * correlated / correlated.std()


def figures(noisy: Plane, denoised: Plane) -> ResidualFigures:
    sums = ResidualSums()
    sums.add(noisy, denoised)
    return sums.figures()


@pytest.mark.parametrize("kind", ["white", "rows", "both"])
def test_a_perfect_result_is_usable_whatever_the_noise(clean: Plane, kind: str) -> None:
    found = figures(clean + noise(kind), clean)
    assert abs(found.lost) < 0.01
    assert abs(found.texture) < 0.05
    assert judge([found]) == Verdict(figures=(found,))


@pytest.mark.parametrize(
    ("share", "lost", "level"),
    [
        (1.0, 0.0, "usable"),
        (0.9, 0.01, "usable"),
        (0.5, 0.25, "too short"),
        (0.0, 1.0, "failed"),
        (-0.5, 2.25, "failed"),
    ],
)
def test_what_is_missing_is_measured(clean: Plane, share: float, lost: float, level: str) -> None:
    """Contrast that is reduced to a share loses (1 - share)^2 of the power; below zero it is inverted."""
    middle = clean.mean()
    found = figures(clean + noise("rows"), middle + share * (clean - middle))
    assert found.lost == pytest.approx(lost, abs=0.03)
    assert found.slope == pytest.approx(share, abs=0.03)
    verdict = judge([found])
    assert verdict.level == level
    assert ("inverted" in verdict.words) == (share < 0)


def test_a_flat_result_of_a_small_image_has_failed() -> None:
    y, x = np.mgrid[:96, :96]
    wave = 100.0 + 30.0 * np.sin(x / 15.0) * np.cos(y / 15.0)
    for kind in ("white", "rows", "both"):
        noisy, squares = wave + noise(kind)[:96, :96], 144
        flat = judge([figures(noisy, np.full_like(wave, wave.mean()))], squares=squares)
        assert flat.level == "failed", kind
        assert "flat" in flat.words or "missing" in flat.words
        assert judge([figures(noisy, wave)], squares=squares).level == "usable"


def test_texture_of_its_own(clean: Plane) -> None:
    rng = np.random.default_rng(2)
    made_up = np.repeat(np.repeat(rng.normal(0.0, 60.0, (SIDE // 2, SIDE // 2)), 2, 0), 2, 1)
    verdict = judge([figures(clean + noise("white"), clean + made_up)])
    assert (verdict.level, "texture" in verdict.words) == ("failed", True)


def test_the_noisy_image_itself_removes_nothing(clean: Plane) -> None:
    noisy = clean + noise("white")
    found = figures(noisy, noisy)
    assert (found.removed, found.lost) == (0.0, 0.0)


def test_blocks_add_up_to_the_whole(clean: Plane) -> None:
    noisy, denoised = clean + noise("white"), 0.8 * clean
    sums = ResidualSums()
    for top in range(0, SIDE, 64):
        sums.add(noisy[top : top + 64], denoised[top : top + 64])
    whole, parts = figures(noisy, denoised), sums.figures()
    for name in ("lost", "texture", "noise", "bias"):
        assert getattr(parts, name) == pytest.approx(getattr(whole, name), rel=0.1)


def test_pixels_that_are_missing_are_left_out(clean: Plane) -> None:
    noisy = clean + noise("white")
    noisy[:16, :16] = np.nan
    found = figures(noisy, clean)
    assert abs(found.lost) < 0.01
    assert found.noise == pytest.approx(20.0, rel=0.02)


def test_noise_alone_and_tiny_images_have_nothing_to_judge_by() -> None:
    flat = np.full((SIDE, SIDE), 100.0)
    assert math.isnan(figures(flat + noise("white"), flat).lost)
    assert judge([figures(np.ones((3, 4)), np.zeros((3, 4)))]).level == "usable"


def test_too_few_steps_are_named_with_what_to_type() -> None:
    verdict = judge((), Effort(steps=41, needed=300, seconds=82.0))
    assert verdict.words == 'too short: give budget="15m" (only 41 steps of about 300 that these settings need)'
    for steps in (91, 299):
        some = judge((), Effort(steps=steps, needed=300, seconds=82.0))
        assert some.level == "usable"
        assert some.words == (
            f"not judged, for want of a denoised mean; {steps} steps of the about 300 that these settings need"
        )
    enough = judge((), Effort(steps=300, needed=300, seconds=82.0))
    assert enough.words == "not judged, for want of a denoised mean, but trained long enough"
    assert judge(()).words == "not judged, for want of a denoised mean"


def test_a_loss_that_still_falls_makes_a_run_too_short(clean: Plane) -> None:
    found = figures(clean + noise("white"), clean)
    falling = Effort(steps=2000, needed=300, seconds=240.0, falling=0.15)
    verdict = judge([found], falling)
    assert verdict.words == (
        'too short: give budget="8m" (the validation loss was still falling, by 15% of all its fall in the last fifth '
        "of the training)"
    )
    assert Verdict.of_values(json.loads(json.dumps(verdict.values()))) == verdict
    assert judge([found], Effort(steps=2000, needed=300, seconds=240.0, falling=0.08)).level == "usable"


@pytest.mark.parametrize("effort", [Effort(steps=41, needed=300, seconds=82.0), None])
def test_who_did_not_train_the_model_is_sent_to_train_again(clean: Plane, effort: Effort | None) -> None:
    """`predict` has no budget: what is advised can be typed."""
    verdict = judge([figures(clean + noise("white"), np.zeros_like(clean))], effort, is_own=False)
    assert "train again with `budget=" in verdict.advice or "`quietscope train IMAGES -o FOLDER`" in verdict.advice
    assert not verdict.advice.startswith("give")


@pytest.mark.parametrize("kind", ["white", "rows"])
def test_a_small_image_does_not_fail_because_some_structure_is_missing(clean: Plane, kind: str) -> None:
    noisy, middle = clean + noise(kind), clean.mean()
    blurred = figures(noisy, middle + 0.2 * (clean - middle))
    assert judge([blurred], squares=144).level == "too short"
    assert judge([blurred], squares=256).level == "failed"
    small = figures(noisy[:96, :96], clean[:96, :96])
    assert judge([small], squares=144).level == "usable"


@pytest.mark.parametrize("side", [32, 48, 96])
@pytest.mark.parametrize("fault", ["inverted", "shifted", "texture"])
def test_nonsense_fails_however_small_the_image(fault: str, side: int) -> None:
    rng = np.random.default_rng(3)
    rows = np.linspace(0.0, 2.0 * np.pi, side)
    small = 150.0 + 40.0 * np.sin(rows)[:, None] * np.cos(rows)[None]
    noisy = small + rng.normal(0.0, 20.0, small.shape)
    made_up = np.repeat(np.repeat(rng.normal(0.0, 60.0, (side // 2, side // 2)), 2, 0), 2, 1)
    results = {
        "inverted": 300.0 - small,
        "shifted": small + 200.0,
        "texture": small + made_up,
    }
    squares = (side // 8) ** 2
    assert judge([figures(noisy, small)], squares=squares).level == "usable"
    verdict = judge([figures(noisy, results[fault])], squares=squares)
    assert verdict.has_failed, verdict


@pytest.mark.parametrize("side", [16, 32, 64, 256])
@pytest.mark.parametrize("width", [0.0, 0.8, 1.5])
def test_of_an_image_that_shows_nothing_a_flat_result_is_right_and_a_shifted_one_is_not(
    side: int, width: float
) -> None:
    for seed in range(5):
        white = np.random.default_rng(seed).normal(0.0, 20.0, (side, side))
        correlated = gaussian_filter(white, width, mode="wrap")
        noisy = 100.0 + 20.0 * correlated / correlated.std()
        flat = np.full_like(noisy, noisy.mean())
        assert judge([figures(noisy, flat)], squares=(side // 8) ** 2).level == "usable"
        assert judge([figures(noisy, flat + 300.0)], squares=(side // 8) ** 2).has_failed


def test_a_verdict_goes_through_json_and_the_worst_counts(clean: Plane) -> None:
    bad = judge([figures(clean + noise("white"), np.zeros_like(clean))], Effort(steps=2, needed=300, seconds=1.0))
    assert bad.has_failed
    assert Verdict.of_values(json.loads(json.dumps(bad.values(), allow_nan=False))) == bad
    assert worst_of([judge(()), bad, judge(())]) is bad
