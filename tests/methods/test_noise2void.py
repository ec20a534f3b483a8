"""Noise2Void: it learns from noisy images alone, and learns neither the noise nor the pixel itself."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from quietscope.axes import Layout
from quietscope.data.frames import Frames
from quietscope.data.normalize import Statistics
from quietscope.errors import SettingsError
from quietscope.methods.noise2void import Noise2Void, Noise2VoidSettings
from quietscope.nn.seeding import seeded
from quietscope.presets import Configuration, find_preset
from quietscope.testing.method_contract import toy_settings
from quietscope.training.budget import Budget
from quietscope.training.fit import fit
from tests.tiny import enliven


def test_the_loss_does_not_see_the_hidden_pixel() -> None:
    """Changing the pixel under a blind spot changes the target, never the prediction."""
    settings = Noise2VoidSettings(depth=1, filters=8, masked_share=1 / 64, batch_norm=False)
    torch.manual_seed(0)
    method = Noise2Void(settings, Statistics(torch.zeros(1), torch.ones(1)))
    x = torch.randn(1, 1, 8, 8)
    torch.manual_seed(3)
    spot = int(method.blind_spots.apply(x).index[0, 0])
    losses = []
    for change in (0.0, 1.0, 2.0):
        changed = x.clone()
        changed.view(-1)[spot] += change
        torch.manual_seed(3)
        losses.append(float(method.loss(changed).total.detach()))
    # (c + p)^2 for c = 0, 1, 2: the second difference is 2 exactly if p does not depend on c.
    assert losses[2] - 2 * losses[1] + losses[0] == pytest.approx(2.0, rel=1e-4)


def test_it_denoises_and_cannot_learn_the_noise() -> None:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:48, :48] / 48.0
    clean = np.stack([100 + 20 * np.sin(9 * x + n) * np.cos(7 * y - n) for n in range(16)])
    noisy = (clean + rng.normal(0, 20, clean.shape)).astype(np.float32)
    frames = Frames(((noisy, Layout.of("QYX", noisy.shape)),))
    torch.manual_seed(0)
    settings = Noise2VoidSettings(filters=12, masked_share=1 / 16, batch_norm=False)
    method = Noise2Void(settings, Statistics.of_frames(frames))
    training = toy_settings(patch=32, batch_size=8, learning_rate=3e-3, validate_every=100, clip_norm=1.0)
    fit(method, frames, training, Budget(steps=100), device=torch.device("cpu"))
    with torch.inference_mode():
        result = method.predict(torch.from_numpy(noisy[:, None]))[:, 0].numpy()
    assert float(np.mean((result - clean) ** 2)) < 0.15 * 400
    kept = float(np.mean((result - clean) * (noisy - clean)) / 400)
    assert abs(kept) < 0.15, "share of a pixel's noise that is left in it"


def test_n2v2_preset_is_n2v2() -> None:
    network = find_preset("noise2void", "n2v2").network
    assert isinstance(network, Noise2VoidSettings)
    assert (network.replacement, network.blur_pool, network.top_skip) == ("median", True, False)


def test_paper_preset_is_that_of_the_published_bsd68_runs() -> None:
    """A residual network, its input added to its output; replacement by any pixel of 5 x 5, 8 of 64 x 64 at a time."""
    preset = find_preset("noise2void", "paper")
    settings = preset.network
    assert isinstance(settings, Noise2VoidSettings)
    assert (settings.depth, settings.filters, settings.batch_norm, settings.residual) == (2, 96, True, True)
    spots = settings.blind_spots()
    assert (spots.window, len(spots.source_offsets)) == (5, 25)
    method = Noise2Void(settings, Statistics(torch.tensor([100.0]), torch.tensor([20.0])))
    assert 7 <= float(method.blind_spots.apply(torch.randn(64, 1, 64, 64)).weight.sum(dim=1).mean()) <= 10
    for parameter in method.unet.head.parameters():
        torch.nn.init.zeros_(parameter)
    x = 100 + 20 * torch.randn(1, 1, 8, 8)
    assert torch.allclose(method.eval().predict(x), x, atol=1e-3)


def test_the_answer_of_the_paper_preset_is_that_of_the_published_network() -> None:
    """Two halvings, norm after every convolution, skips beside; the last of each two convolutions has fewer filters."""
    with seeded(0):
        settings = find_preset("noise2void", "paper").network
        method = Noise2Void.build(settings, Statistics(torch.tensor([100.0]), torch.tensor([20.0])), []).eval()
        enliven(method)
    w = method.state_dict()
    widths = [
        (1, 96),
        (96, 96),
        (96, 192),
        (192, 192),
        (192, 384),
        (384, 192),
        (384, 192),
        (192, 96),
        (192, 96),
        (96, 96),
    ]
    assert sum(p.numel() for p in method.parameters()) == sum(9 * a * b + 3 * b for a, b in widths) + 96 + 1

    def twice(name: str, h: torch.Tensor) -> torch.Tensor:
        for conv, norm in ((0, 1), (3, 4)):
            h = F.conv2d(h, w[f"unet.{name}.{conv}.weight"], w[f"unet.{name}.{conv}.bias"], padding=1)
            at = f"unet.{name}.{norm}"
            h = F.relu(
                F.batch_norm(h, w[f"{at}.running_mean"], w[f"{at}.running_var"], w[f"{at}.weight"], w[f"{at}.bias"])
            )
        return h

    x = torch.randn(1, 1, 16, 24, generator=torch.Generator().manual_seed(1))
    first = twice("down.0", x)
    second = twice("down.1", F.max_pool2d(first, 2))
    h = twice("down.2", F.max_pool2d(second, 2))
    for name, skip in (("up.1", second), ("up.0", first)):
        h = twice(name, torch.cat((F.interpolate(h, scale_factor=2, mode="nearest"), skip), dim=1))
    expected = F.conv2d(h, w["unet.head.weight"], w["unet.head.bias"]) + x
    with torch.no_grad():
        assert torch.allclose(method.predict(100 + 20 * x), 100 + 20 * expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    "network",
    [
        {"window": 4},
        {"mask_extent": 2},
        {"masked_share": 0.9},
        {"mask_axes": "z"},
        {"replacement": "uniform_with_centre", "mask_axes": "x"},
    ],
)
def test_settings_that_do_not_fit_are_refused(network: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        Configuration.of({"method": "noise2void", "network": network})
