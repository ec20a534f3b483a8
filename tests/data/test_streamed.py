"""Patches of large frames are cut from blocks: functions of seed and index, all over the images, and few reads."""

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from quietscope.axes import Layout
from quietscope.data.foreground import Foreground
from quietscope.data.frames import Frames
from quietscope.data.patches import PatchPlan
from quietscope.data.streamed import BlockPatches, are_large, around, block_size

CPU = torch.device("cpu")
BATCH, PATCH = 4, (32, 32)


class Counted:
    """An array of which every box that is read is written down."""

    def __init__(self, pixels: npt.NDArray[np.float32]) -> None:
        self.pixels, self.shape, self.dtype, self.ndim = pixels, pixels.shape, pixels.dtype, pixels.ndim
        self.read: list[int] = []

    def __getitem__(self, index: Any) -> npt.NDArray[np.float32]:
        part = self.pixels[index]
        self.read.append(part.size)
        return part


def numbered(frames: int = 3, side: int = 1024) -> npt.NDArray[np.float32]:
    """Return frames whose every pixel says where it is."""
    return np.arange(frames * side * side, dtype=np.float32).reshape(frames, side, side)


def source(pixels: Any, **how: Any) -> BlockPatches:
    frames = Frames(((pixels, Layout.of("TYX", pixels.shape)),))
    sizes = tuple(frames.spatial_shape(n) for n in range(len(frames)))
    assert are_large(sizes, PATCH)
    plan = PatchPlan(sizes=sizes, patch=PATCH, seed=5, orientations=(0,), **how.pop("plan", {}))
    return BlockPatches(frames, range(len(frames)), plan, CPU, batch_size=BATCH, **how)


def test_a_patch_follows_from_seed_and_index_alone() -> None:
    pixels = numbered()
    in_order = source(pixels)
    batches = [in_order.batch(first, BATCH) for first in range(0, 400, BATCH)]
    later = source(pixels)
    assert torch.equal(later.batch(396, BATCH), batches[-1])
    assert torch.equal(later.batch(40, BATCH), batches[10])
    shared = source(pixels)
    halves = [shared.batch(200 + half, BATCH // 2) for half in (0, BATCH // 2)]  # as two processes share a batch
    assert torch.equal(torch.cat(halves), batches[50])


def test_patches_are_cut_from_the_frames_as_they_are_and_come_from_all_over_them() -> None:
    pixels = numbered()
    patches = source(pixels)
    found = torch.cat([patches.batch(first, 64) for first in range(0, 6400, 64)])[:, 0].numpy()
    steps = np.arange(32)[:, None] * 1024 + np.arange(32)
    np.testing.assert_array_equal(found, found[:, :1, :1] + steps)
    frame, at = np.divmod(found[:, 16, 16].astype(int), 1024 * 1024)
    cells = Counter(zip(frame, at // 1024 // 256, at % 1024 // 256, strict=True))
    assert len(cells) == 3 * 4 * 4
    one_batch = zip(frame[:64], at[:64] // 1024 // 256, at[:64] % 1024 // 256, strict=True)
    assert len(set(one_batch)) > 24


@pytest.mark.parametrize("whole", [32, 100, 300, 1000])
def test_a_patch_is_as_likely_anywhere(whole: int) -> None:
    rng, length, patch = np.random.default_rng(0), 128, 32
    counts = np.zeros(whole - patch + 1)
    for _ in range(20_000):
        start = int(rng.integers(len(counts)))
        block = around(start, whole, length, patch, rng)
        assert 0 <= block.start <= start
        assert start + patch <= block.stop <= whole
        assert block.stop - block.start <= 2 * length
        counts[rng.integers(block.start, block.stop - patch + 1)] += 1
    tenths = [part.mean() for part in np.array_split(counts, min(10, len(counts)))]
    np.testing.assert_allclose(tenths, counts.mean(), rtol=0.15)


def test_less_is_read_than_patches_hold() -> None:
    counted = Counted(numbered())
    patches = source(counted)
    for first in range(0, 6400, BATCH):
        patches.batch(first, BATCH)
    assert sum(counted.read) < 0.75 * 6400 * 32 * 32 + 64 * 256 * 256
    assert max(counted.read) <= (2 * 256) ** 2


def test_patches_stay_where_they_may_begin() -> None:
    spaces = (((range(100), range(993)), (range(500, 993), range(993))),) * 3
    patches = source(numbered(), plan={"spaces": spaces})
    found = patches.batch(0, 256)[:, 0, 0, 0].numpy().astype(int)
    rows = found % (1024 * 1024) // 1024
    assert ((rows < 100) | (rows >= 500)).all()
    assert (rows < 100).any()
    assert (rows >= 500).any()


def test_empty_space_is_passed_over_but_for_a_quarter() -> None:
    rng = np.random.default_rng(0)
    scene = rng.normal(100.0, 5.0, (3, 1024, 1024)).astype(np.float32)
    scene[1, 300:420, 700:820] += 200.0
    frames = Frames(((scene, Layout.of("TYX", scene.shape)),))
    foreground = Foreground.of(frames, [0, 1, 2])
    assert foreground.share < 0.01
    anywhere, chosen = source(scene), source(scene, foreground=foreground)
    bright = [
        float((torch.cat([each.batch(n, 64) for n in range(0, 2560, 64)]).amax((1, 2, 3)) > 200.0).float().mean())
        for each in (anywhere, chosen)
    ]
    assert bright[0] < 0.05
    assert 0.3 < bright[1] < 0.9


def test_missing_pixels_are_avoided() -> None:
    scene = numbered()
    scene[:, :, 200:] = np.nan
    scene[0] = np.nan

    class Known(Frames):
        @property
        def has_gaps(self) -> bool:
            return True

    frames = Known(((scene, Layout.of("TYX", scene.shape)),))
    plan = PatchPlan(sizes=((1024, 1024),) * 3, patch=PATCH, seed=5, orientations=(0,))
    patches = BlockPatches(frames, range(3), plan, CPU, batch_size=BATCH).batch(0, 256)
    assert float((~patches.isnan()).float().mean()) > 0.8


def test_volumes_are_read_in_blocks_and_a_failed_read_is_told() -> None:
    volume = np.arange(64 * 512 * 512, dtype=np.float32).reshape(1, 64, 512, 512)
    patch = (8, 32, 32)
    assert block_size(patch) == (16, 256, 256)
    frames = Frames(((volume, Layout.of("TZYX", volume.shape, spatial_dims=3)),))
    plan = PatchPlan(sizes=((64, 512, 512),), patch=patch, seed=5, orientations=(0,))
    found = BlockPatches(frames, [0], plan, CPU, batch_size=BATCH).batch(0, 8)
    assert found.shape == (8, 1, *patch)
    np.testing.assert_array_equal(found[:, 0, 1, 0, 0] - found[:, 0, 0, 0, 0], 512 * 512)

    class Damaged(Counted):
        def __getitem__(self, index: Any) -> npt.NDArray[np.float32]:
            raise OSError("disk gone")

    with pytest.raises(OSError, match="disk gone"):
        source(Damaged(numbered())).batch(0, BATCH)
