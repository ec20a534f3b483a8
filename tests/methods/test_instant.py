"""The denoiser that comes trained: what it does to images that it never saw, and what it learns from them."""

from typing import Any

import numpy as np
import pytest
import torch

from quietscope import Denoiser, samples
from quietscope.io import read_image
from quietscope.methods.instant import Instant, InstantSettings
from quietscope.metrics import psnr
from quietscope.nn.unit_noise import LAGS, UnitNoiseNet, UnitNoiseShape
from quietscope.noise import PoissonGaussian
from quietscope.training.enough import NOTHING_TO_LEARN
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
        assert float((net(x, torch.zeros(1, len(LAGS))) - x).abs().mean()) < 0.3


def smeared(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Make a smooth image, and with noise of standard deviation 20 that is correlated along rows."""
    y, x = np.mgrid[:128, :128]
    clean = 200.0 + 60.0 * np.sin(y / 9.0) * np.cos(x / 7.0)
    white = np.random.default_rng(seed).standard_normal((128, 132))
    noise = sum(white[:, lag : lag + 128] for lag in range(4)) / 2
    return clean, (clean + 20.0 * noise).astype(np.float32)


def test_noise_along_rows_goes_where_it_is_told() -> None:
    """Correlations of 0.75, 0.5 and 0.25 at one, two and three pixels: taken for structure, it stays."""
    clean, noisy = smeared(0)
    found = {}
    for correlation in ((0.0, 0.0, 0.0, 0.0), (0.75, 0.5, 0.0, 0.0)):
        network = {"direction": "x", "correlation": correlation}
        denoiser = Denoiser(method="instant", noise="sigma=20", network=network, steps=1)
        denoiser.fit(noisy, axes="YX", notify=lambda line: None, progress=False)
        found[correlation[0]] = psnr(np.asarray(denoiser.denoise(noisy, axes="YX").mean), clean)
    assert found[0.75] > found[0.0] + 2.0, found


def test_columns_are_rows_of_the_turned_image() -> None:
    rows, columns = (untrained(Instant, direction=axis, correlation=(0.05, 0.02, 0.0, 0.0)) for axis in "xy")
    columns.load_state_dict(rows.state_dict())
    x = 150 + 30 * torch.randn(1, 1, 16, 32)
    with torch.no_grad():
        for one, other in zip(rows.moments(x), columns.moments(x.mT), strict=True):
            assert torch.allclose(one, other.mT, atol=1e-3)
    assert rows.orientations == columns.orientations
    assert len(rows.orientations) < len(untrained(Instant).orientations)


def test_nothing_is_learnt_from_pixels_whose_noise_is_seen_beside_them() -> None:
    _, noisy = smeared(1)
    denoiser, told = Denoiser(method="instant", noise="sigma=20", steps=3), list[str]()
    denoiser.fit(noisy, axes="YX", notify=told.append, progress=False)
    assert NOTHING_TO_LEARN in told
    assert not any("too few" in line for line in told)
    assert isinstance(denoiser.method, Instant)
    assert denoiser.method.settings.leaks
    assert not denoiser.method.scale.curve.bends.any()
    assert denoiser.card.training["steps"] == 0
    assert denoiser.card.effort is not None
    assert not denoiser.card.effort.is_short, "none were wanting"
    with pytest.raises(ValueError, match="below"):
        InstantSettings(learns="network", direction="x", correlation=(0.5, 0.0, 0.0, 0.0))
    with pytest.raises(ValueError, match="direction"):
        InstantSettings(correlation=(0.5, 0.0, 0.0, 0.0))


def test_the_deviation_is_that_of_the_error() -> None:
    """A field that no weights have seen, whose reference is a mean of 50 exposures and has a share of the noise."""
    noisy, clean = field("noisy"), field("clean")
    result = fitted(2).denoise(noisy, axes="YX")
    assert result.std is not None
    error, own = np.asarray(result.mean) - clean, np.square(noisy - clean).mean() / 50
    predicted = np.square(np.asarray(result.std)).mean() + own
    assert 0.75 < float(np.square(error).mean() / predicted) < 1.33
    bright = np.asarray(result.mean) > np.quantile(np.asarray(result.mean), 0.9)
    assert np.asarray(result.std)[bright].mean() > 2 * np.asarray(result.std)[~bright].mean()


def test_a_network_that_learns_learns_its_deviation() -> None:
    """Nothing but noise: a hidden pixel differs from what is predicted by the noise alone."""
    method = untrained(Instant, learns="network")
    x = 150.0 + 3.0 * torch.randn(4, 1, 32, 32)
    assert method.network.spread_head is not None
    spread = method.network.spread_head.bias
    torch.autograd.backward(method.loss(x).total)
    assert spread is not None
    assert spread.grad is not None
    assert float(spread.grad.abs().sum()) > 0


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
