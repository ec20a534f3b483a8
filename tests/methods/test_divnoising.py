"""DivNoising against what is published and against closed forms."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from quietscope.axes import Layout
from quietscope.data.frames import Frames
from quietscope.data.normalize import Statistics
from quietscope.methods.divnoising import DivNoising, DivNoisingSettings
from quietscope.noise import Gaussian
from quietscope.presets import find_preset
from quietscope.testing.method_contract import toy_settings
from quietscope.training.budget import Budget
from quietscope.training.fit import fit


def build(sigma: float = 1.0, **changes: object) -> DivNoising:
    torch.manual_seed(0)
    settings = DivNoisingSettings.model_validate({"depth": 1, "filters": 8, "latent_channels": 4, **changes})
    return DivNoising(settings, Statistics(torch.zeros(1), torch.ones(1)), [Gaussian(sigma)]).eval()


def test_paper_preset_has_the_published_number_of_parameters() -> None:
    settings = find_preset("divnoising", "paper").network
    method = DivNoising.build(settings, Statistics(torch.zeros(1), torch.ones(1)), [Gaussian(1.0)])
    assert sum(p.numel() for p in method.parameters()) == 261_281
    assert method.size_multiple == (4, 4)


def test_the_answer_of_the_paper_preset_is_that_of_the_published_network() -> None:
    """Its layers stated again: nothing but convolutions, ReLU after all but the transposed ones, and two maxima."""
    torch.manual_seed(0)
    settings = find_preset("divnoising", "paper").network
    method = DivNoising.build(settings, Statistics(torch.tensor([100.0]), torch.tensor([20.0])), [Gaussian(1.0)]).eval()
    w = method.state_dict()

    def conv(name: str, h: torch.Tensor) -> torch.Tensor:
        return F.conv2d(h, w[f"vae.{name}.weight"], w[f"vae.{name}.bias"], padding=1)

    x = torch.randn(2, 1, 16, 24)
    h = x
    for first, second in ((0, 2), (5, 7)):
        h = F.max_pool2d(F.relu(conv(f"encoder.{second}", F.relu(conv(f"encoder.{first}", h)))), 2)
    mean, log_variance = conv("posterior", h).chunk(2, dim=1)
    noise = torch.randn_like(mean)
    h = mean + torch.exp(0.5 * log_variance) * noise
    for first, second, up in ((0, 2, 4), (6, 8, 10)):
        h = F.relu(conv(f"decoder.{second}", F.relu(conv(f"decoder.{first}", h))))
        h = F.conv_transpose2d(h, w[f"vae.decoder.{up}.weight"], w[f"vae.decoder.{up}.bias"], stride=2)
    with torch.no_grad():
        found = method.decode(method.encode(100 + 20 * x), [noise])
    assert torch.allclose(found, 100 + 20 * conv("head", h), rtol=1e-4, atol=1e-3)


def test_paper_preset_stops_as_published() -> None:
    """After 22 million patches, or 100 epochs of Convallaria without a loss lower by 1e-6; Adam as PyTorch has it."""
    preset = find_preset("divnoising", "paper")
    training = preset.training
    assert preset.steps is not None
    assert preset.steps * training.batch_size == 22_000_000
    assert training.validate_every * training.batch_size == 85 * 8 * 100
    assert (training.early_stop, training.early_stop_delta, training.betas) == (100, 1e-6, (0.9, 0.999))


def test_loss_is_the_evidence_lower_bound() -> None:
    """With Gaussian noise, (x - s)^2 / (2 sigma^2) and its constant, plus the closed-form KL per pixel."""
    method = build(sigma=2.0)
    x = torch.randn(3, 1, 8, 8)
    torch.manual_seed(5)
    with torch.no_grad():
        loss = method.loss(x)
        torch.manual_seed(5)
        mean, raw = method.encode(x)[0].chunk(2, dim=1)
        log_variance = 10 * torch.tanh(raw / 10)
        noise = torch.randn_like(mean)
        s = method.decode(method.encode(x), [noise])
    nll = ((x - s) ** 2 / 8 + np.log(2) + 0.5 * np.log(2 * np.pi)).mean()
    kl = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum() / (3 * 64)
    assert float(loss.terms["nll"]) == pytest.approx(float(nll), rel=1e-5)
    assert float(loss.terms["kl"]) == pytest.approx(float(kl), rel=1e-4)
    assert float(loss.total) == pytest.approx(float(nll + kl), rel=1e-5)


def test_kl_weight_enters_the_loss_and_no_file() -> None:
    method = build()
    x = torch.randn(2, 1, 8, 8)
    totals = []
    for weight in (1.0, 0.25):
        method.kl_weight.fill_(weight)
        torch.manual_seed(1)
        loss = method.loss(x)
        totals.append(float((loss.total - loss.terms["nll"]).detach()))
    assert totals[1] == pytest.approx(0.25 * totals[0], rel=1e-4)
    assert "kl_weight" not in method.state_dict()


def test_latents_hold_the_image_and_the_prior_does_not() -> None:
    method = build(blocks=1, depth=2)
    x = torch.randn(1, 1, 8, 16)
    noise = [torch.randn(1, 4, 2, 4)]
    with torch.no_grad():
        encoding = method.encode(x)
        assert torch.equal(method.decode(encoding, noise), method.emit(method.infer(encoding, noise)))
        assert torch.equal(method.generate(noise), method.emit(noise))
        assert not torch.equal(method.decode(encoding, noise), method.decode(method.encode(x + 1), noise))


def test_posterior_mean_of_smooth_images_beats_the_noise_by_far() -> None:
    """Random gratings under noise of half their contrast: 5 dB are won in seconds, or something is wrong."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:32, :32] / 32.0
    angles, phases = rng.uniform(0, np.pi, 48), rng.uniform(0, 2 * np.pi, 48)
    clean = np.stack(
        [100 + 20 * np.sin(9 * (np.cos(a) * x + np.sin(a) * y) + p) for a, p in zip(angles, phases, strict=True)]
    )
    noisy = (clean + rng.normal(0, 10, clean.shape)).astype(np.float32)
    frames = Frames(((noisy, Layout.of("QYX", noisy.shape)),))
    torch.manual_seed(0)
    method = DivNoising(
        DivNoisingSettings(filters=16, latent_channels=8, blocks=1), Statistics.of_frames(frames), [Gaussian(10.0)]
    )
    training = toy_settings(
        patch=32, batch_size=16, learning_rate=3e-3, betas=(0.9, 0.99), validate_every=100, clip_norm=1.0
    )
    fit(method, frames, training, Budget(steps=200), device=torch.device("cpu"))
    with torch.inference_mode():
        encoding = method.encode(torch.from_numpy(noisy[:, None]))
        draws = [method.decode(encoding, [torch.randn(48, 8, 8, 8)]) for _ in range(20)]
    mean = torch.stack(draws).mean(dim=0)[:, 0].numpy()
    assert float(np.mean((mean - clean) ** 2)) < 0.3 * 100
    assert float(torch.stack(draws).std(dim=0).mean()) > 0.3, "samples differ"
