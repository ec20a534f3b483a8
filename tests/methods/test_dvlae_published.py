"""The presets `paper` and `tutorial` of DVLAE are the published network: its size, and its answer stated again."""

from collections.abc import Mapping

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from quietscope.data.normalize import Statistics
from quietscope.methods.dvlae import DVLAE, DVLAESettings
from quietscope.nn.seeding import seeded
from quietscope.noise import Gaussian
from quietscope.presets import find_preset

Weights = Mapping[str, Tensor]


def published(preset: str, **changes: object) -> DVLAE:
    settings = find_preset("dvlae", preset).network
    assert isinstance(settings, DVLAESettings)
    chosen = DVLAESettings.model_validate({**settings.model_dump(), **changes})
    with seeded(0):
        method = DVLAE(chosen, Statistics(torch.tensor([100.0]), torch.tensor([20.0])), [Gaussian(10.0)])
        for module in method.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                for values, low, high in ((module.running_mean, -0.3, 0.3), (module.running_var, 0.5, 2.0)):
                    assert values is not None
                    values.uniform_(low, high)
    return method.eval()


def count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("preset", "ladder", "prior", "signal", "noise"),
    [("paper", 25_400_960, 128 * (4 - 1), 443_905, 244_495), ("tutorial", 709_088, 32 * (16 - 1), 28_033, 195_343)],
)
def test_presets_have_the_published_numbers_of_parameters(
    preset: str, ladder: int, prior: int, signal: int, noise: int
) -> None:
    """The authors' prior has the size of the training image, and their first kernels keep a tap that is always zero."""
    method = published(preset)
    assert count(method.ladder) == ladder - prior
    assert count(method.signal_decoder) == signal
    assert count(method.noise_decoder) == noise - 64


@pytest.mark.parametrize("preset", ["paper", "tutorial"])
def test_presets_are_trained_as_published(preset: str) -> None:
    training = find_preset("dvlae", preset).training
    assert (training.patch, training.batch_size, training.at_once, training.optimizer) == (256, 16, 4, "adamax")
    assert (training.schedule, training.plateau_factor, training.early_stop) == ("plateaus", 0.1, 50)


def convolved(w: Weights, name: str, h: Tensor, mode: str = "constant", **options: int) -> Tensor:
    """Convolve with a square kernel, padded by half of its width: with zeros, or as named."""
    half = w[f"{name}.weight"].shape[-1] // 2
    padded = F.pad(h, [half] * 4, mode=mode) if half else h
    return F.conv2d(padded, w[f"{name}.weight"], w[f"{name}.bias"], **options)


def residual(w: Weights, name: str, h: Tensor) -> Tensor:
    """Add what twice (norm, Mish, convolution) makes, gated by tanh times sigmoid where there is a gate."""
    out = h
    for norm, kernel in ((0, 2), (3, 5)):
        at = f"{name}.branch.{norm}"
        out = F.batch_norm(out, w[f"{at}.running_mean"], w[f"{at}.running_var"], w[f"{at}.weight"], w[f"{at}.bias"])
        out = convolved(w, f"{name}.branch.{kernel}", F.mish(out))
    if f"{name}.branch.6.conv.weight" in w:
        value, gate = convolved(w, f"{name}.branch.6.conv", out).chunk(2, dim=1)
        out = torch.tanh(value) * torch.sigmoid(gate)
    return h + out


def merged(w: Weights, name: str, a: Tensor, b: Tensor) -> Tensor:
    return residual(w, f"{name}.block", convolved(w, f"{name}.conv", torch.cat((a, b), dim=1)))


