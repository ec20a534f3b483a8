"""What passes by on its way into files is kept for the picture: the right plane of any order of axes, of any blocks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietscope.io import Image
from quietscope.methods.hdn import HDN
from quietscope.metrics.unexplained import Region
from quietscope.pipeline.panels import MOST_MARKS, MOST_SAMPLES, Panels, Tap
from quietscope.pipeline.results import Abilities

SIZES = {"T": 2, "C": 2, "S": 3, "Z": 5, "Y": 7, "X": 9}
ABLE = Abilities.of(HDN)


@pytest.mark.parametrize("axes", ["YX", "XY", "TCYX", "CTXY", "ZYX", "TZCYX", "YXS", "CZYXS"])
@pytest.mark.parametrize("dims", [2, 3])
def test_the_plane_of_any_order_of_axes(axes: str, dims: int) -> None:
    if dims == 3 and "Z" not in axes:
        return
    shape = [SIZES[letter] for letter in axes]
    pixels = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    image = Image(pixels, axes)
    panels = Panels.of(image, dims, ABLE, 50)
    sinks = {"mean": np.zeros(shape, np.float32), "samples": np.zeros((50, *shape), np.float32)}
    taps = panels.tap(sinks)
    layout = image.layout(dims)
    whole = tuple(slice(0, size) for size in layout.spatial_shape)
    for frame in range(layout.num_frames):
        block = layout.region(pixels, frame, whole)
        layout.put_region(taps["mean"], frame, whole, block)
    for number in range(50):
        taps["samples"][(number, *(slice(0, size) for size in shape))] = pixels + number
    np.testing.assert_array_equal(sinks["mean"], pixels)
    frame = SIZES["Z"] // 2 if "Z" in axes and dims == 2 else 0  # the middle plane of the first time
    shown = layout.region(pixels, frame, panels.view.thin_box).reshape(-1, 7, 9)
    planes = panels.planes(taps)
    np.testing.assert_array_equal(planes["mean"], shown)
    np.testing.assert_array_equal(planes["samples"], [shown + number for number in range(MOST_SAMPLES)])
    assert set(planes) == {"mean", "std", "samples"}


def test_squares_are_marked_where_they_are_shown() -> None:
    image = Image(np.zeros((2, 5, 2, 600, 700), np.float32), "TZCYX")
    panels = Panels.of(image, 2, ABLE, 1)
    top, left, middle = panels.view.rows.start, panels.view.columns.start, {"T": 0, "Z": 2}

    def region(y: int, x: int, channel: int = 1, plane: dict[str, int] = middle) -> Region:
        return Region(plane=plane, channel=channel, y=y, x=x, side=8, kind="made up", evidence=9.0, size=1.0)

    inside, cut = region(top + 20, left + 30), region(top - 4, left)
    elsewhere = [region(top + 20, left + 30, channel=0), region(top + 20, left + 30, plane={"T": 1, "Z": 2})]
    elsewhere += [region(top - 8, left), region(panels.view.rows.stop, left), region(top, panels.view.columns.stop)]
    assert panels.marks([*elsewhere, inside, cut], 1) == ((20, 30, 8), (-4, 0, 8))
    assert panels.marks([inside], 0) == ()
    assert len(panels.marks([inside] * 500, 1)) == MOST_MARKS


@given(st.data())
def test_blocks_of_any_cut_are_put_together(data: st.DataObject) -> None:
    rows = data.draw(st.integers(1, 30))
    columns = data.draw(st.integers(1, 30))
    pixels = np.random.default_rng(0).normal(size=(2, rows, columns)).astype(np.float32)

    def interval(length: int) -> slice:
        start = data.draw(st.integers(0, length - 1))
        return slice(start, data.draw(st.integers(start + 1, length)))

    place = (1, interval(rows), interval(columns))
    tap = Tap(None, place)
    step = data.draw(st.integers(1, 12))
    for frame in range(2):
        for top in range(0, rows, step):
            for left in range(0, columns, step):
                key = (frame, slice(top, min(rows, top + step)), slice(left, min(columns, left + step)))
                tap[key] = pixels[key]
    np.testing.assert_array_equal(tap.values, pixels[place])
