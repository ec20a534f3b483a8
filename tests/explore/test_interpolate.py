"""From one image to another: ends that are posterior samples, a way that leads straight there."""

from itertools import pairwise

import numpy as np
import pytest

from quietscope.errors import AxesError, SettingsError, SizeError
from quietscope.explore import interpolate
from quietscope.methods.hdn import HDN
from quietscope.prediction import predict_frame
from quietscope.tiling.request import Request
from quietscope.tiling.spec import TileSpec
from tests.explore.methods import tiny_hdn

RNG = np.random.default_rng(0)


def pair(*shape: int) -> tuple[np.ndarray, np.ndarray]:
    return RNG.normal(800, 100, shape).astype(np.float32), RNG.normal(1300, 100, shape).astype(np.float32)


def first_sample(method: HDN, frame: np.ndarray, seed: int) -> np.ndarray:
    found = np.empty_like(frame)

    def keep(box: tuple[slice, ...], k: int, block: np.ndarray) -> None:
        found[(slice(None), *box)] = block

    predict_frame(method, frame, kinds=(), request=Request(num_samples=1, seed=seed), on_sample=keep)
    return found


@pytest.mark.parametrize("dims", [2, 3])
def test_the_ends_are_posterior_samples(dims: int) -> None:
    method = tiny_hdn(channels=2) if dims == 2 else tiny_hdn(dims=3)
    a, b = pair(2, 33, 50) if dims == 2 else pair(1, 3, 10, 21)
    images = interpolate(method, a, b, num=3, seed=4)
    assert images.shape == (3, *a.shape)
    np.testing.assert_allclose(images[0], first_sample(method, a, 4), rtol=1e-5)
    np.testing.assert_allclose(images[-1], first_sample(method, b, 4), rtol=1e-5)


def test_the_way_leads_from_one_to_the_other() -> None:
    a, b = pair(1, 32, 32)
    images = interpolate(tiny_hdn(), a, b, num=6)
    to_end = [float(np.abs(image - images[-1]).mean()) for image in images]
    assert to_end == sorted(to_end, reverse=True)
    steps = [float(np.abs(p - q).mean()) for p, q in pairwise(images)]
    assert max(steps) < 0.6 * to_end[0]
    assert min(steps) > 0


def test_an_image_and_itself_have_no_way_between_them() -> None:
    a, _ = pair(1, 20, 20)
    images = interpolate(tiny_hdn(), a, a, num=4)
    np.testing.assert_allclose(images, images[:1].repeat(4, 0), rtol=1e-5)


def test_tiled_equals_untiled() -> None:
    method, (a, b) = tiny_hdn(), pair(1, 61, 90)
    whole = interpolate(method, a, b, num=3, tile=TileSpec((128, 128), (0, 0)))
    tiled = interpolate(method, a, b, num=3, tile=TileSpec((24, 32), (48, 48)))
    np.testing.assert_allclose(tiled, whole, atol=0.05)


def test_errors_say_what_to_do() -> None:
    method, (a, b) = tiny_hdn(), pair(1, 16, 16)
    with pytest.raises(SettingsError, match="num=8"):
        interpolate(method, a, b, num=1)
    with pytest.raises(SizeError, match="crop"):
        interpolate(method, a, b[:, :8])
    with pytest.raises(AxesError, match="1 channel"):
        interpolate(method, a[0], b[0])
