"""The denoiser that comes trained: what it does to images that it never saw, and what it learns from them."""

from typing import Any

import numpy as np
import pytest
import torch

from quietscope import Denoiser, samples
from quietscope.io import read_image
from quietscope.methods.instant import Instant, InstantSettings
from quietscope.metrics import psnr
from quietscope.nn.unit_noise import UnitNoiseNet, UnitNoiseShape
from quietscope.noise import PoissonGaussian
from quietscope.weights import unit_noise_weights
from tests.tiny import untrained


def field(kind: str) -> np.ndarray:
    image = read_image(samples.sample_path(f"confocal_fish_{kind}"))
    return np.asarray(image)[0].astype(np.float32)


def fitted(steps: int, noise: str = "auto", **network: Any) -> Denoiser:
    denoiser = Denoiser(
        method="instant", noise=noise, steps=steps, network=network, training={"patch": 32, "batch_size": 2}
    )
    return denoiser.fit(field("noisy"), axes="YX", notify=lambda line: None, progress=False)


def test_a_field_that_no_weights_have_seen() -> None:
    """Two steps, a second of work: 8 dB and more above the noisy image, as BM3D that is told the noise."""
    clean = field("clean")
    result = fitted(2).denoise(field("noisy"), axes="YX").mean
    gained = psnr(np.asarray(result), clean) - psnr(field("noisy"), clean)
    assert gained > 8.0, gained


def test_the_network_leaves_what_has_no_noise_beyond_its_width() -> None:
    """Ten noise widths of contrast, and no noise: a step edge stays, to a fraction of the noise."""
    net = UnitNoiseNet(UnitNoiseShape()).eval()
    net.load_state_dict(unit_noise_weights())
    x = torch.zeros(1, 1, 64, 64)
    x[..., 32:] = 20.0
    x = x - x.mean()
    with torch.no_grad():
        assert float((net(x) - x).abs().mean()) < 0.3


def test_only_the_curve_learns_unless_told() -> None:
    frozen, free = (untrained(Instant, learns=kind) for kind in ("curve", "network"))
    assert {name for name, p in frozen.named_parameters() if p.requires_grad} == {
        "scale.curve.bends",
        "scale.signal.bends",
    }
    assert all(p.requires_grad for p in free.parameters())


def test_the_curve_bends_towards_the_noise() -> None:
    """The noise was said to be as wide everywhere, and a third of what it is: forty steps take more of it out."""
    clean = field("clean")
    wrong = "sigma=5"
    before, after = (fitted(steps, wrong).denoise(field("noisy"), axes="YX").mean for steps in (1, 40))
    assert psnr(np.asarray(after), clean) > psnr(np.asarray(before), clean) + 0.2


def test_planes_of_volumes_are_denoised_one_by_one() -> None:
    flat, deep = untrained(Instant), untrained(Instant, dims=3)
    deep.load_state_dict(flat.state_dict())
    x = 150 + 30 * torch.randn(1, 1, 3, 16, 16)
    with torch.no_grad():
        planes = torch.stack([flat.predict(x[:, :, z]) for z in range(3)], dim=2)
        assert torch.allclose(deep.predict(x), planes, atol=1e-3)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="one number per level"):
        InstantSettings(widths=(4, 8), blocks=(1,))
    with pytest.raises(ValueError, match="odd"):
        InstantSettings(window=4)


def test_channels_have_scales_of_their_own() -> None:
    one, two = untrained(Instant, channels=1), untrained(Instant, channels=2)
    x = 150 + 30 * torch.randn(1, 1, 16, 16)
    pair = torch.cat((x, 0.3 * x), dim=1)
    assert one.scale.noisy.shape[0] == 1
    assert two.predict(pair).shape == (1, 2, 16, 16)
    assert isinstance(two.channel_noise[1], PoissonGaussian)
