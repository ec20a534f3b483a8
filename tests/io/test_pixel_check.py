"""Pixels that cannot be learnt from, and detectors that clipped."""

import numpy as np
import pytest

from quietscope.errors import PixelError
from quietscope.io import check_pixels, saturated_share
from quietscope.io.pixel_check import check_result


def test_good_pixels_pass() -> None:
    check_pixels(np.arange(12).reshape(1, 3, 4))
    check_pixels(np.arange(12, dtype=np.float32).reshape(1, 3, 4))


@pytest.mark.parametrize(("value", "word"), [(np.nan, "NaN"), (np.inf, "infinite"), (-np.inf, "infinite")])
def test_values_that_are_no_numbers(value: float, word: str) -> None:
    frame = np.arange(12, dtype=np.float32).reshape(1, 3, 4)
    frame[0, 1, 2] = frame[0, 2, 3] = value
    with pytest.raises(PixelError, match=rf"2 that are not, the first \({word}\) at \(0, 1, 2\)"):
        check_pixels(frame)


def test_a_frame_without_contrast() -> None:
    with pytest.raises(PixelError, match="7 everywhere"):
        check_pixels(np.full((1, 3, 4), 7, np.uint16), "frame 3")


@pytest.mark.parametrize(
    ("dtype", "top", "count", "share"),
    [
        (np.uint8, 255, 1, 0.0001),  # the data type's own limit counts even once
        (np.uint16, 65535, 100, 0.01),
        (np.uint16, 4095, 100, 0.01),  # a 12-bit camera in 16-bit integers
        (np.uint16, 4095, 5, 0.0),  # too few to be more than chance
        (np.uint16, 4000, 100, 0.0),
        (np.float32, 1023.0, 100, 0.01),
        (np.float32, 3.4e38, 100, 0.0),
        (bool, 1, 100, 0.0),
    ],
)
def test_saturated_share(dtype: type[np.generic] | type[bool], top: float, count: int, share: float) -> None:
    frames = np.zeros((4, 50, 50), dtype)
    frames.flat[:count] = top
    assert saturated_share(iter(frames), dtype) == pytest.approx(share)


def test_saturation_is_counted_across_frames() -> None:
    frames = np.zeros((3, 10, 10), np.uint8)
    frames[0], frames[1, 0], frames[2, 0] = 9, 255, 255
    assert saturated_share(frames, np.uint8) == pytest.approx(20 / 300)
    assert saturated_share([], np.uint8) == 0.0


def test_values_beyond_float32_are_refused() -> None:
    """Networks compute in float32, where such a value would be infinite."""
    check_pixels(np.array([0.0, float(np.finfo(np.float32).max)]))
    with pytest.raises(PixelError, match="got 1 beyond"):
        check_pixels(np.array([0.0, 1e39]))


def test_results_that_are_no_numbers_are_counted() -> None:
    """A result of NaN is never written as if it were an image."""
    check_result(np.ones((1, 2, 2)), "mean", 0)
    with pytest.raises(PixelError, match=r"mean, frame 3\); got 2 of 4"):
        check_result(np.array([1.0, np.nan, np.inf, 0.0]), "mean", 3)
