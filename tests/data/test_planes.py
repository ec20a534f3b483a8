"""Images are judged against references where they were measured, and nowhere else."""

import numpy as np
import numpy.typing as npt
import pytest

from quietscope.data.measured import as_measured
from quietscope.data.planes import honesty, measured_pixels, pairs, score
from quietscope.errors import PixelError
from quietscope.io import Image

PAD = 24


def scene() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    y, x = np.mgrid[:64, :64]
    clean = np.stack([200 + 60 * np.sin(x / 5 + n) * np.cos(y / 7) for n in range(2)]).astype(np.float32)
    return clean, (clean + np.random.default_rng(0).normal(0, 10, clean.shape)).astype(np.float32)


def wide(pixels: npt.NDArray[np.float32], value: float) -> npt.NDArray[np.float32]:
    return np.pad(pixels, ((0, 0), (0, 0), (PAD, 0)), constant_values=value)


def test_noisy_and_denoised_are_scored_on_the_same_pixels() -> None:
    clean, noisy = scene()
    halfway = ((clean + noisy) / 2).astype(np.float32)
    measured, truth = as_measured(Image(wide(noisy, -9999), "TYX")), Image(wide(clean, 500), "TYX")
    result = Image(wide(halfway, -9999), "TYX")
    inner = [score(Image(each, "TYX"), Image(clean, "TYX")) for each in (noisy, halfway)]
    found = [score(measured, truth), score(result, truth, measured)]
    for one, other in zip(inner, found, strict=True):
        assert other.means == pytest.approx(one.means)
    std = Image(wide(np.full_like(clean, 5), 0), "TYX")
    assert honesty(result, std, truth, measured) == honesty(
        Image(np.asarray(result.data)[:, :, PAD:], "TYX"),
        Image(np.asarray(std.data)[:, :, PAD:], "TYX"),
        Image(clean, "TYX"),
    )


def test_blank_planes_are_no_pairs_and_healthy_ones_are_untouched() -> None:
    clean, noisy = scene()
    one, two = pairs(Image(noisy, "TYX"), Image(clean, "TYX"))
    assert np.shares_memory(one.image, noisy)
    assert np.array_equal(measured_pixels([one, two])[1], noisy)
    noisy[1] = 0
    [pair] = pairs(as_measured(Image(noisy, "TYX")), Image(clean, "TYX"))
    assert pair.frame == 0
    with pytest.raises(PixelError):
        measured_pixels([])


def test_nan_that_nobody_spoke_of_is_refused() -> None:
    clean, noisy = scene()
    clean[1, 3, 3] = np.nan
    with pytest.raises(PixelError, match="NaN"):
        score(Image(noisy, "TYX"), Image(clean, "TYX"))
