"""No jumps: whatever part of a series or stack is looked at, its mean is that of the noisy image."""

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy.ndimage import gaussian_filter

from quietscope import Denoiser
from quietscope.axes import Layout
from quietscope.data.frames import Frames
from quietscope.methods import METHODS
from quietscope.methods.noise2void import Noise2Void
from quietscope.training.brightness import _fit, keep_means
from tests.tiny import denoiser
from tests.training.test_team import CPU, Blur

LENGTH, SIDE, TILE = 8, 192, 96
RNG = np.random.default_rng(0)


def fading() -> npt.NDArray[np.float32]:
    """Return a scene that fades to half of its brightness, with photon noise, (T, Y, X)."""
    scene = gaussian_filter(RNG.gamma(0.3, 1.0, (SIDE, SIDE)), 3)
    scene = 300.0 + 1500.0 * scene / scene.max()
    return RNG.poisson(scene * np.linspace(1.0, 0.5, LENGTH)[:, None, None]).astype(np.float32)


@pytest.fixture(scope="module")
def noisy() -> npt.NDArray[np.float32]:
    return fading()


@pytest.fixture(scope="module", params=["instant", "noise2void"])
def model(noisy: npt.NDArray[np.float32], request: pytest.FixtureRequest) -> Denoiser:
    """Hardly trained: with two steps, or sixty."""
    return Denoiser(method=request.param, noise="auto", steps=2 if request.param == "instant" else 60).fit(
        noisy, axes="TYX", progress=False, notify=lambda _: None
    )


def test_means_of_frames_ends_and_neighbouring_chunks_are_those_of_the_noisy_series(
    model: Denoiser, noisy: npt.NDArray[np.float32]
) -> None:
    """To 0.1 % by `instant`; a network of sixty steps bends what lies between dark and bright."""
    most = 1e-3 if model.method.name == "instant" else 8e-3
    result = model.denoise(noisy, axes="TYX", tile=TILE).mean
    assert result.mean() == pytest.approx(noisy.mean(), rel=1e-3)
    frames = result.mean((1, 2)) / noisy.mean((1, 2))
    np.testing.assert_allclose(frames, 1.0, atol=most)
    cells = (LENGTH, SIDE // TILE, TILE, SIDE // TILE, TILE)
    chunks = result.reshape(cells).mean((2, 4)) / noisy.reshape(cells).mean((2, 4))
    np.testing.assert_allclose(chunks, 1.0, atol=most)
    assert abs(np.diff(chunks, axis=1)).max() < most
    assert abs(np.diff(chunks, axis=2)).max() < most


def test_the_scale_is_one_for_the_whole_series(model: Denoiser, noisy: npt.NDArray[np.float32]) -> None:
    whole = model.denoise(noisy, axes="TYX").mean
    np.testing.assert_allclose(model.denoise(noisy[5], axes="YX").mean, whole[5], rtol=1e-5)


def test_gain_and_offset_are_found_where_squares_tell_them() -> None:
    result = RNG.uniform(100.0, 1000.0, 500)
    variance = result / 256.0
    noisy = 1.02 * result - 5.0 + RNG.normal(0.0, np.sqrt(variance))
    gain, offset = _fit(noisy, result, variance)
    assert gain == pytest.approx(1.02, abs=2e-3)
    assert offset == pytest.approx(-5.0, abs=0.5)
    flat = RNG.normal(200.0, 0.01, 500)
    gain, offset = _fit(flat + 3.0 + RNG.normal(0.0, 1.0, 500), flat, np.ones(500))
    assert gain == 1.0
    assert offset == pytest.approx(3.0, abs=0.2)
    assert _fit(noisy[:20], result[:20], variance[:20]) == (1.0, 0.0)


def test_a_last_layer_shifts_what_a_network_gives(noisy: npt.NDArray[np.float32]) -> None:
    method = denoiser(METHODS["noise2void"]).method.eval()
    assert isinstance(method, Noise2Void)
    x = torch.from_numpy(noisy[:1, None, :64, :64].copy())
    with torch.no_grad():
        before = method.predict(x)
        method.shift_signal(torch.tensor([1.02]), torch.tensor([-5.0]))
        torch.testing.assert_close(method.predict(x), 1.02 * before - 5.0, rtol=1e-4, atol=0.05)


def test_methods_that_cannot_be_shifted_are_left_alone() -> None:
    method, pixels = Blur(), np.ones((4, 64, 64), np.float32)
    before = {name: value.clone() for name, value in method.state_dict().items()}
    keep_means(method, Frames(((pixels, Layout.of("TYX", pixels.shape)),)), [0], CPU)
    assert all((value == before[name]).all() for name, value in method.state_dict().items())
