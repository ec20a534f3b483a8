"""A part of an image: what is read, and what is still known of it."""

from typing import Any

import numpy as np
import pytest

from quietscope.errors import AxesError, ChannelError, SizeError
from quietscope.io import Image
from quietscope.io.details import Details
from quietscope.io.part import Part, PartArray

PIXELS = np.arange(5 * 3 * 4 * 6 * 8).reshape(5, 3, 4, 6, 8)
DETAILS = Details(
    colors=("FF0000", "00FF00", "0000FF"),
    ranges=(0.0, 1.0, 2.0, 3.0, 4.0, 5.0),
    position_um={"X": 10.0, "Y": 20.0},
    labels=("a",),
    ome="<OME/>",
)
IMAGE = Image(
    PIXELS,
    "TCZYX",
    pixel_size_um={"X": 0.5, "Y": 0.5, "Z": 2.0},
    channel_names=("DAPI", "GFP", "RFP"),
    frame_interval_s=3.0,
    details=DETAILS,
)


class Watched:
    """An array that tells what was read of it."""

    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels, self.shape, self.dtype, self.ndim = pixels, pixels.shape, pixels.dtype, pixels.ndim
        self.count = 0

    def __getitem__(self, key: Any) -> np.ndarray:
        found = self.pixels[key]
        self.count += found.size
        return found


def test_a_part_has_the_pixels_and_what_is_known_of_them() -> None:
    part = Part(
        channels=("RFP", 0), frames=slice(0, 5, 2), planes=slice(1, 3), region=(slice(2, None), slice(0, 5))
    ).of(IMAGE)
    expected = PIXELS[0:5:2][:, [2, 0]][:, :, 1:3, 2:, 0:5]
    assert part.shape == expected.shape
    assert np.array_equal(np.asarray(part.data), expected)
    assert part.channel_names == ("RFP", "DAPI")
    assert part.frame_interval_s == 6.0
    assert part.pixel_size_um == {"X": 0.5, "Y": 0.5, "Z": 2.0}
    assert part.details == Details(
        colors=("0000FF", "FF0000"), ranges=(4.0, 5.0, 0.0, 1.0), position_um={"X": 10.0, "Y": 21.0}
    )


@pytest.mark.parametrize(
    "key",
    [
        (0,),
        (slice(None), 1),
        (..., 3),
        (1, slice(0, 2), ..., slice(4, 1, -1)),
        (slice(0, 0),),
        (slice(None), slice(0, 0)),
        (-1, -1, 0, 0, 0),
        (slice(None, None, -1), slice(1, None)),
    ],
)
def test_it_is_indexed_like_an_array(key: Any) -> None:
    places = [range(4, -1, -1), (2, 0), range(1, 4), range(0, 6, 2), range(3, 8)]
    assert np.array_equal(PartArray(PIXELS, places)[key], PIXELS[np.ix_(*map(list, places))][key])


def test_nothing_else_is_read() -> None:
    watched = Watched(PIXELS)
    part = Part(channels=(1,), frames=slice(3, 4), region=(slice(0, 2), slice(0, 3))).of(Image(watched, "TCZYX"))
    assert watched.count == 0
    assert np.asarray(part.data[0, 0, 2]).shape == (2, 3)
    assert watched.count == 6


def test_a_mask_is_cut_alike() -> None:
    mask = np.zeros((6, 8), bool)
    mask[2:4, 3:5] = True
    part = Part(region=(slice(2, 6), slice(3, 8))).of(Image(PIXELS, "TCZYX", mask=mask))
    assert np.array_equal(part.mask, mask[2:6, 3:8])
    whole = Part(frames=slice(1, 2)).of(Image(PIXELS, "TCZYX", mask=PIXELS % 2))
    assert np.array_equal(whole.mask, PIXELS[1:2] % 2)
    assert Part(frames=slice(1, 2)).of(Image(PIXELS, "TCZYX", mask="nan")).mask == "nan"


def test_frames_are_those_of_the_only_axis_that_counts_them() -> None:
    assert Part(frames=slice(1, 3)).of(Image(PIXELS[:, 0, 0], "QYX")).shape == (2, 6, 8)


def test_all_of_it_is_the_image_itself() -> None:
    assert Part().of(IMAGE) is IMAGE


@pytest.mark.parametrize(
    ("part", "axes", "error", "words"),
    [
        (Part(channels=(3,)), "TCZYX", ChannelError, "0 to 2"),
        (Part(channels=("Cy5",)), "TCZYX", ChannelError, "'Cy5'"),
        (Part(channels=(0,)), "TQZYX", AxesError, "with channels"),
        (Part(planes=slice(0, 1)), "TCQYX", AxesError, "axis Z"),
        (Part(frames=slice(5, 6)), "TCZYX", SizeError, "0:5 along T"),
        (Part(frames=slice(2, 9)), "TCZYX", SizeError, "got 2:9"),
        (Part(region=(slice(3, 3), slice(None))), "TCZYX", SizeError, "rows within 0:6"),
    ],
)
def test_what_is_not_there_is_refused(part: Part, axes: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        part.of(Image(PIXELS, axes))
