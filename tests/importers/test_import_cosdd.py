"""Checkpoints of COSDD as its authors' program writes them predict what the network predicted."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from quietscope import Denoiser
from quietscope.errors import NoiseError
from quietscope.importers import import_model
from quietscope.methods.dvlae import DVLAE
from quietscope.nn.seeding import seeded
from tests.importers.refusal import refusal
from tests.importers.stated_cosdd import Hub, Layer, TopDown
from tests.tiny import enliven


def published(**options: Any) -> Hub:
    with seeded(0), torch.no_grad():
        model = Hub(**options)
        enliven(model)
        for level in model.vae.top_down_layers:
            assert isinstance(level, TopDown)
            assert level.stochastic.conv_in_q.conv.bias is not None
            torch.nn.init.uniform_(level.stochastic.conv_in_q.conv.bias, -4, 2)
        for weight in model.s_decoder.parameters():
            torch.nn.init.normal_(weight, 0.0, 0.3)
        for layer in model.ar_decoder.layers.layers:
            if isinstance(layer, Layer) and layer.first:
                layer.in_conv.conv.conv.weight[..., -1] = 0
    return model.eval()


def checkpoint(model: Hub, **values: Any) -> dict[str, Any]:
    state = {**model.state_dict(), "direct_denoiser.final.weight": torch.zeros(2)}
    return {"state_dict": state, "hyper_parameters": {"n_grad_batches": 4, "vae": model.vae, **values}}


def assert_same(model: Hub, denoiser: Denoiser) -> None:
    method = denoiser.method
    assert isinstance(method, DVLAE)
    generator = torch.Generator().manual_seed(1)
    x = 120 + 35 * torch.randn(2, 1, 64, 48, generator=generator)
    noise = [torch.randn(*spec.shape(2, (64, 48)), generator=generator) for spec in method.latents()]
    with torch.no_grad():
        signal, raw = model(x, noise)
        code = method.ladder.decode(method.encode(x), noise)
        found = method.finish(code)
        mixture = method.noise_decoder(method.statistics.normalize(x), code)
    assert float(signal.std()) > 0.5
    assert torch.allclose(found, signal, rtol=0.0, atol=2e-3 * float(signal.std()))
    in_turn = torch.cat([raw[:, n::3] for n in range(3)], dim=1)
    assert torch.allclose(mixture, in_turn, rtol=1e-3, atol=1e-3 * float(raw.std()))


@pytest.mark.parametrize(
    "options",
    [{}, {"direction": "y", "components": 5}, {"direction": "none", "halves": (True, True)}, {"halves": (False, True)}],
    ids=["x", "y", "none", "two"],
)
def test_a_checkpoint_predicts_as_before(tmp_path: Path, options: dict[str, Any]) -> None:
    model = published(**options)
    torch.save(checkpoint(model), tmp_path / "final_model.ckpt")
    denoiser = import_model(tmp_path / "final_model.ckpt", noise="sigma=9")
    assert_same(model, denoiser)
    assert isinstance(denoiser.method, DVLAE)
    assert denoiser.method.settings.direction == options.get("direction", "x")
    denoiser.save(tmp_path / "model.safetensors")
    loaded = Denoiser.load(tmp_path / "model.safetensors")
    assert_same(model, loaded)
    for side in (4, 40):  # of the smaller image, the deepest features would be single pixels, with no mirror image
        image = np.random.default_rng(0).normal(120, 35, (side, 64)).astype(np.float32)
        assert np.isfinite(loaded.denoise(image, axes="YX", num_samples=2).mean).all()


def test_an_earlier_checkpoint_predicts_as_before(tmp_path: Path) -> None:
    model = published(is_later=False)
    torch.save(checkpoint(model, data_mean=torch.tensor(120.0), data_std=35.0), tmp_path / "last.ckpt")
    with pytest.raises(NoiseError, match="a noise model for dvlae, which the checkpoint does not hold"):
        import_model(tmp_path / "last.ckpt")
    assert_same(model, import_model(tmp_path / "last.ckpt", noise="sigma=9"))


@pytest.mark.parametrize(
    ("name", "tensor", "words"),
    [
        ("vae.first_bottom_up.0.conv.weight", torch.zeros(8, 3, 5, 5), "one channel"),
        ("ar_decoder.layers.layers.9.in_conv.conv.conv.weight", torch.zeros(6, 6, 1, 5), "an even number of layers"),
        ("vae.top_down_layers.0.attention.weight", torch.zeros(1), "is one too many"),
        ("s_decoder.net.3.conv.bias", torch.zeros(2), "'signal_decoder.head.bias' of shape"),
    ],
)
def test_another_network_is_refused(tmp_path: Path, name: str, tensor: torch.Tensor, words: str) -> None:
    found = checkpoint(published())
    found["state_dict"][name] = tensor
    torch.save(found, tmp_path / "other.ckpt")
    assert words in refusal(tmp_path / "other.ckpt", noise="sigma=9")
