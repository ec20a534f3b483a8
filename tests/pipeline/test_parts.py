"""Parts of images: the middle of frames, in the axes that a model wants."""

from pathlib import Path

import numpy as np
import pytest

from quietscope.axes import Context
from quietscope.data.mask import NAN
from quietscope.io import Image
from quietscope.pipeline.parts import middle_parts

FRAMES = np.arange(7, dtype=np.float32)[:, None, None] + np.zeros((7, 10, 12), np.float32)


def test_parts_are_the_middle_of_frames_that_lie_evenly() -> None:
    ramp = FRAMES * 100 + np.arange(12, dtype=np.float32)
    part = middle_parts([Image(ramp, "TYX")], 2, (4, 6), 4)
    assert (part.axes, part.shape) == ("QCYX", (4, 1, 4, 6))
    assert part.data[:, 0, 0, 0].tolist() == [3, 203, 403, 603]


def test_frames_of_all_images_count_and_small_ones_are_passed_over() -> None:
    images = [Image(FRAMES[:1], "TYX"), Image(FRAMES[1:3, :3], "TYX"), Image(FRAMES[3:5], "TYX")]
    part = middle_parts(images, 2, (10, 12), 9)
    assert part.data[:, 0, 0, 0].tolist() == [0, 3, 4]


def test_neighbours_follow_each_other_along_their_axis() -> None:
    data = (10 * np.arange(3)[:, None, None, None] + np.arange(7)[None, :, None, None]) * np.ones((1, 1, 8, 8))
    context = Context(neighbours=1, axis="T")
    part = middle_parts([Image(data.astype(np.float32), "ZTYX")], 2, (4, 4), 4, context)
    assert part.axes == "TCYX"
    assert part.data[:, 0, 0, 0].tolist() == [11, 12, 13, 14]
    short = middle_parts([Image(data[:, :2].astype(np.float32), "ZTYX")], 2, (4, 4), 4, context)
    assert short.data[:, 0, 0, 0].tolist() == [10, 11]


@pytest.mark.parametrize("depth", ["Z", "T"])
def test_volumes_have_the_axis_that_is_their_depth(depth: str) -> None:
    context = Context(depth=depth)  # type: ignore[arg-type]
    part = middle_parts([Image(FRAMES, f"{depth}YX")], 3, (4, 8, 8), 2, context)
    assert (part.axes, part.shape) == (f"QC{depth}YX", (1, 1, 4, 8, 8))


def test_what_was_never_measured_stays_so() -> None:
    holed = FRAMES.copy()
    holed[:, 5, 6] = np.nan
    part = middle_parts([Image(holed, "TYX", mask=NAN, path=Path("a.tif"))], 2, (4, 4), 2)
    assert part.mask == NAN
    assert int(np.isnan(np.asarray(part.data)).sum()) == 2
