"""Frames go out and come back, whatever the order of the axes."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietscope.axes import MOST_NEIGHBOURS, Context, Layout, guess_axes, reorder
from quietscope.errors import AxesError, SizeError


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    dims = draw(st.sampled_from([2, 3]))
    needed = "ZYX"[-dims:]
    others = draw(st.lists(st.sampled_from([a for a in "TCSPQIRZ" if a not in needed]), unique=True, max_size=4))
    axes = "".join(draw(st.permutations([*needed, *others])))
    shape = tuple(draw(st.integers(1, 4)) for _ in axes)
    return Layout.of(axes, shape, dims)


@given(layouts())
def test_put_is_the_inverse_of_take(layout: Layout) -> None:
    array = np.arange(np.prod(layout.shape)).reshape(layout.shape)
    copy = np.full_like(array, -1)
    for n in range(layout.num_frames):
        frame = layout.take(array, n)
        assert frame.shape == layout.frame_shape
        layout.put(copy, n, frame)
    np.testing.assert_array_equal(copy, array)


@given(layouts(), st.data())
def test_regions_agree_with_frames(layout: Layout, data: st.DataObject) -> None:
    array = np.arange(np.prod(layout.shape)).reshape(layout.shape)
    n = data.draw(st.integers(0, layout.num_frames - 1))
    box = []
    for size in layout.spatial_shape:
        start = data.draw(st.integers(0, size - 1))
        box.append(slice(start, data.draw(st.integers(start + 1, size))))
    region = layout.region(array, n, box)
    np.testing.assert_array_equal(region, layout.take(array, n)[(slice(None), *box)])
    copy = array.copy()
    layout.put_region(copy, n, box, -1 - region)
    changed = np.zeros(layout.frame_shape, bool)
    changed[(slice(None), *box)] = True
    np.testing.assert_array_equal(layout.take(copy, n) < 0, changed)
    assert np.count_nonzero(copy < 0) == region.size


@given(layouts())
def test_the_order_of_axes_changes_no_frame(layout: Layout) -> None:
    array = np.arange(np.prod(layout.shape)).reshape(layout.shape)
    canonical = "".join(
        sorted(layout.axes, key=lambda a: (layout.axes.index(a) if a in layout.frame_axes else 9, "CSZYX".find(a)))
    )
    moved = reorder(array, layout.axes, canonical)
    other = Layout.of(canonical, moved.shape, layout.spatial_dims)
    for n in range(layout.num_frames):
        np.testing.assert_array_equal(other.take(moved, n), layout.take(array, n))


def test_a_frame_is_what_one_would_write_by_hand() -> None:
    array = np.arange(2 * 3 * 4 * 5 * 6).reshape(2, 3, 4, 5, 6)  # T Z C Y X
    flat = Layout.of("TZCYX", array.shape)
    assert (flat.num_frames, flat.num_channels, flat.spatial_shape) == (6, 4, (5, 6))
    np.testing.assert_array_equal(flat.take(array, 4), array[1, 1])
    deep = Layout.of("tzcyx", array.shape, 3)
    assert (deep.num_frames, deep.frame_shape) == (2, (4, 3, 5, 6))
    np.testing.assert_array_equal(deep.take(array, 1), array[1].swapaxes(0, 1))


def test_samples_count_as_channels() -> None:
    array = np.arange(2 * 4 * 5 * 3).reshape(2, 4, 5, 3)
    layout = Layout.of("CYXS", array.shape)
    assert layout.num_channels == 6
    np.testing.assert_array_equal(layout.take(array, 0)[4], array[1, :, :, 1])
    gray = Layout.of("YX", (4, 5))
    assert (gray.num_frames, gray.frame_shape) == (1, (1, 4, 5))


def test_only_the_frame_is_read() -> None:
    class Watched:
        def __init__(self) -> None:
            self.keys: list[Any] = []

        def __getitem__(self, key: Any) -> np.ndarray:
            self.keys.append(key)
            return np.zeros((4, 5, 6))[(slice(None), *key[1:])][0]

    watched = Watched()
    Layout.of("TYX", (4, 5, 6)).region(watched, 2, (slice(0, 2), slice(3, 6)))
    assert watched.keys == [(2, slice(0, 2), slice(3, 6))]


@pytest.mark.parametrize(
    ("axes", "shape"),
    [
        ("YX", (1, 2, 3)),
        ("TCYX", (2, 2)),
        ("YY", (2, 2)),
        ("TY", (2, 2)),
        ("", ()),
        ("Y?", (2, 2)),
        ("ÄX", (2, 2)),
        ("YX", (0, 2)),
    ],
)
def test_axes_that_do_not_fit_are_refused(axes: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(AxesError) as caught:
        Layout.of(axes, shape)
    assert caught.value.fix


def test_3d_asks_for_depth_and_suggests_it() -> None:
    with pytest.raises(AxesError, match='axes="ZYX"'):
        Layout.of("QYX", (2, 3, 4), 3)
    with pytest.raises(AxesError, match="pass a volume, or train with `dims=2`"):
        Layout.of("CYX", (2, 3, 4), 3)


@pytest.mark.parametrize(
    ("shape", "axes"), [((4, 5), "YX"), ((7, 4, 5), "QYX"), ((4, 5, 3), "YXS"), ((4, 5, 4), "YXS"), ((3, 4, 5), "QYX")]
)
def test_guesses(shape: tuple[int, ...], axes: str) -> None:
    assert guess_axes(shape) == axes


@pytest.mark.parametrize("shape", [(), (5,), (2, 3, 4, 5), (1, 2, 3, 4, 5)])
def test_no_guess_where_it_would_be_a_gamble(shape: tuple[int, ...]) -> None:
    with pytest.raises(AxesError):
        guess_axes(shape)
    if len(shape) == 4:
        with pytest.raises(AxesError, match='axes="TCYX"'):
            guess_axes(shape)


@given(st.permutations("TCPYX"), st.integers(2, 20), st.integers(1, MOST_NEIGHBOURS))
def test_a_window_runs_along_its_axis_and_never_shows_a_frame_twice_to_itself(
    order: list[str], length: int, neighbours: int
) -> None:
    """Numbers in the order of the axis; beyond an end, the frame as far away on the other side, or else the last."""
    sizes = {"T": length, "C": 2, "P": 3, "Y": 1, "X": 2}
    layout = Layout.of("".join(order), [sizes[letter] for letter in order], 2, Context(neighbours=neighbours, axis="T"))
    slow_first = order.index("T") < order.index("P")
    times = np.repeat(np.arange(length), 3) if slow_first else np.tile(np.arange(length), 3)
    for n in range(layout.num_frames):
        window = layout.window(n)
        assert len(window) == 2 * neighbours + 1
        assert window[neighbours] == n
        assert n not in (*window[:neighbours], *window[neighbours + 1 :])
        for offset, number in zip(range(-neighbours, neighbours + 1), window, strict=True):
            here, there = int(times[n]), int(times[number])
            if 0 <= here + offset < length:
                assert there == here + offset
            elif 0 <= here - offset < length:
                assert there == here - offset
            else:
                assert there in (0, length - 1)


def test_what_surrounds_a_box_lies_in_the_channels_frame_after_frame() -> None:
    array = np.arange(4 * 2 * 5 * 6).reshape(4, 2, 5, 6)
    layout = Layout.of("TCYX", array.shape, 2, Context(neighbours=1, axis="T"))
    box = (slice(1, 3), slice(2, 6))
    np.testing.assert_array_equal(layout.surrounded(array, 1, box), array[0:3, :, 1:3, 2:6].reshape(6, 2, 4))
    np.testing.assert_array_equal(layout.surrounded(array, 0, box)[:2], array[1, :, 1:3, 2:6])
    assert layout.frame_shape == (2, 5, 6)


def test_time_is_the_depth_where_that_is_asked_for() -> None:
    array = np.arange(3 * 4 * 2 * 5 * 6).reshape(3, 4, 2, 5, 6)
    layout = Layout.of("TZCYX", array.shape, 3, Context(depth="T"))
    assert (layout.frame_shape, layout.frame_axes, layout.num_frames) == ((2, 3, 5, 6), "Z", 4)
    np.testing.assert_array_equal(layout.take(array, 2), array[:, 2].swapaxes(0, 1))
    with pytest.raises(AxesError, match="a T axis for 3-D"):
        Layout.of("ZYX", (2, 3, 4), 3, Context(depth="T"))
    with pytest.raises(AxesError, match='depth_axis="T"'):
        Layout.of("TYX", (2, 3, 4), 3)


def test_a_context_without_sense_is_refused() -> None:
    for neighbours, axis in ((1, None), (0, "T"), (-1, "T"), (99, "T")):
        with pytest.raises(ValueError, match="neighbours along axis"):
            Context(neighbours=neighbours, axis="T" if axis else None)
    context = Context(neighbours=1, axis="Z")
    context.check("ZYX", (2, 3, 3))
    with pytest.raises(SizeError, match="at least 2 along Z"):
        context.check("ZYX", (1, 3, 3))
    with pytest.raises(AxesError, match='axes="ZYX"'):
        context.check("QYX", (2, 3, 3))
    with pytest.raises(AxesError, match="one by one"):
        context.check("YX", (3, 3))
