"""The presets `paper` and `tutorial` of DVLAE are the published network: its size, and its answer stated again."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from quietscope.data.normalize import Statistics
from quietscope.methods.dvlae import DVLAE, DVLAESettings
from quietscope.nn.seeding import seeded
from quietscope.noise import Gaussian
from quietscope.presets import find_preset
from tests.methods.stated_ladder import DVLAE as STYLE
from tests.methods.stated_ladder import Weights, convolved, stated_ladder
from tests.tiny import enliven


def published(preset: str, **changes: object) -> DVLAE:
    settings = find_preset("dvlae", preset).network
    assert isinstance(settings, DVLAESettings)
    chosen = DVLAESettings.model_validate({**settings.model_dump(), **changes})
    with seeded(0):
        method = DVLAE(chosen, Statistics(torch.tensor([100.0]), torch.tensor([20.0])), [Gaussian(10.0)])
        enliven(method)
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
        expected = stated_ladder(w, STYLE, x, method.settings.halves)
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
