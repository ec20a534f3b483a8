"""Bootstrap: from noisy frames alone to the noise model that made them."""

import signal
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from quietscope.axes import Layout
from quietscope.data.frames import Frames
from quietscope.errors import NoiseError, Terminated
from quietscope.noise import NoiseModel, PoissonGaussian
from quietscope.noise.censored import Censored
from quietscope.presets import find_preset
from quietscope.setup.bootstrap import bootstrap_noise, pseudo_pairs

FAST = find_preset("noise2void", "fast")
SMALL = replace(
    FAST,
    network=FAST.network.model_copy(update={"depth": 1, "filters": 12}),
    training=FAST.training.model_copy(update={"batch_size": 8, "patch": 32, "learning_rate": 3e-3}),
)
"""A first denoiser that trains in seconds, and still gives the deviation of the noise to a few percent."""


def noisy_frames(model: NoiseModel, dims: int = 2) -> tuple[Frames, np.ndarray]:
    """Make smooth images of signals 30 to 230 and their noisy frames."""
    y, x = np.mgrid[:96, :96] / 96.0
    clean = np.stack([130 + 100 * np.sin(5 * x + n) * np.cos(4 * y - n) for n in range(6)]).astype(np.float32)
    noisy = model.sample(torch.from_numpy(clean), torch.Generator().manual_seed(0)).numpy()
    layout = Layout.of("QYX" if dims == 2 else "ZYX", noisy.shape, dims)
    return Frames(((noisy, layout),)), clean


def test_the_noise_is_recovered_from_noisy_frames_alone() -> None:
    truth = PoissonGaussian(gain=4.0, offset=10.0, read_noise=5.0)
    frames, _ = noisy_frames(truth)
    [choice] = bootstrap_noise(frames, preset=SMALL, steps=150)
    at = torch.linspace(50, 210, 30)
    error = choice.model.variance(at).sqrt() / truth.variance(at).sqrt() - 1
    assert float(error.abs().mean()) < 0.1
    assert "held-out log-likelihood" in choice.reason
    assert len(choice.table) >= 4


def test_the_same_seed_gives_the_same_pairs_and_no_global_number_is_drawn() -> None:
    frames, _ = noisy_frames(PoissonGaussian(gain=4.0, offset=10.0, read_noise=5.0))
    state = torch.get_rng_state()
    one, two = (pseudo_pairs(frames, preset=SMALL, steps=3, seed=4, device=None, watch=None)[0] for _ in range(2))
    assert np.array_equal(one.signal, two.signal)
    assert torch.equal(state, torch.get_rng_state())


def test_volumes_are_bootstrapped_too() -> None:
    frames, _ = noisy_frames(PoissonGaussian(gain=4.0, offset=10.0, read_noise=5.0), dims=3)
    [choice] = bootstrap_noise(frames, preset=SMALL, kind="poisson-gaussian", steps=3)
    assert "as asked for" in choice.reason
    assert float(choice.model.variance(torch.tensor(100.0))) > 0


def test_ctrl_c_ends_it() -> None:
    def raise_signal(number: signal.Signals, _: object) -> None:
        signal.raise_signal(number)

    frames, _ = noisy_frames(PoissonGaussian(gain=4.0, offset=10.0, read_noise=5.0))
    for number, error in ((signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)):
        with pytest.raises(KeyboardInterrupt) as caught:
            bootstrap_noise(frames, preset=SMALL, steps=50, watch=partial(raise_signal, number))
        assert caught.type is error


def test_saturated_pixels_are_censored_though_the_brightest_are_not_fitted() -> None:
    frames, _ = noisy_frames(PoissonGaussian(gain=4.0, offset=10.0, read_noise=5.0))
    pixels = np.round(np.asarray(frames.parts[0][0]))
    saturated = np.minimum(pixels, np.quantile(pixels, 0.997))
    layout = Layout.of("QYX", saturated.shape)
    [choice] = bootstrap_noise(Frames(((saturated, layout),)), preset=SMALL, kind="gaussian", steps=60)
    assert isinstance(choice.model, Censored)
    assert choice.model.limits.high == saturated.max()


def test_a_kind_that_is_none_is_refused_before_training() -> None:
    frames, _ = noisy_frames(PoissonGaussian(gain=4.0, offset=10.0, read_noise=5.0))
    with pytest.raises(NoiseError, match="histogram"):
        bootstrap_noise(frames, preset=SMALL, kind="censored", watch=lambda _: pytest.fail("it trained"))


def test_of_a_huge_frame_the_middle_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quietscope.setup.bootstrap.MOST_PAIRS", 1000)
    frames, _ = noisy_frames(PoissonGaussian(gain=4.0, offset=10.0, read_noise=5.0))
    [pairs] = pseudo_pairs(frames, preset=SMALL, steps=2, seed=0, device=None, watch=None)
    assert 500 <= len(pairs.signal) <= 1000
