"""Parts of images: boxes in corners of frames by turns, in the axes that a model wants."""

from pathlib import Path

import numpy as np
import pytest

from quietscope.axes import Context, Ordered
from quietscope.data.mask import NAN
from quietscope.io import Image
from quietscope.pipeline.parts import parts_of

FRAMES = np.arange(7, dtype=np.float32)[:, None, None] + np.zeros((7, 10, 12), np.float32)


def test_parts_are_corners_by_turns_of_frames_that_lie_evenly() -> None:
    ramp = FRAMES * 100 + np.arange(12, dtype=np.float32) + 20 * np.arange(10, dtype=np.float32)[:, None]
    part = parts_of([Image(ramp, "TYX")], 2, (4, 6), 4)
    assert (part.axes, part.shape) == ("QCYX", (4, 1, 4, 6))
    assert part.data[:, 0, 0, 0].tolist() == [0, 200 + 120 + 6, 400 + 6, 600 + 120]


def test_one_frame_gives_several_parts_but_none_twice() -> None:
    ramp = np.arange(12, dtype=np.float32) + 20 * np.arange(10, dtype=np.float32)[:, None]
    part = parts_of([Image(ramp, "YX")], 2, (5, 6), 4)
    assert sorted(part.data[:, 0, 0, 0].tolist()) == [0, 6, 100, 106]
    assert parts_of([Image(ramp, "YX")], 2, (20, 20), 4).shape == (1, 1, 10, 12)


def test_frames_of_all_images_count_and_small_ones_are_passed_over() -> None:
    images = [Image(FRAMES[:1], "TYX"), Image(FRAMES[1:3, :3], "TYX"), Image(FRAMES[3:5], "TYX")]
    part = parts_of(images, 2, (10, 12), 9)
    assert part.data[:, 0, 0, 0].tolist() == [0, 3, 4]


def test_neighbours_follow_each_other_along_their_axis() -> None:
    data = (10 * np.arange(3)[:, None, None, None] + np.arange(7)[None, :, None, None]) * np.ones((1, 1, 8, 8))
    context = Context(neighbours=1, axis="T")
    part = parts_of([Image(data.astype(np.float32), "ZTYX")], 2, (4, 4), 4, context)
    assert part.axes == "TCYX"
    assert part.data[:, 0, 0, 0].tolist() == [11, 12, 13, 14]
    short = parts_of([Image(data[:, :2].astype(np.float32), "ZTYX")], 2, (4, 4), 4, context)
    assert short.data[:, 0, 0, 0].tolist() == [10, 11]


@pytest.mark.parametrize("depth", ["Z", "T"])
def test_volumes_have_the_axis_that_is_their_depth(depth: Ordered) -> None:
    context = Context(depth=depth)
    part = parts_of([Image(FRAMES, f"{depth}YX")], 3, (4, 8, 8), 2, context)
    assert (part.axes, part.shape) == (f"QC{depth}YX", (2, 1, 4, 8, 8))


def test_what_was_never_measured_stays_so() -> None:
    holed = FRAMES.copy()
    holed[:, 1, 1] = np.nan
    part = parts_of([Image(holed, "TYX", mask=NAN, path=Path("a.tif"))], 2, (4, 4), 2)
    assert part.mask == NAN
    assert int(np.isnan(np.asarray(part.data)).sum()) == 1
