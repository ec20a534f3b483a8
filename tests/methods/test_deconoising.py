"""DecoNoising: it sees through the blur it is shown, and what it gives obeys it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from quietscope.axes import Layout
from quietscope.data.frames import Frames
from quietscope.data.normalize import Statistics
from quietscope.data.patches import turned
from quietscope.errors import SettingsError, SizeError
from quietscope.methods.deconoising import DecoNoising, DecoNoisingSettings
from quietscope.nn.convolve import convolve
from quietscope.nn.seeding import seeded
from quietscope.presets import Configuration, find_preset
from quietscope.testing.method_contract import toy_settings
from quietscope.tiling.orientations import ALL_TURNS, FLIPS, orient
from quietscope.training.budget import Budget
from quietscope.training.fit import fit

SLANTED = torch.tensor([[[0.1, 0.3, 0.0], [0.0, 0.4, 0.0], [0.0, 0.2, 0.0]]])


def small(psf: torch.Tensor | None = None, **values: Any) -> DecoNoising:
    size: dict[str, Any] = {} if psf is None else {"psf_size": tuple(psf.shape[1:])}
    settings = DecoNoisingSettings(depth=1, filters=8, **size, **values)
    with seeded(0):
        method = DecoNoising(settings, Statistics(torch.tensor([100.0]), torch.tensor([20.0])))
    if psf is not None:
        method.show_psf(psf)
    return method.eval()


def published_unet(weights: Mapping[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """State the published U-Net a second time: two halvings, sums as skips, transposed convolutions on the way up."""

    def twice(name: str, h: torch.Tensor) -> torch.Tensor:
        for number in ("first", "second"):
            h = F.relu(F.conv2d(h, weights[f"{name}.{number}.weight"], weights[f"{name}.{number}.bias"], padding=1))
        return h

    skips: list[torch.Tensor] = []
    for level in range(2):
        skips.append(twice(f"down{level}", x if level == 0 else F.max_pool2d(skips[-1], 2)))
    h = twice("down2", F.max_pool2d(skips[-1], 2))
    for level in (1, 0):
        risen = F.conv_transpose2d(h, weights[f"rise{level}.weight"], weights[f"rise{level}.bias"], stride=2)
        h = twice(f"up{level}", risen + skips[level])
    return F.conv2d(h, weights["last.weight"], weights["last.bias"])


def paper() -> DecoNoising:
    settings = find_preset("deconoising", "paper").network
    with seeded(0):
        return DecoNoising.build(settings, Statistics(torch.tensor([100.0]), torch.tensor([20.0])), []).eval()


def test_paper_preset_is_the_published_network() -> None:
    """The authors' class counts one number more, the width of noise that it never uses: 1,677,378."""
    method = paper()
    assert sum(p.numel() for p in method.parameters()) == 1_677_378 - 1
    assert method.size_multiple == (4, 4)
    names = {f"unet.{part}.{n}": f"{part}{n}" for part in ("down", "up", "rise") for n in range(3)}
    names |= {
        f"{block}.{place}": f"{word}.{number}"
        for block, word in names.items()
        for place, number in ((0, "first"), (2, "second"))
    }
    names["unet.head"] = "last"
    weights = {}
    for name, value in method.named_parameters():
        layer, _, kind = name.rpartition(".")
        weights[f"{names[layer]}.{kind}"] = value
    x = 100 + 20 * torch.randn(1, 1, 20, 28)
    with torch.no_grad():
        expected = 10.0 * published_unet(weights, (x - 100) / 20) * 20 + 100
        assert torch.allclose(method.deconvolve(x), expected, rtol=1e-5, atol=1e-3)


def test_paper_preset_starts_as_published() -> None:
    for module in paper().unet.modules():
        if isinstance(module, torch.nn.Conv2d):
            outs, ins, *kernel = module.weight.shape
            expected = (2.0 / ((outs + ins) * kernel[0] * kernel[1])) ** 0.5
            assert float(module.weight.detach().std()) == pytest.approx(expected, rel=0.25), (
                "Glorot's normal distribution"
            )
            assert module.bias is not None
            assert not module.bias.any()


@pytest.mark.parametrize("turn", ALL_TURNS)
def test_tensors_turn_like_arrays(turn: int) -> None:
    image = torch.arange(12.0).reshape(1, 3, 4)
    assert torch.equal(turned(image, turn), torch.from_numpy(orient(image.numpy(), turn)))


def test_the_denoised_image_is_the_deconvolved_one_blurred() -> None:
    method, x = small(SLANTED), 100 + 20 * torch.randn(2, 1, 16, 16)
    with torch.inference_mode():
        sharp, denoised = method.deconvolve(x), method.predict(x)
    assert torch.allclose(denoised, convolve(sharp, SLANTED), atol=1e-3)
    assert not torch.allclose(denoised, sharp, atol=0.1)


