"""A reference of another brightness is told from a wrong result."""

import numpy as np
import pytest

from quietscope.metrics import psnr, psnr_affine
from quietscope.metrics.units_of_reference import UnitsOfReference

RNG = np.random.default_rng(0)
CLEAN = 100.0 + 50.0 * np.sin(np.arange(64) / 5.0)[:, None] * np.cos(np.arange(48) / 7.0)
NOISE = RNG.normal(0.0, 5.0, CLEAN.shape)
RESULT = CLEAN + NOISE - NOISE.mean()


def words(*planes: np.ndarray) -> str:
    found = UnitsOfReference()
    for plane in planes:
        found.add(plane, CLEAN)
    return found.words()


@pytest.mark.parametrize(
    ("scale", "offset", "told"), [(1.0, 300.0, "300 above"), (1.0, -30.0, "30 below"), (2.0, 0.0, "best scale 0.48")]
)
def test_another_offset_or_scale_is_told_with_the_psnr_after_it(scale: float, offset: float, told: str) -> None:
    line = words(scale * RESULT + offset)
    assert told in line
    assert f"its PSNR is {psnr_affine(RESULT, CLEAN):.2f} dB, not {psnr(scale * RESULT + offset, CLEAN):.2f};" in line
    assert "\n" not in line


@pytest.mark.parametrize(
    "result",
    [
        RESULT,
        RESULT + 4.0,
        CLEAN,
        RNG.normal(100.0, 200.0, CLEAN.shape),
        RNG.normal(400.0, 50.0, CLEAN.shape),
        np.full(CLEAN.shape, 400.0),
    ],
    ids=["good", "hardly off", "equal", "noise", "another scene", "flat"],
)
def test_errors_of_pixels_are_not_called_so(result: np.ndarray) -> None:
    assert words(result) == ""


def test_it_is_the_mean_of_planes_and_leaves_out_what_was_not_measured() -> None:
    gap = RESULT + 300.0
    gap[:5] = np.nan
    assert "300 above" in words(RESULT + 300.0)
    assert "300 above" in words(RESULT + 300.0, gap)
    found = UnitsOfReference()
    found.add(RESULT, np.full(CLEAN.shape, 7.0))
    assert found.words() == "", "a reference without contrast has no PSNR"
