"""Tiles are cut so that they fit the memory that a user allows, and a result hardly depends on it."""

import numpy as np
import pytest

from quietscope.errors import SettingsError
from quietscope.methods.noise2void import Noise2Void
from quietscope.prediction import predict_frame
from quietscope.tiling.request import Request
from quietscope.tiling.spec import memory_for_tiles
from tests.tiny import untrained


def test_the_smaller_of_a_quarter_and_the_limit() -> None:
    assert memory_for_tiles(1000) == 250
    assert memory_for_tiles(1000, 100) == 100
    assert memory_for_tiles(1000, 900) == 250


def test_less_memory_takes_more_tiles_for_the_same_result() -> None:
    method, frame = untrained(Noise2Void), np.random.default_rng(0).normal(150, 30, (1, 200, 200)).astype(np.float32)
    told: list[tuple[int, int]] = []
    images, parts = [], []
    for limit in (None, 1_000_000):
        request = Request(max_memory=limit)
        found = predict_frame(method, frame, kinds=("mean",), request=request, progress=lambda *each: told.append(each))
        images.append(found.mean)
        parts.append(told[-1][1])
    assert parts[0] == 1 < parts[1]
    np.testing.assert_allclose(images[0], images[1], atol=1e-4)
    with pytest.raises(SettingsError, match="--max-memory"):
        Request(max_memory=0)