def test_a_round_psf_turns_with_every_patch_and_a_slanted_one_not() -> None:
    assert small().orientations == ALL_TURNS
    assert small(mask_axes="x").orientations == FLIPS
    assert small(SLANTED).orientations == (0,)
    mirrored = torch.tensor([[[0.1, 0.2, 0.1], [0.1, 0.3, 0.1], [0.0, 0.1, 0.0]]])
    assert small(mirrored).orientations == (0, 2)


def test_augmentation_turns_the_psf_with_the_patch() -> None:
    """A perfect network, d = the sharp image, has no loss in any turn; with the PSF left as it is, it has."""
    method = small(SLANTED)
    sharp = torch.randn(64, 1, 12, 12)
    blurred = convolve(sharp, SLANTED)
    torch.manual_seed(0)
    patches, psf = method._turn(blurred)
    torch.manual_seed(0)
    truth, _ = method._turn(sharp)
    assert psf.shape == (64, 1, 3, 3)
    assert torch.allclose(convolve(truth, psf), patches, atol=1e-5)
    assert not torch.allclose(convolve(truth, SLANTED), patches, atol=0.1)
    assert len({tuple(each.flatten().tolist()) for each in psf}) == 8


def test_unequal_sides_become_equal_so_that_they_transpose() -> None:
    long = torch.rand(1, 3, 7)
    method = small(long / long.sum())
    assert method.psf.shape == (1, 7, 7)
    assert float(method.psf.sum()) == pytest.approx(1.0)
    x = torch.randn(8, 1, 16, 16)
    assert method.loss(100 + 20 * x).total.isfinite()


@pytest.mark.parametrize(("given", "expected"), [(None, 80.0), (70.0, 70.0)])
def test_background_is_estimated_or_given(given: float | None, expected: float) -> None:
    statistics = Statistics(torch.tensor([100.0]), torch.tensor([20.0]), darkest=torch.tensor([80.0]))
    method = DecoNoising(DecoNoisingSettings(depth=1, filters=8, background=given), statistics)
    assert float(method.background[0]) == expected


def test_only_what_lies_below_the_background_is_pressed_up() -> None:
    method = small(background=100.0, positivity=1.0)
    with torch.no_grad():
        for parameter in method.unet.head.parameters():
            parameter.zero_()
        method.get_parameter("unet.head.bias").fill_(-0.5)
    x = torch.full((1, 1, 16, 16), 90.0)
    terms = method.loss(x).terms
    assert float(terms["below"]) == pytest.approx(0.5)
    assert float(terms["mse"]) == pytest.approx(0.0, abs=1e-10)
    with torch.no_grad():
        method.get_parameter("unet.head.bias").fill_(0.5)
    assert float(method.loss(x).terms["below"]) == 0.0


def test_total_variation_counts_steps() -> None:
    method = small(total_variation=0.1)
    with torch.inference_mode():
        loss = method.loss(100 + 20 * torch.randn(1, 1, 16, 16))
    parts = float(loss.terms["mse"] + loss.terms["below"] + 0.1 * loss.terms["tv"])
    assert float(loss.total) == pytest.approx(parts, rel=1e-5)
    assert "tv" not in small().loss(torch.randn(1, 1, 16, 16)).terms


def test_what_is_smaller_than_the_psf_is_refused() -> None:
    with pytest.raises(SizeError, match="3 x 3"):
        small(SLANTED).check_size((2, 16))


@pytest.mark.parametrize("network", [{"psf_size": (4, 4)}, {"psf_size": (3,)}, {"psf_sigma": 0.0}, {"window": 4}])
def test_settings_out_of_range(network: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        Configuration.of({"method": "deconoising", "network": network})


def test_it_deconvolves_points() -> None:
    """On blurred points the deconvolved image comes closer to the truth than the blurred truth itself is."""
    rng = np.random.default_rng(0)
    sharp = np.zeros((12, 1, 48, 48), np.float32)
    for frame in sharp:
        frame[0, rng.integers(0, 48, 40), rng.integers(0, 48, 40)] = 600.0
    sharp_image = 100 + torch.from_numpy(sharp)
    torch.manual_seed(0)
    settings = DecoNoisingSettings(depth=1, filters=12, psf_sigma=1.2, merge="concat", background=100.0)
    placeholder = DecoNoising(settings, Statistics(torch.zeros(1), torch.ones(1)))
    blurred = convolve(sharp_image, placeholder.psf)
    noisy = (blurred + 8 * torch.randn(blurred.shape)).numpy()[:, 0]
    frames = Frames(((noisy, Layout.of("QYX", noisy.shape)),))
    method = DecoNoising(settings, Statistics.of_frames(frames))
    training = toy_settings(patch=32, batch_size=8, learning_rate=5e-3, validate_every=100, clip_norm=1.0)
    fit(method, frames, training, Budget(steps=120), device=torch.device("cpu"))
    with torch.inference_mode():
        found = method.deconvolve(torch.from_numpy(noisy[:, None]))
    error, of_blur = (float((image - sharp_image).square().mean()) for image in (found, blurred))
    assert error < 0.9 * of_blur, (error, of_blur)
    assert float((found < 90).float().mean()) < 0.02
