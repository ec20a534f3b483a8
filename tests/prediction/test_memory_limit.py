"""Tiles are cut so that they fit the memory that a user allows, and a result hardly depends on it."""

import math

import numpy as np
import pytest
import torch

from quietscope.errors import SettingsError
from quietscope.methods.noise2void import Noise2Void
from quietscope.prediction import engine, predict_frame
from quietscope.tiling.request import Request
from quietscope.tiling.spec import memory_for_tiles
from tests.tiny import untrained


def test_the_smaller_of_a_quarter_and_the_limit() -> None:
    assert memory_for_tiles(1000) == 250
    assert memory_for_tiles(1000, 100) == 100
    assert memory_for_tiles(1000, 900) == 250


def test_on_a_cpu_tiles_are_no_larger_than_speed_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "free_memory", lambda device: 1 << 50)
    method, device = untrained(Noise2Void), torch.device("cpu")
    assert engine.choose_tile(method, (1024, 1024), device).size == (1024, 1024)
    tiles = engine.choose_tile(method, (2048, 3000), device)
    outer = [length + 2 * halo for length, halo in zip(tiles.size, tiles.halo, strict=True)]
    assert 600_000 < math.prod(outer) <= 1 << 20


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
    with pytest.raises(SettingsError, match="max_memory="):
        Request(max_memory=0)
