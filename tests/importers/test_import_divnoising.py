"""Checkpoints of DivNoising as its authors' program writes them predict what the network predicted."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from quietscope import Denoiser
from quietscope.errors import NoiseError
from quietscope.importers import import_model
from quietscope.methods.divnoising import DivNoising
from quietscope.nn.seeding import seeded
from quietscope.noise import Gaussian
from tests.importers.refusal import refusal
from tests.importers.stated_divnoising import VAE


def published(**sizes: int) -> VAE:
    with seeded(0):
        model = VAE(**sizes)
        for weight in model.parameters():
            torch.nn.init.normal_(weight, 0.0, 0.15)
        assert model.encoder.convlogvar.bias is not None
        torch.nn.init.uniform_(model.encoder.convlogvar.bias, -6, 3)  # where a smooth bound of widths would show
    return model.eval()


def assert_same(model: VAE, denoiser: Denoiser) -> None:
    method = denoiser.method
    assert isinstance(method, DivNoising)
    generator = torch.Generator().manual_seed(1)
    x = 120 + 35 * torch.randn(2, 1, 32, 48, generator=generator)
    [latents] = method.latents()
    noise = torch.randn(*latents.shape(2, (32, 48)), generator=generator)
    with torch.no_grad():
        expected = model(x, noise)
        found = method.decode(method.encode(x), [noise])
    assert float(expected.std()) > 0.5
    assert torch.allclose(found, expected, rtol=1e-5, atol=1e-4 * float(expected.std()))


def lightning(model: VAE, **values: Any) -> dict[str, Any]:
    """Return what Lightning writes: much beside the weights."""
    given = {"data_mean": np.float32(model.data_mean), "data_std": np.float64(model.data_std), "lr": 0.001, **values}
    optimizer = torch.optim.Adam(model.parameters())
    return {
        "epoch": 3,
        "pytorch-lightning_version": "1.2.10",
        "state_dict": model.state_dict(),
        "optimizer_states": [optimizer.state_dict()],
        "callbacks": {torch.nn.Linear: {"best": torch.tensor(1.0)}, "path": Path("a/b")},
        "hyper_parameters": given,
    }


@pytest.mark.parametrize(
    "sizes", [{}, {"depth": 3, "width": 4, "latents": 7}, {"depth": 1}], ids=["two", "three", "one"]
)
def test_a_lightning_checkpoint_predicts_as_before(tmp_path: Path, sizes: dict[str, int]) -> None:
    model = published(**sizes)
    torch.save(lightning(model, gaussian_noise_std=25.0), tmp_path / "last.ckpt")
    denoiser = import_model(tmp_path / "last.ckpt")
    assert_same(model, denoiser)
    [noise] = denoiser.method.channel_noise
    assert isinstance(noise, Gaussian)
    assert noise.sigma == pytest.approx(25.0)
    denoiser.save(tmp_path / "model.safetensors")
    assert_same(model, Denoiser.load(tmp_path / "model.safetensors"))


def test_a_noise_model_that_it_does_not_hold_is_asked_for(tmp_path: Path) -> None:
    model = published()
    torch.save(lightning(model, gaussian_noise_std=None), tmp_path / "last.ckpt")
    with pytest.raises(NoiseError, match="which the checkpoint does not hold"):
        import_model(tmp_path / "last.ckpt")
    assert_same(model, import_model(tmp_path / "last.ckpt", noise="sigma=9"))


def test_a_whole_model_and_a_state_dict_predict_as_before(tmp_path: Path) -> None:
    model = published()
    torch.save(model, tmp_path / "whole.net", _use_new_zipfile_serialization=False)
    assert_same(model, import_model(tmp_path / "whole.net", noise="sigma=9"))
    torch.save(model.state_dict(), tmp_path / "weights.pt")
    assert_same(model, import_model(tmp_path / "weights.pt", mean=120, std=35, noise="sigma=9"))


@pytest.mark.parametrize(
    ("name", "tensor", "words"),
    [
        ("encoder.down_convs.0.conv3.weight", torch.zeros(1), "two convolutions per level"),
        ("decoder.convrecon.weight", torch.zeros(3, 6, 3, 3), "as many channels out as in"),
        ("encoder.convmu.bias", torch.zeros(4), "'vae.posterior.bias' of shape"),
        ("encoder.convmu.weight", torch.tensor(1.0), "parts that do not fit"),
    ],
)
def test_another_network_is_refused(tmp_path: Path, name: str, tensor: torch.Tensor, words: str) -> None:
    torch.save({**published().state_dict(), name: tensor}, tmp_path / "weights.pt")
    assert words in refusal(tmp_path / "weights.pt", mean=120, std=35, noise="sigma=9")
