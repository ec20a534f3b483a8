"""Predicting in tiles, the memory that decides on them, and noise that does not know of tiles."""

from typing import Any

import numpy as np
import torch

from quietscope.methods.base import LatentSpec
from quietscope.prediction import predict_frame
from quietscope.prediction.latent_noise import tile_noise
from quietscope.prediction.memory import bytes_per_pixel, free_memory
from quietscope.tiling.grid import Tile, tile_grid
from quietscope.tiling.request import Request
from quietscope.tiling.spec import TileSpec
from tests.prediction.methods import tiny_hdn

LATENTS = (
    LatentSpec(level=0, channels=3, reduction=(2, 2), is_random=True),
    LatentSpec(level=1, channels=2, reduction=(4, 4), is_random=True),
    LatentSpec(level=2, channels=2, reduction=(4, 4), is_random=False),
)


def test_noise_is_equal_wherever_tiles_overlap() -> None:
    (whole,) = tile_grid((40, 52), (64, 64), (0, 0), (4, 4))
    everywhere = tile_noise(LATENTS, whole, seed=1, frame=2, samples=[3, 4])
    for piece in tile_grid((40, 52), (16, 16), (8, 8), (4, 4)):
        noise = tile_noise(LATENTS, piece, seed=1, frame=2, samples=[4])
        for spec, here, all_of_it in zip(LATENTS, noise, everywhere, strict=True):
            box = tuple(slice(o.start // r, o.stop // r) for o, r in zip(piece.outer, spec.reduction, strict=True))
            assert torch.equal(here, all_of_it[(slice(1, 2), slice(None), *box)])
            assert here.any() == spec.is_random


def test_every_part_of_the_key_makes_other_noise() -> None:
    tile = Tile((slice(0, 8), slice(0, 8)), (slice(0, 8), slice(0, 8)))
    base: dict[str, Any] = {"seed": 0, "frame": 0, "samples": [0]}
    draws = [
        tile_noise(LATENTS, tile, **base | change)[0] for change in ({}, {"seed": 1}, {"frame": 1}, {"samples": [1]})
    ]
    assert all(not torch.equal(a, b) for i, a in enumerate(draws) for b in draws[:i])


def test_tiled_equals_untiled_where_the_halo_covers_the_receptive_field() -> None:
    method = tiny_hdn()
    frame = np.random.default_rng(0).normal(100, 20, (1, 90, 131)).astype(np.float32)
    whole = predict_frame(method, frame, request=Request(num_samples=3, seed=5, tile=TileSpec((256, 256), (0, 0))))
    tiled = predict_frame(method, frame, request=Request(num_samples=3, seed=5, tile=TileSpec((32, 48), (48, 48))))
    assert whole.std.mean() > 0.1
    np.testing.assert_allclose(tiled.mean, whole.mean, atol=2e-3)
    np.testing.assert_allclose(tiled.std, whole.std, atol=2e-3)
    bare = predict_frame(method, frame, request=Request(num_samples=3, seed=5, tile=TileSpec((32, 48), (0, 0))))
    assert np.abs(bare.mean - whole.mean).max() > 0.1


def test_tiled_equals_untiled_in_three_dimensions() -> None:
    method = tiny_hdn(dims=3, width=4, latent_channels=(2, 2), z_halvings=1, channels=2)
    assert method.size_multiple == (2, 4, 4)
    frame = np.random.default_rng(0).normal(100, 20, (2, 9, 21, 18)).astype(np.float32)
    whole = predict_frame(method, frame, request=Request(num_samples=2, tile=TileSpec((32,) * 3, (0,) * 3)))
    tiled = predict_frame(method, frame, request=Request(num_samples=2, tile=TileSpec((4, 12, 32), (32, 48, 0))))
    np.testing.assert_allclose(tiled.mean, whole.mean, atol=2e-3)
    np.testing.assert_allclose(tiled.std, whole.std, atol=2e-3)


def test_the_memory_estimate_grows_with_the_network_and_leaves_no_hooks() -> None:
    small, large = tiny_hdn().eval(), tiny_hdn(width=32).eval()
    with torch.inference_mode():
        assert 8 * 4 < bytes_per_pixel(small, torch.device("cpu")) < bytes_per_pixel(large, torch.device("cpu"))
    assert not any(module._forward_hooks for module in small.modules())


def test_some_memory_is_free() -> None:
    assert 2**20 < free_memory("cpu") < 2**50
