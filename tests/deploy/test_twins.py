"""Arithmetic that exists twice, in PyTorch and in NumPy, gives the same."""

from typing import Any

import numpy as np
import pytest
import torch

from quietscope.deploy.card import CardLatent
from quietscope.deploy.moments import Moments
from quietscope.deploy.predict import tile_noise
from quietscope.methods.base import LatentSpec
from quietscope.prediction import StreamingMoments
from quietscope.prediction.latent_noise import tile_noise as torch_tile_noise
from quietscope.tiling.antithetic import NO_PAIRS, Pairs
from quietscope.tiling.estimators import Site
from quietscope.tiling.grid import Tile
from quietscope.tiling.kinds import KINDS, Kind, imported
from quietscope.tiling.request import Request

TWINS = [kind for kind in KINDS if kind.twin is not None]
SITE = Site(inner=(slice(2, 40), slice(5, 64)), core=(slice(0, 40), slice(0, 64)), size=(40, 64))


@pytest.mark.parametrize("offset", [0.0, 300.0, 30_000.0])
@pytest.mark.parametrize("cuts", [[], [1, 8, 40], list(range(1, 100))])
@pytest.mark.parametrize("kind", TWINS, ids=lambda kind: kind.name)
def test_estimators(kind: Kind, cuts: list[int], offset: float) -> None:
    samples = np.random.default_rng(0).normal(offset, 20, (100, 2, 40, 64)).astype(np.float32)
    request = Request(num_samples=100, spread=1.3)
    assert kind.twin is not None
    assert kind.estimator is not None
    makers = [imported(address) for address in (kind.twin, kind.estimator)]
    mine, theirs = (maker.of(request, SITE) for maker in makers)
    for batch in np.split(samples, cuts):
        mine.update(batch)
        theirs.update(torch.from_numpy(batch))
    # Both sum in float32 but in another order: 4 units in the last place of what is summed.
    name = kind.output or kind.name
    np.testing.assert_allclose(mine.result()[name], theirs.result()[name].numpy(), rtol=5e-7, atol=4e-5)
    for ask in ("margin", "bytes_per_value"):
        arguments = (request, 2) if ask == "margin" else (request,)
        assert len({getattr(maker, ask)(*arguments) for maker in makers}) == 1


def test_a_single_image_comes_back_bit_for_bit() -> None:
    image = np.random.default_rng(0).normal(300, 20, (1, 2, 7, 9)).astype(np.float32)
    mine, theirs = Moments(), StreamingMoments()
    mine.update(image)
    theirs.update(torch.from_numpy(image))
    for found in (mine.mean(), theirs.mean().numpy()):
        np.testing.assert_array_equal(found, image[0])
    assert not mine.std().any()


def test_moments_do_not_mind_a_large_offset() -> None:
    samples = np.random.default_rng(0).normal(30_000, 1, (100, 4, 5)).astype(np.float32)
    moments = Moments()
    for batch in np.split(samples, [1, 8, 40]):
        moments.update(batch)
    np.testing.assert_allclose(moments.mean(), samples.astype(float).mean(0), rtol=1e-6)
    np.testing.assert_allclose(moments.std(), samples.astype(float).std(0, ddof=1), rtol=1e-3)


@pytest.mark.parametrize("pairs", [NO_PAIRS, Pairs(first=6, count=3)], ids=["independent", "pairs"])
@pytest.mark.parametrize("dims", [2, 3])
def test_noise_of_a_tile(dims: int, pairs: Pairs) -> None:
    latents = tuple(LatentSpec(level=n, channels=n + 2, reduction=(2**n,) * dims, is_random=n != 1) for n in range(3))
    box = tuple(slice(start, start + 24) for start in (8, 20, 40)[:dims])
    key: dict[str, Any] = {"seed": 5, "frame": 2, "samples": [0, 7, 8], "pairs": pairs}
    on_card = [CardLatent(**vars(spec)) for spec in latents]
    found = tile_noise(on_card, Tile(box, box), **key), torch_tile_noise(latents, Tile(box, box), **key)
    for mine, theirs, spec in zip(*found, latents, strict=True):
        # The bits are the same; logarithm, cosine and sine round differently.
        np.testing.assert_allclose(mine, theirs.numpy(), atol=2e-6)
        assert mine.any() == spec.is_random
