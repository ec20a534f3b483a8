"""Looking at a frame from eight sides, tile by tile; and methods that give one image alone."""

from typing import Any

import numpy as np
import pytest
import torch

from quietscope.axes import Layout
from quietscope.errors import SettingsError
from quietscope.prediction import predict_frame, predict_image
from quietscope.tiling.orientations import Turn, orient
from quietscope.tiling.request import Request
from quietscope.tiling.spec import TileSpec
from tests.prediction.methods import Conjugate, Shrink, tiny_hdn

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("dims", [2, 3])
def test_tiled_equals_untiled(dims: int) -> None:
    method = tiny_hdn() if dims == 2 else tiny_hdn(dims=3, width=4, latent_channels=(2, 2))
    frame = RNG.normal(100, 20, (1, 57, 83) if dims == 2 else (1, 3, 21, 38)).astype(np.float32)
    halo = (48, 48) if dims == 2 else (16, 48, 48)
    found = [
        predict_frame(method, frame, request=Request(num_samples=9, augment=True, tile=tile))
        for tile in (TileSpec((128,) * dims, (0,) * dims), TileSpec((16,) * dims, halo))
    ]
    np.testing.assert_allclose(found[1].mean, found[0].mean, atol=2e-3)
    np.testing.assert_allclose(found[1].std, found[0].std, atol=2e-3)


def test_the_halo_turns_with_the_image() -> None:
    frame = RNG.normal(100, 20, (1, 24, 90)).astype(np.float32)
    # Cut along X alone, so a halo along X alone will do; in a swapped frame it lies along Y.
    found = [
        predict_frame(tiny_hdn(), frame, request=Request(num_samples=8, augment=True, tile=tile)).mean
        for tile in (TileSpec((128, 128), (0, 0)), TileSpec((128, 16), (0, 48)))
    ]
    np.testing.assert_allclose(found[1], found[0], atol=2e-3)


def test_the_samples_are_shared_out_to_the_turns() -> None:
    method, frame = tiny_hdn(), RNG.normal(100, 20, (1, 24, 40)).astype(np.float32)

    def draw(frame: np.ndarray, **options: Any) -> dict[int, np.ndarray]:
        found: dict[int, np.ndarray] = {}
        request = Request(num_samples=10, **options)
        predict_frame(
            method, frame, kinds=(), request=request, on_sample=lambda box, k, block: found.update({k: block})
        )
        return found

    plain, augmented = draw(frame), draw(frame, augment=True)
    assert sorted(augmented) == list(range(10))
    np.testing.assert_allclose(augmented[0], plain[0], atol=1e-3)
    np.testing.assert_allclose(augmented[8], plain[8], atol=1e-3)
    for k in range(1, 8):
        # Sample k of the frame turned k times, turned back: its noise has the coordinates of the turned frame.
        turned = draw(np.stack([orient(frame[0], k)]))[k]
        back = Turn(k, frame.shape[1:]).undo(torch.from_numpy(turned), torch.flip)
        np.testing.assert_allclose(augmented[k], back, atol=1e-3)
        assert np.abs(augmented[k] - plain[k]).max() > 0.1


def test_every_turn_is_encoded_once() -> None:
    method = Conjugate()
    request = Request(num_samples=20, augment=True, tile=TileSpec((16, 16), (0, 0)))
    predict_frame(method, RNG.normal(100, 20, (1, 12, 8)).astype(np.float32), request=request)
    assert method.calls == [(1, 1, 12, 8)] * 4 + [(1, 1, 8, 12)] * 4


def test_a_point_method_is_asked_once_per_tile() -> None:
    method, frame = Shrink(), RNG.normal(100, 20, (1, 16, 24)).astype(np.float32)
    found = predict_frame(method, frame, kinds=("mean",), request=Request(tile=TileSpec((8, 24), (0, 0))))
    assert method.calls == [(1, 1, 8, 24)] * 2
    np.testing.assert_allclose(found.mean, method.predict(torch.from_numpy(frame[None]))[0], rtol=1e-5)
    with pytest.raises(AssertionError, match="not asked for"):
        _ = found.std


def test_an_augmented_point_method_gives_the_mean_of_eight() -> None:
    method, frame = Shrink(), RNG.normal(100, 20, (1, 16, 24)).astype(np.float32)
    found = predict_frame(method, frame, kinds=("mean",), request=Request(augment=True))
    singles = []
    for k in range(8):
        single = method.predict(torch.from_numpy(orient(frame, k)[None]))[0]
        singles.append(Turn(k, frame.shape[1:]).undo(single, torch.flip).numpy())
    np.testing.assert_allclose(found.mean, np.mean(singles, axis=0), rtol=1e-5)
    assert np.abs(found.mean - singles[0]).max() > 1


def test_an_image_of_a_point_method_is_written_and_counted() -> None:
    array, out, seen = RNG.normal(100, 20, (3, 8, 8)).astype(np.float32), np.zeros((3, 8, 8)), []
    predict_image(
        Shrink(),
        Layout.of("TYX", array.shape),
        array,
        sinks={"mean": out},
        request=Request(augment=True),
        progress=lambda *counts: seen.append(counts),
    )
    assert (out != 0).all()
    assert seen[-1] == (24, 24)


@pytest.mark.parametrize("kind", ["std", "map", "quantiles"])
def test_a_point_method_refuses_what_needs_samples(kind: str) -> None:
    frame = np.zeros((1, 8, 8), np.float32)
    with pytest.raises(SettingsError, match=r'shrink.*method="hdn"'):
        predict_frame(Shrink(), frame, kinds=("mean", kind))
    with pytest.raises(SettingsError, match="samples"):
        predict_image(Shrink(), Layout.of("YX", (8, 8)), frame[0], sinks={"samples": np.zeros((1, 8, 8))})
