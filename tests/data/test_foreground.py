"""Empty space is told from what images are taken for, and training passes over it."""

import numpy as np
import pytest
import torch

from quietscope.axes import Layout
from quietscope.data.foreground import Foreground
from quietscope.data.frames import Frames
from quietscope.data.patches import ANYWHERE
from quietscope.methods.base import BuiltMethod
from quietscope.methods.divnoising import DivNoising
from quietscope.methods.noise2void import Noise2Void
from quietscope.testing.method_contract import toy_settings
from quietscope.training.budget import Budget
from quietscope.training.fit import fit
from quietscope.training.patch_source import make_patches
from quietscope.training.settings import TrainingSettings
from tests.tiny import untrained

SIDE, CPU = 256, torch.device("cpu")


def scene(spots: int = 2, frames: int = 4, slope: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(0)
    y, x = np.indices((SIDE, SIDE))
    clean = np.full((frames, SIDE, SIDE), 10.0) + slope * x
    for frame in clean:
        for top, left in rng.integers(20, SIDE - 20, (spots, 2)):
            frame += 60.0 * np.exp(-((y - top) ** 2 + (x - left) ** 2) / 12.5)
    return (rng.poisson(clean) + rng.normal(0, 2, clean.shape)).astype(np.float32)


def frames_of(pixels: np.ndarray, axes: str = "TYX") -> Frames:
    return Frames(((pixels, Layout.of(axes, pixels.shape)),))


def test_spots_are_foreground_and_the_rest_is_not() -> None:
    pixels = scene()
    found = Foreground.of(frames_of(pixels), range(4))
    assert 0.001 < found.share < 0.02
    assert "% of all squares" in found.words
    held = [
        found.is_in(pixels[None, 0, y : y + 32, x : x + 32]) for y in range(0, SIDE, 32) for x in range(0, SIDE, 32)
    ]
    assert 1 <= sum(held) <= 8


def test_an_uneven_ground_is_not_passed_over() -> None:
    assert Foreground.of(frames_of(scene(slope=0.5)), range(4)).share > 0.8


def test_pixels_that_were_never_measured_are_no_foreground() -> None:
    pixels = scene(spots=0)
    pixels[:, :100] = np.nan
    found = Foreground.of(frames_of(pixels), range(4))
    assert found.share == 0.0
    assert not found.is_in(pixels[None, 0, :32, :32])


def test_one_channel_with_something_is_enough() -> None:
    pixels = np.stack([scene(spots=0)[0], scene()[0]])
    found = Foreground.of(frames_of(pixels, "CYX"), [0])
    assert found.thresholds.shape == (2,)
    assert found.share > 0.0


@pytest.mark.parametrize("resident", [1 << 30, 0], ids=["in memory", "from files"])
def test_patches_hold_something_but_for_a_quarter(resident: int) -> None:
    frames, settings = frames_of(scene()), TrainingSettings(patch=32, skip_empty=True)
    found = Foreground.of(frames, range(4))
    method = untrained(Noise2Void)
    plain, chosen = (
        make_patches(method, frames, range(4), settings, 0, CPU, resident, foreground=each) for each in (None, found)
    )
    shares = [np.mean([found.is_in(patch.numpy()) for patch in each.batch(0, 200)]) for each in (plain, chosen)]
    assert shares[0] < 0.15
    assert 0.5 < shares[1] < 1.0 - 0.5 * ANYWHERE
    again = make_patches(method, frames, range(4), settings, 0, CPU, 1 << 30, foreground=found)
    assert torch.equal(again.batch(100, 20), chosen.batch(100, 20))


@pytest.mark.parametrize(
    ("kind", "spots", "wanted", "told"),
    [
        (DivNoising, 2, None, True),
        (DivNoising, 400, None, False),
        (DivNoising, 2, False, False),
        (Noise2Void, 2, None, False),
        (Noise2Void, 2, True, True),
    ],
)
def test_methods_that_may_collapse_pass_over_it_by_themselves_where_scenes_are_sparse(
    kind: type[BuiltMethod], spots: int, wanted: bool | None, told: bool
) -> None:
    lines: list[str] = []
    settings = toy_settings(patch=32, skip_empty=wanted)
    fit(untrained(kind), frames_of(scene(spots)), settings, Budget(steps=1), device=CPU, notify=lines.append)
    assert any("are background" in line for line in lines) == told
