"""Antithetic pairs: a mean that is exact where the decoder is linear, and a deviation that stays unbiased."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from quietscope.methods.base import LatentSpec
from quietscope.prediction import predict_frame
from quietscope.prediction.latent_noise import tile_noise
from quietscope.tiling.antithetic import Pairs
from quietscope.tiling.grid import Tile
from quietscope.tiling.request import Request
from quietscope.tiling.spec import TileSpec
from tests.prediction.methods import Conjugate, Shrink, tiny_hdn

RNG = np.random.default_rng(0)
LATENTS = (
    LatentSpec(level=0, channels=3, reduction=(2, 2), is_random=True),
    LatentSpec(level=1, channels=2, reduction=(4, 4), is_random=False),
)
WHOLE = TileSpec((256, 256), (0, 0))


class Curved(Conjugate):
    """Its samples are ``m + std (z + b (z^2 - 1))``: mean m, variance ``std^2 (1 + 2 b^2)``, ``2 std^2 b^2`` even."""

    bend = 0.5

    def decode(self, encoding: tuple[torch.Tensor, ...], noise: Sequence[torch.Tensor]) -> torch.Tensor:
        z = noise[0]
        return encoding[0] + self.std * (z + self.bend * (z.square() - 1.0))


def frame_of(*shape: int) -> np.ndarray:
    return RNG.normal(100, 22, shape).astype(np.float32)


def test_samples_of_even_numbers_are_what_they_were_and_odd_ones_turn_their_sign() -> None:
    box = (slice(8, 24), slice(0, 12))
    key: dict[str, Any] = {"seed": 3, "frame": 1}
    plain = tile_noise(LATENTS, Tile(box, box), **key, samples=range(8))
    paired = tile_noise(LATENTS, Tile(box, box), **key, samples=range(8), pairs=Pairs(first=4, count=2))
    for before, after in zip(plain, paired, strict=True):
        for n in (0, 1, 2, 3, 4, 6):
            assert torch.equal(after[n], before[n])
        for n in (5, 7):
            assert torch.equal(after[n], -before[n - 1])
    (alone, _) = tile_noise(LATENTS, Tile(box, box), **key, samples=[7], pairs=Pairs(first=4, count=2))
    assert torch.equal(alone[0], paired[0][7])
    assert alone.any()


def test_samples_that_are_handed_out_pair_only_where_someone_says_so() -> None:
    method, frame = Conjugate(), frame_of(1, 16, 16)

    def drawn(request: Request) -> np.ndarray:
        found: dict[int, np.ndarray] = {}
        predict_frame(method, frame, request=request, kinds=("mean",), on_sample=lambda _, k, s: found.update({k: s}))
        return np.stack([found[k] for k in sorted(found)])

    plain, paired = drawn(Request(num_samples=6)), drawn(Request(num_samples=6, pairs=3))
    np.testing.assert_array_equal(plain, drawn(Request(num_samples=6, pairs=0)))
    np.testing.assert_array_equal(paired[::2], plain[::2])
    np.testing.assert_allclose(paired[1::2] + paired[::2], 2 * method.mean(frame)[None].repeat(3, 0), rtol=1e-5)


@pytest.mark.parametrize("kinds", [("mean",), ("mean", "std")])
@pytest.mark.parametrize("augment", [False, True])
@pytest.mark.parametrize("tile", [None, TileSpec((12, 12), (4, 4))])
def test_the_mean_is_exact_where_the_decoder_is_linear(
    kinds: tuple[str, ...], augment: bool, tile: TileSpec | None
) -> None:
    method, frame = Conjugate(channels=2), frame_of(2, 33, 45)
    found = predict_frame(method, frame, kinds=kinds, request=Request(num_samples=9, augment=augment, tile=tile))
    np.testing.assert_allclose(found.mean, method.mean(frame), atol=1e-4)
    independent = predict_frame(method, frame, kinds=kinds, request=Request(num_samples=9, pairs=0, augment=augment))
    assert np.abs(independent.mean - method.mean(frame)).max() > 1


@pytest.mark.parametrize("num_samples", [8, 20])
@pytest.mark.parametrize("method", [Conjugate(), Curved()], ids=["linear", "curved"])
def test_mean_and_deviation_are_unbiased(method: Conjugate, num_samples: int) -> None:
    frame = frame_of(1, 256, 300)
    bend = method.bend if isinstance(method, Curved) else 0.0
    variance = method.std**2 * (1 + 2 * bend**2)
    request = Request(num_samples=num_samples, tile=WHOLE).settled(("mean", "std"))
    found = predict_frame(method, frame, request=request)
    assert request.pairs is not None
    assert 0 < request.pairs < num_samples // 2
    pixels, independent = frame.size, num_samples - request.pairs
    # The variance of an estimated variance is below 2 variance^2 / (n - 1) by the kurtosis' share of 12 / n at most.
    error = (2 / (independent - 1) + 12 / independent) ** 0.5 * variance / pixels**0.5
    assert abs(np.mean(found.std**2) - variance) < 4 * error
    expected = method.std**2 * 2 * bend**2 / request.pairs
    off = found.mean - method.mean(frame)
    assert abs(off.mean()) < 4 * max(expected, 1e-9) ** 0.5 / pixels**0.5 + 1e-4
    assert np.mean(off**2) == pytest.approx(expected, rel=0.1, abs=1e-6)


def test_pairs_are_worth_many_independent_samples() -> None:
    method, frame = Curved(), frame_of(1, 128, 128)
    method.bend = 0.1
    off = {
        pairs: np.mean((predict_frame(method, frame, kinds=("mean",), request=request).mean - method.mean(frame)) ** 2)
        for pairs, request in ((n, Request(num_samples=10, pairs=n)) for n in (0, 5))
    }
    # var e / var o is 2 b^2 = 0.02: (1 + 0.02) / 10 against 0.02 / 5.
    assert off[0] / off[5] == pytest.approx(25.5, rel=0.1)


@pytest.mark.parametrize("augment", [False, True])
@pytest.mark.parametrize("kinds", [("mean",), ("mean", "std", "map", "quantiles")])
def test_tiled_equals_untiled(kinds: tuple[str, ...], augment: bool) -> None:
    method, frame = tiny_hdn(), frame_of(1, 57, 83)
    whole, tiled = (
        predict_frame(method, frame, kinds=kinds, request=Request(num_samples=8, augment=augment, tile=tile))
        for tile in (WHOLE, TileSpec((32, 16), (48, 48)))
    )
    for kind in kinds:
        np.testing.assert_allclose(tiled.arrays[kind], whole.arrays[kind], atol=3e-3)
    independent = predict_frame(method, frame, request=Request(num_samples=8, augment=augment, pairs=0))
    assert np.abs(independent.mean - whole.mean).max() > 0.05


def test_turns_that_get_no_pair_are_not_looked_at() -> None:
    method = Conjugate()
    request = Request(num_samples=6, augment=True, tile=TileSpec((16, 16), (0, 0)))
    predict_frame(method, frame_of(1, 16, 16), kinds=("mean",), request=request)
    assert len(method.calls) == 3


def test_an_odd_number_draws_nothing_in_vain_and_a_point_method_does_not_pair() -> None:
    seen: list[tuple[int, int]] = []
    frame = frame_of(1, 16, 16)
    predict_frame(Conjugate(), frame, kinds=("mean",), num_samples=7, progress=lambda *counts: seen.append(counts))
    assert seen[-1] == (6, 6)
    one, many = (
        predict_frame(Shrink(), frame, kinds=("mean",), request=Request(num_samples=n, augment=True)) for n in (2, 50)
    )
    np.testing.assert_array_equal(one.mean, many.mean)
