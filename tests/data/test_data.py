"""Patches keyed by index, the same from memory and from files; statistics; splits."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from quietscope.axes import Layout
from quietscope.data.frames import Frames, spread
from quietscope.data.normalize import Statistics
from quietscope.data.patches import PatchPlan, ResidentPatches, pad_to_patch
from quietscope.data.preparation import note_small, prepare
from quietscope.data.split import split_frames
from quietscope.data.streamed import StreamedPatches
from quietscope.errors import ChannelError, PixelError
from quietscope.tiling.orientations import ALL_TURNS, orient

CPU = torch.device("cpu")


def frames_of(*arrays: np.ndarray, axes: str = "QCYX") -> Frames:
    return Frames(tuple((array, Layout.of(axes, array.shape)) for array in arrays))


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(9, 20), st.integers(9, 20)), min_size=1, max_size=3),
    st.sampled_from([1, 4, 8]),
    st.integers(0, 50),
    st.integers(1, 6),
)
def test_resident_and_streamed_patches_agree(
    sizes: list[tuple[int, int]], orientations: int, first: int, count: int
) -> None:
    rng = np.random.default_rng(0)
    frames = frames_of(*(rng.normal(size=(2, 2, *size)).astype(np.float32) for size in sizes))
    spatial = tuple(frames.spatial_shape(n) for n in range(len(frames)))
    plan = PatchPlan(sizes=spatial, patch=(8, 8), seed=3, orientations=tuple(range(orientations)))
    resident = ResidentPatches(list(frames), plan, CPU)
    streamed = StreamedPatches(frames, range(len(frames)), plan, CPU)
    batch = resident.batch(first, count)
    assert batch.shape == (count, 2, 8, 8)
    assert torch.equal(batch, streamed.batch(first, count))
    # A patch depends on its index alone, not on the batch that it came in.
    assert torch.equal(batch[-1:], resident.batch(first + count - 1, 1))
    for row, patch in zip(plan.rows(first, count), batch, strict=True):
        frame, y, x, turn = (int(value) for value in row)
        assert turn < orientations
        assert np.array_equal(patch.numpy(), orient(frames[frame][:, y : y + 8, x : x + 8], turn))


def test_volumes_are_cut_and_turned_in_the_plane_only() -> None:
    array = np.arange(4 * 12 * 12, dtype=np.float32).reshape(4, 12, 12)
    plan = PatchPlan(sizes=((4, 12, 12),), patch=(2, 8, 8), seed=0, orientations=ALL_TURNS)
    for patch in ResidentPatches([array[None]], plan, CPU).batch(0, 16)[:, 0]:
        steps = {float(step) for step in (patch[1] - patch[0]).flatten()}
        assert steps == {144.0}


def test_eight_orientations_are_the_square_s_symmetries() -> None:
    patch = np.arange(9.0).reshape(1, 3, 3)
    turned = {orient(patch, turn).tobytes() for turn in range(8)}
    symmetries = {
        np.ascontiguousarray(np.rot90(base, k, axes=(1, 2))).tobytes()
        for base in (patch, patch[..., ::-1])
        for k in range(4)
    }
    assert turned == symmetries
    rows = np.tile(np.arange(3.0), (3, 1))[None]
    assert all(np.ptp(orient(rows, turn), axis=1).max() == 0 for turn in range(4)), "flips keep a direction"


def test_every_pixel_and_orientation_is_drawn() -> None:
    plan = PatchPlan(sizes=((10, 10), (30, 10)), patch=(8, 8), seed=1, orientations=ALL_TURNS)
    rows = plan.rows(0, 2000)
    assert set(rows[:, 3]) == set(range(8))
    assert {tuple(start) for start in rows[rows[:, 0] == 0][:, 1:3]} == {(y, x) for y in range(3) for x in range(3)}
    assert 0.70 < float((rows[:, 0] == 1).mean()) < 0.80, "frames are drawn by their number of pixels"
    assert not np.array_equal(
        rows, PatchPlan(sizes=plan.sizes, patch=(8, 8), seed=2, orientations=ALL_TURNS).rows(0, 2000)
    )


def test_small_frames_are_mirrored() -> None:
    frame = np.array([[[1.0, 2.0, 3.0]]])
    assert pad_to_patch(frame, (2, 5)).tolist() == [[[1, 2, 3, 3, 2], [1, 2, 3, 3, 2]]]
    assert pad_to_patch(frame, (1, 2)) is frame


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 400), st.integers(0, 3))
def test_splits_cover_everything(num_frames: int, seed: int) -> None:
    training, validation = split_frames(num_frames, seed)
    assert sorted({*training, *validation}) == list(range(num_frames))
    assert validation
    if num_frames >= 10:
        assert not set(training) & set(validation)
        assert len(validation) <= max(1, num_frames * 0.05 + 0.5)


def test_statistics_match_numpy_at_large_offsets() -> None:
    rng = np.random.default_rng(0)
    array = (60000 + rng.normal(0, 2, (5, 2, 33, 47))).astype(np.float32)
    statistics = Statistics.of_frames(iter(array))
    expected = array.astype(np.float64)
    assert statistics.mean.numpy() == pytest.approx(expected.mean(axis=(0, 2, 3)), rel=1e-7)
    assert statistics.std.numpy() == pytest.approx(expected.std(axis=(0, 2, 3)), rel=1e-4)
    x = torch.from_numpy(array)
    assert torch.allclose(statistics.denormalize(statistics.normalize(x)), x, atol=0.01)


def test_statistics_load_into_separate_buffers() -> None:
    one = torch.ones(1)
    statistics = Statistics(one, one)
    statistics.load_state_dict({"mean": torch.tensor([5.0]), "std": torch.tensor([2.0])}, strict=False)
    assert (float(statistics.mean), float(statistics.std)) == (5.0, 2.0)


def test_frames_refuse_mixed_channels() -> None:
    with pytest.raises(ChannelError, match="1 and 2 channels"):
        frames_of(np.zeros((1, 1, 4, 4)), np.zeros((1, 2, 4, 4)))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_broken_pixels_are_refused(bad: float) -> None:
    array = np.random.default_rng(0).normal(size=(3, 1, 8, 8))
    array[1, 0, 2, 3] = bad
    with pytest.raises(PixelError, match="frame 1"):
        prepare(frames_of(array))


def test_constant_channels_are_refused_and_blank_frames_are_not() -> None:
    array = np.random.default_rng(0).normal(size=(3, 2, 8, 8))
    array[0] = 0
    prepare(frames_of(array))
    array[:, 1] = 7
    with pytest.raises(PixelError, match="channel 1"):
        prepare(frames_of(array))


def test_notes_on_saturation_and_small_images() -> None:
    array = np.random.default_rng(0).integers(0, 256, (1, 1, 20, 20)).astype(np.uint8)
    array[0, 0, :5] = 255
    notes: list[Any] = []
    prepare(frames_of(array), notes.append)
    note_small(frames_of(array), 20, notes.append)
    assert len(notes) == 1
    note_small(frames_of(array), 64, notes.append)
    assert len(notes) == 2
    assert "25." in notes[0]
    assert "20 pixels wide" in notes[1]


def test_spread_takes_all_or_evenly() -> None:
    assert spread(range(5)) == [0, 1, 2, 3, 4]
    assert spread(range(1000), 3) == [0, 500, 999]


def test_a_nan_in_any_frame_is_found_before_training() -> None:
    """Also in a frame that the statistics, which are of 256 frames, leave out."""
    stack = np.random.default_rng(0).normal(size=(300, 1, 8, 8)).astype(np.float32)
    left_out = sorted({*range(300)} - {*spread(range(300))})[3]
    stack[left_out, 0, 2, 5] = np.nan
    with pytest.raises(PixelError, match=f"frame {left_out}; got 1 "):
        prepare(frames_of(stack))


def test_images_of_unlike_scale_are_refused_in_one_training() -> None:
    """0 to 1 beside 16 bits would leave nothing of the former; ten times the exposure is no reason."""
    pixels = np.random.default_rng(0).normal(100.0, 10.0, (1, 1, 8, 8))
    blank = np.zeros_like(pixels)
    prepare(frames_of(pixels, 10 * pixels, blank))
    with pytest.raises(PixelError, match=r"in image 1 and .* in image 0"):
        prepare(frames_of(pixels, pixels / 65535))
    with pytest.raises(PixelError, match=r"\(uint16\) in image 0 and .* \(uint8\) in image 1"):
        prepare(frames_of((20 * pixels).astype(np.uint16), pixels.astype(np.uint8)))


def test_every_channel_is_of_one_scale_and_of_one_offset() -> None:
    """Also a channel that is not the first; the brightness of a scene may differ, the zero of a camera may not."""
    pixels = np.random.default_rng(0).normal(100.0, 10.0, (1, 2, 16, 16))
    other = pixels * np.array([1.0, 1 / 65535])[:, None, None]
    with pytest.raises(PixelError, match=r"channel 1.*normalize=.each"):
        prepare(frames_of(pixels, other))
    with pytest.raises(PixelError, match="one scale"):
        prepare(frames_of(pixels, pixels + 1000.0))
    prepare(frames_of(pixels, pixels + 60.0))
    prepare(frames_of(pixels, 20 * pixels))
