"""Noise from many frames of one static scene: what it measures, and which scenes it complains of."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from quietscope.errors import NoiseError, PixelError
from quietscope.noise import Gaussian, PoissonGaussian
from quietscope.noise.signal_range import observed_range, range_note
from quietscope.noise.static_scene import MIN_FRAMES, FramePairs, pairs_from_frames

GAIN, OFFSET, READ = 4.0, 100.0, 6.0
Y, X = np.mgrid[:96, :128]
SCENE = 300 + 180 * np.sin(X / 9) * np.cos(Y / 7)


def record(num_frames: int, scene: np.ndarray = SCENE, seed: int = 0) -> np.ndarray:
    """Frames of a camera; ``scene`` may have a leading axis of its own."""
    rng = np.random.default_rng(seed)
    signal = np.broadcast_to(scene, (num_frames, *scene.shape[-2:]))
    return GAIN * rng.poisson((signal - OFFSET) / GAIN) + OFFSET + rng.normal(0, READ, signal.shape)


def pairs_of(frames: np.ndarray) -> FramePairs:
    return pairs_from_frames(list(frames))


class Counted(Sequence[np.ndarray]):
    """Frames that count how often they are read, and how many are held at once."""

    def __init__(self, frames: np.ndarray) -> None:
        self.frames, self.reads = frames, 0

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: Any) -> Any:
        assert isinstance(index, int)
        self.reads += 1
        return self.frames[index]


@pytest.mark.parametrize("num_frames", [10, 40])
def test_the_variance_of_the_pairs_is_that_of_the_noise(num_frames: int) -> None:
    flat = np.full((256, 256), 260.0)
    pairs = pairs_of(record(num_frames, flat))
    variance = float(np.mean((pairs.observation.astype(float) - pairs.signal) ** 2))
    truth = GAIN * (260 - OFFSET) + READ**2
    # Residuals from a mean that holds the frame itself: (n - 1) 65536 degrees of freedom.
    assert variance == pytest.approx(truth, rel=4 * math.sqrt(2 / (65536 * (num_frames - 1))))
    assert abs(variance / truth - 1) < 0.3 / num_frames  # the plain residual would be 1 / n too small


def test_the_pairs_follow_the_cameras_line() -> None:
    pairs = pairs_of(record(60))
    model = PoissonGaussian.fit(pairs.signal, pairs.observation, offset=OFFSET)
    assert model.gain == pytest.approx(GAIN, rel=0.02)
    assert model.read_noise == pytest.approx(READ, rel=0.15)


def test_a_still_scene_gives_no_notes_and_a_correlation_of_zero() -> None:
    for num_frames in (10, 100):
        steadiness = pairs_of(record(num_frames)).steadiness
        assert steadiness.notes() == []
        assert abs(steadiness.excess) < 4 * steadiness.excess_error
        # Independent pixels: the correlation of n - 1 neighbours of N pixels each.
        assert steadiness.excess_error == pytest.approx(1 / math.sqrt(SCENE.size * (num_frames - 1)), rel=0.3)


def test_a_moving_scene_is_noticed_by_the_share_of_variance_it_makes() -> None:
    drift = np.stack([300 + 180 * np.sin((X + shift) / 9) * np.cos(Y / 7) for shift in np.linspace(0, 2, 50)])
    steadiness = pairs_of(record(50, drift)).steadiness
    made = float(np.mean(np.var(drift, axis=0)))
    noise = float(np.mean(GAIN * (drift - OFFSET) + READ**2))
    assert steadiness.excess == pytest.approx(made / (made + noise), rel=0.1)
    [note] = steadiness.notes()
    assert "not static" in note
    assert f"{steadiness.excess:.3f}" in note or f"{steadiness.bright_excess:.3f}" in note


def test_motion_in_the_brightest_tenth_alone_is_noticed() -> None:
    spot = np.stack([150 + 900 * np.exp(-((X - 60 - s) ** 2 + (Y - 50) ** 2) / 60) for s in np.linspace(0, 1.5, 30)])
    steadiness = pairs_of(record(30, spot)).steadiness
    assert steadiness.excess < steadiness.bright_excess
    assert "brightest tenth" in " ".join(steadiness.notes())


def test_bleaching_is_noticed_and_told_from_motion() -> None:
    fade = np.stack([OFFSET + (SCENE - OFFSET) * level for level in np.linspace(1, 0.9, 40)])
    steadiness = pairs_of(record(40, fade)).steadiness
    lost = 0.1 * np.mean(SCENE - OFFSET) / math.sqrt(np.mean(SCENE**2))
    assert steadiness.fading == pytest.approx(lost, rel=0.15)
    assert steadiness.notes()[0].startswith("The frames fade")


def test_a_flickering_lamp_is_noticed() -> None:
    light = 1 + 0.05 * np.random.default_rng(3).normal(size=40)
    steadiness = pairs_of(record(40, np.stack([OFFSET + (SCENE - OFFSET) * level for level in light]))).steadiness
    assert any("flickers" in note for note in steadiness.notes())


def test_long_recordings_are_read_frame_by_frame_and_thinned_evenly() -> None:
    frames = Counted(record(20))
    pairs = pairs_from_frames(frames, max_pairs=SCENE.size * 5)
    assert frames.reads <= 2 * 20 + 1
    assert pairs.signal.size == SCENE.size * 5
    whole = pairs_of(record(20))
    assert whole.signal.size == SCENE.size * 20
    assert pairs.signal_range == whole.signal_range
    assert pairs.steadiness == whole.steadiness
    assert pairs.signal.mean() == pytest.approx(whole.signal.mean(), rel=0.01)


def test_clipped_pixels_stay_at_the_end_of_the_scale() -> None:
    frames = np.clip(np.round(record(20)), 200, 460)
    pairs = pairs_of(frames)
    assert (pairs.observation.min(), pairs.observation.max()) == (200, 460)
    assert np.count_nonzero(pairs.observation == 460) >= np.count_nonzero(frames == 460)


def test_recordings_that_cannot_be_used() -> None:
    with pytest.raises(NoiseError, match=f"at least {MIN_FRAMES} frames.*got 9"):
        pairs_of(record(9))
    with pytest.raises(NoiseError, match="all the same"):
        pairs_from_frames([SCENE] * 12)
    broken = record(12)
    broken[7, 3, 4] = np.nan
    with pytest.raises(PixelError, match="frame 7"):
        pairs_of(broken)


def test_images_within_the_fitted_range_give_no_note() -> None:
    model = PoissonGaussian(GAIN, OFFSET, READ)
    fitted = (float(SCENE.min()), float(SCENE.max()))
    low, high = observed_range(record(3))
    assert low < fitted[0] - 5  # noisy pixels do lie outside
    assert high > fitted[1] + 10
    assert range_note(model, low, high, fitted=fitted) is None
    flat = observed_range(record(3, np.full((96, 128), 200.0)))
    assert range_note(model, *flat, fitted=(199.0, 201.0)) is None


@pytest.mark.parametrize(
    ("fitted", "word"),
    [((110.0, 420.0), "brighter"), ((200.0, 480.0), "darker"), ((200.0, 420.0), "darker and brighter")],
)
def test_images_beyond_the_fitted_range_give_both_ranges(fitted: tuple[float, float], word: str) -> None:
    wide = np.where(X < 30, 120.0, np.where(X > 90, 480.0, 300.0))
    note = range_note(PoissonGaussian(GAIN, OFFSET, READ), *observed_range(record(3, wide)), fitted=fitted)
    assert note is not None
    assert [each for each in ("darker", "brighter") if f"of {each} ones" in note] == word.split(" and ")
    assert f"{fitted[0]:.4g} to {fitted[1]:.4g}" in note
    dark, bright = (float(number) for number in note.split("signals ")[1].split(" in the")[0].split(" to "))
    # Each within a sigma, and on the inner side: a third of the pixels has these signals, not all.
    assert 120 <= dark <= 120 + math.sqrt(GAIN * 20 + READ**2) * 1.5
    assert 480 - math.sqrt(GAIN * 380 + READ**2) <= bright <= 480


def test_a_model_that_holds_everywhere_gives_no_note() -> None:
    assert range_note(Gaussian(3.0), -1e9, 1e9) is None
