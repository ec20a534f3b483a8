"""Blocks on their way into a file are compared with the noisy pixels at their place, in any order of axes."""

import numpy as np
import pytest

from quietscope.io import Image
from quietscope.tiling.judged import Judged, judging, verdict_of

SIZES = {"T": 2, "C": 2, "S": 3, "Z": 3, "Y": 32, "X": 40}


@pytest.mark.parametrize("axes", ["YX", "XY", "TCYX", "CTXY", "ZYX", "YXS", "CZYX"])
@pytest.mark.parametrize("dims", [2, 3])
def test_every_channel_by_itself(axes: str, dims: int) -> None:
    if dims == 3 and "Z" not in axes:
        return
    rng = np.random.default_rng(0)
    shape = [SIZES[letter] for letter in axes]
    pixels = rng.normal(100.0, 5.0, shape).astype(np.float32)
    image, kept = Image(pixels, axes), np.zeros(shape, np.float32)
    layout, judged = image.layout(dims), Judged(image, kept)
    depth = layout.spatial_shape[:-2]
    for frame in range(layout.num_frames):
        for rows in (slice(0, 16), slice(16, 32)):
            box = (*(slice(0, size) for size in depth), rows, slice(0, 40))
            block = layout.region(pixels, frame, box)
            offset = np.arange(1, 1 + len(block)).reshape(-1, *[1] * (block.ndim - 1))
            layout.put_region(judged, frame, box, block - offset)
    verdict = judged.verdict()
    assert [channel.noise for channel in verdict.figures] == pytest.approx([1.0, 2.0, 3.0][: layout.num_channels])
    assert kept.mean() == pytest.approx(pixels.mean() - (1 + layout.num_channels) / 2, abs=1e-3)


def test_the_mean_counts_before_the_most_probable_image_and_nothing_else_is_judged() -> None:
    pixels = np.random.default_rng(0).normal(100, 10, (64, 64)).astype(np.float32)
    image = Image(pixels, "YX")
    sinks = {kind: np.empty_like(pixels) for kind in ("std", "map", "mean")}
    judged = judging(image, sinks)
    assert list(judged) == ["mean", "map"]
    judged["map"][slice(None), slice(None)] = pixels
    assert judging(image, {"std": sinks["std"]}) == {}
    assert verdict_of({"map": judged["map"]}, None, is_own=True).figures
    assert "not judged" in verdict_of({}, None, is_own=True).words
    np.testing.assert_array_equal(sinks["map"], pixels)