def published_code(w: Weights, x: Tensor, halves: tuple[bool, ...]) -> Tensor:
    """Return the signal code, with every latent at the mean of its posterior."""
    h = F.mish(convolved(w, "ladder.encoder.stem.0", x, "replicate"))
    h = residual(w, "ladder.encoder.stem.2", h)
    bottom_up = []
    for level, is_halving in enumerate(halves):
        at = f"ladder.encoder.levels.{level}"
        if is_halving:
            h = convolved(w, f"{at}.0", h, "replicate", stride=2)
        h = residual(w, f"{at}.{int(is_halving)}", h)
        bottom_up.append(h)
    top = len(halves) - 1
    for level in reversed(range(len(halves))):
        at = f"ladder.levels.{level}"
        q = bottom_up[level] if level == top else merged(w, f"{at}.merge", bottom_up[level], h)
        mean, _ = convolved(w, f"{at}.posterior_conv", q, "replicate").chunk(2, dim=1)
        z = convolved(w, f"{at}.latent_conv", mean, "replicate")
        h = z if level == top else merged(w, f"{at}.skip", z, h)
        if halves[level]:
            h = convolved(w, f"{at}.blocks.0.conv", F.interpolate(h, scale_factor=2, mode="nearest"))
        h = residual(w, f"{at}.blocks.{int(halves[level])}", h)
    return residual(w, "ladder.final.0", h)


def published_noise(w: Weights, x: Tensor, code: Tensor) -> Tensor:
    """Return the raw parameters of the mixture: eight blocks, of which all but the first add to what they read."""
    first = w["noise_decoder.context.weight"]
    kernel = torch.cat((first, torch.zeros_like(first[..., :1])), dim=-1)[:, :, None]
    seen = F.conv2d(F.pad(x, (4, 0, 0, 0)), kernel, w["noise_decoder.context.bias"])
    h = convolved(w, "noise_decoder.mix", F.relu(seen + convolved(w, "noise_decoder.code", code)))
    dilations = [d for i in range(4) for d in (2**i if i < 2 else 2 ** (3 - i), 1)]
    for n, dilation in enumerate(dilations[1:]):
        at = f"noise_decoder.blocks.{n}"
        seen = F.pad(h, (4 * dilation, 0, 0, 0))
        seen = F.conv2d(seen, w[f"{at}.causal.weight"][:, :, None], w[f"{at}.causal.bias"], dilation=dilation)
        h = h + convolved(w, f"{at}.out", F.relu(seen + convolved(w, f"{at}.code", code)))
    return convolved(w, "noise_decoder.head", h)


def published_signal(w: Weights, code: Tensor) -> Tensor:
    h = code
    for layer in range(3):
        h = F.relu(convolved(w, f"signal_decoder.layers.{layer}", h, "reflect"))
    return convolved(w, "signal_decoder.head", h, "reflect")


SMALL_PAPER: dict[str, object] = {
    "filters": (12,) * 4,
    "latent_channels": (6,) * 4,
    "halves": (False, True) * 2,
    "stem_filters": 12,
    "code_channels": 12,
    "signal_filters": 12,
}


@pytest.mark.parametrize(("preset", "changes"), [("tutorial", {}), ("paper", SMALL_PAPER)])
def test_the_answer_is_that_of_the_published_network(preset: str, changes: dict[str, object]) -> None:
    method = published(preset, **changes)
    w = method.state_dict()
    x = torch.randn(2, 1, 64, 64, generator=torch.Generator().manual_seed(1))
    shapes = [method.ladder.latent_shape(level, (64, 64)) for level in range(method.settings.num_levels)]
    with torch.no_grad():
        code = method.ladder.decode(method.encode(100 + 20 * x), [torch.zeros(2, *shape) for shape in shapes])
        expected = published_code(w, x, method.settings.halves)
        assert torch.allclose(code, expected, rtol=1e-4, atol=1e-4 * float(expected.std()))
        raw = published_noise(w, x, expected)
        assert torch.allclose(method.noise_decoder(x, expected), raw, rtol=1e-4, atol=1e-4 * float(raw.std()))
        signal = method.finish(expected)
        assert torch.allclose(signal, 100 + 20 * published_signal(w, expected), rtol=1e-5, atol=1e-3)


def test_widths_are_softplus_of_what_the_networks_give() -> None:
    """Of latents and of the mixture, up to the smooth bound that keeps them finite."""
    method = published("tutorial")
    raw = torch.tensor([-3.0, -1.0, 0.0, 1.0, 3.0])
    out = torch.zeros(1, 15, 1, 5)
    out[:, 10:] = raw
    mixture = method._mixture(out)
    assert torch.allclose(mixture.log_width[0, 0, 0, 0], torch.log(F.softplus(raw)), rtol=0.08)
    assert method.settings.ladder(1).width == "softplus"
