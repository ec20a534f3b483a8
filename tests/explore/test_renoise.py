"""New exposures of a scene: what they share with the frame, and what they do not."""

import numpy as np
import pytest
import torch

from quietscope.errors import AxesError, ChannelError, SettingsError
from quietscope.explore import Generation, generate, renoise
from quietscope.prediction import predict_frame
from quietscope.tiling.request import Request
from quietscope.tiling.spec import TileSpec
from tests.explore.methods import tiny_dvlae, tiny_hdn

RNG = np.random.default_rng(0)
REQUEST = Request(seed=7)


def frame(*shape: int) -> np.ndarray:
    return RNG.normal(1000, 200, shape).astype(np.float32)


def test_the_clean_part_of_image_n_is_posterior_sample_n() -> None:
    method, x = tiny_hdn(), frame(1, 37, 50)
    samples = []
    predict_frame(method, x, num_samples=3, request=REQUEST, on_sample=lambda _box, _n, sample: samples.append(sample))
    images = renoise(method, x, num=3, seed=REQUEST.seed)
    assert images.shape == (3, 1, 37, 50)
    noise = images - np.stack(samples)
    signal = torch.from_numpy(np.stack(samples))
    expected = method.channel_noise[0].variance(signal).sqrt().numpy()
    assert float(np.std(noise / expected)) == pytest.approx(1.0, abs=0.03)
    assert abs(float(np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1])) < 0.08


@pytest.mark.parametrize(
    ("dims", "direction", "shape"), [(2, "x", (2, 21, 30)), (2, "y", (1, 64, 9)), (3, "z", (1, 5, 8, 8))]
)
def test_learned_noise_is_drawn_at_any_size(dims: int, direction: str, shape: tuple[int, ...]) -> None:
    method = tiny_dvlae(channels=shape[0], dims=dims, direction=direction)
    x = frame(*shape)
    images = renoise(method, x, num=2)
    assert images.shape == (2, *shape)
    np.testing.assert_array_equal(images[:1], renoise(method, x, num=1))
    assert np.abs(images - renoise(method, x, num=2, seed=1)).max() > 1
    generated = generate(method, Generation(num=2, size=shape[1:], with_noise=True))
    assert generated.shape == (2, *shape)
    assert np.abs(generated - generate(method, Generation(num=2, size=shape[1:]))).max() > 1


def test_tiles_of_learned_noise_fit_together() -> None:
    method, x = tiny_dvlae(), frame(1, 64, 128)
    whole, tiled = (renoise(method, x, tile=cut) for cut in (TileSpec((64, 128), (0, 0)), TileSpec((64, 64), (32, 32))))
    # What a network without training makes of the halo differs a little; the noise must not.
    assert np.abs(whole - tiled).max() < 0.05 * whole.std()


def test_mistakes() -> None:
    with pytest.raises(SettingsError, match="at least 1"):
        renoise(tiny_dvlae(), frame(1, 16, 16), num=0)
    with pytest.raises(ChannelError, match="1 channel"):
        renoise(tiny_dvlae(), frame(2, 16, 16))
    with pytest.raises(AxesError):
        renoise(tiny_dvlae(), frame(1, 4, 16, 16))
    silent = tiny_hdn()
    silent.noise_models = torch.nn.ModuleList()
    with pytest.raises(SettingsError, match="knows the noise"):
        renoise(silent, frame(1, 16, 16))
