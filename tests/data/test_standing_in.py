"""What is measured of frames larger than the memory is measured in boxes from all over them."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from quietscope.axes import Layout
from quietscope.data.boxes import boxes_of
from quietscope.data.by_itself import for_model
from quietscope.data.foreground import Foreground
from quietscope.data.frames import Frames
from quietscope.data.mask import masked
from quietscope.data.measured import as_measured
from quietscope.data.preparation import prepare
from quietscope.data.standing_in import bounded
from quietscope.io import Image


class Endless:
    """A volume of the size of a light sheet's, made where it is read."""

    shape, dtype, ndim = (1, 2048, 8192, 8192), np.dtype(np.uint16), 4

    def __init__(self) -> None:
        self.num_read = 0

    def __getitem__(self, key: Any) -> npt.NDArray[np.uint16]:
        sizes = [
            len(range(*part.indices(n))) for part, n in zip(key, self.shape, strict=True) if isinstance(part, slice)
        ]
        self.num_read += int(np.prod(sizes))
        assert np.prod(sizes) < 1 << 25, "more than fits into the memory"
        return np.random.default_rng(0).poisson(100.0, sizes).astype(np.uint16)


def test_small_frames_are_taken_as_they_are() -> None:
    frames = Frames(((np.zeros((2, 64, 64)), Layout.of("TYX", (2, 64, 64))),))
    assert bounded(frames).parts == frames.parts


@pytest.mark.parametrize("size", [(9000, 7000), (100, 3000, 4000), (2000, 300, 500), (40000, 600)])
def test_boxes_lie_all_over_a_frame(size: tuple[int, ...]) -> None:
    found = list(boxes_of(size))
    for axis, length in enumerate(size):
        assert min(box[axis].start for box in found) == 0
        assert max(box[axis].stop for box in found) == length
    assert 1 < len(found) <= 64
    assert len({tuple((part.start, part.stop) for part in box) for box in found}) == len(found)


def test_a_volume_of_a_quarter_of_a_terabyte_is_measured_in_a_bounded_sample() -> None:
    volume = Endless()
    frames = Frames(((volume, Layout.of("TZYX", volume.shape, spatial_dims=3)),))
    statistics = prepare(frames)
    assert float(statistics.mean) == pytest.approx(100.0, abs=0.1)
    assert float(statistics.std) == pytest.approx(10.0, abs=0.1)
    assert Foreground.of(frames, [0]).share < 0.01
    assert volume.num_read < 1 << 29


def test_boxes_know_what_is_missing_and_in_which_units_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("standing_in", "boxes"):
        monkeypatch.setattr(f"quietscope.data.{name}.MOST_PIXELS", 1 << 12)
    monkeypatch.setattr("quietscope.data.boxes.SIDE", 48)
    rng = np.random.default_rng(1)
    pixels = rng.normal(100.0, 5.0, (2, 128, 128)).astype(np.float32)
    mask = np.ones((128, 128), np.uint8)
    mask[:40, :30] = 0
    image = for_model(as_measured(masked(Image(pixels, "TYX"), mask)), "each", Image(pixels, "TYX").context)
    frames = Frames.of([image], 2)
    some = bounded(frames)
    assert len(some) > len(frames)
    assert some.has_gaps
    assert some.own_units
    first = np.asarray(some[0])
    np.testing.assert_array_equal(np.isnan(first[0]), np.isnan(frames[0][0, :48, :48]))
    np.testing.assert_array_equal(first, frames[0][:, :48, :48])
    assert some.is_measured(0)


def test_boxes_of_one_image_are_not_compared_in_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("standing_in", "boxes"):
        monkeypatch.setattr(f"quietscope.data.{name}.MOST_PIXELS", 1 << 12)
    monkeypatch.setattr("quietscope.data.boxes.SIDE", 48)
    pixels = np.random.default_rng(1).normal(100.0, 5.0, (1, 128, 128)).astype(np.float32)
    pixels[:, :48, :48] *= 1e4
    frames = Frames(((pixels, Layout.of("TYX", pixels.shape)),))
    assert float(prepare(frames).std) > 1e4
