"""Checkpoints of Noise2Void that CAREamics trained predict what the network predicted."""

import enum
from pathlib import Path
from typing import Any

import pytest
import torch

from quietscope import Denoiser
from quietscope.errors import NoiseError, SettingsError
from quietscope.importers import import_model
from quietscope.methods.noise2void import Noise2Void
from quietscope.nn.seeding import seeded
from tests.importers.refusal import refusal
from tests.importers.stated_careamics import UNet
from tests.tiny import enliven


class Algorithm(enum.StrEnum):
    """How a version of CAREamics keeps the algorithm."""

    N2V = "n2v"


def published(**options: Any) -> UNet:
    with seeded(0):
        model = UNet(**options)
        enliven(model)
    return model.eval()


def checkpoint(model: UNet, **changes: Any) -> dict[str, Any]:
    """Return what Lightning writes of a recent version."""
    settings = {"architecture": "UNet", "n2v2": model.n2v2, "residual": model.residual, "final_activation": "None"}
    settings["use_batch_norm"] = model.decoder.bottleneck.norm
    channels = model.final_conv.out_channels
    scale = {"name": "mean_std", "input_means": [120.0] * channels, "input_stds": [35.0] * channels}
    return {
        "state_dict": {f"model.{name}": tensor for name, tensor in model.state_dict().items()},
        "hyper_parameters": {"algorithm_config": {"algorithm": "n2v", "model": {**settings, **changes}}},
        "datamodule_hyper_parameters": {"data_config": {"axes": "YX", "normalization": scale}},
    }


def assert_same(model: UNet, denoiser: Denoiser) -> None:
    method = denoiser.method
    assert isinstance(method, Noise2Void)
    channels, size = method.statistics.num_channels, (32, 48) if model.dims == 2 else (8, 16, 24)
    x = 120 + 35 * torch.randn(2, channels, *size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = model((x - 120) / (35 + 1e-6)) * (35 + 1e-6) + 120
        found = method.predict(x)
    assert float(expected.std()) > 0.1
    assert torch.allclose(found, expected, rtol=0.0, atol=1e-3 * float(expected.std()))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"depth": 3, "width": 4},
        {"norm": False},
        {"n2v2": True},
        {"residual": True, "channels": 2},
        {"dims": 3, "width": 4},
    ],
    ids=["usual", "deep", "no-norm", "n2v2", "residual", "volumes"],
)
def test_a_checkpoint_predicts_as_before(tmp_path: Path, options: dict[str, Any]) -> None:
    model = published(**options)
    torch.save(checkpoint(model), tmp_path / "last.ckpt")
    denoiser = import_model(tmp_path / "last.ckpt")
    assert_same(model, denoiser)
    denoiser.save(tmp_path / "model.safetensors")
    assert_same(model, Denoiser.load(tmp_path / "model.safetensors"))


def test_an_older_checkpoint_keeps_its_statistics_elsewhere(tmp_path: Path) -> None:
    model = published()
    found = checkpoint(model)
    del found["datamodule_hyper_parameters"]
    found["hyper_parameters"]["algorithm_config"]["algorithm"] = Algorithm.N2V
    found["hyper_parameters"]["algorithm_config"]["n2v_config"] = {"struct_mask_axis": "horizontal"}
    found["hyper_parameters"]["data_config"] = {"image_means": [120.0], "image_stds": [35.0]}
    torch.save(found, tmp_path / "old.ckpt")
    denoiser = import_model(tmp_path / "old.ckpt")
    assert_same(model, denoiser)
    assert isinstance(denoiser.method, Noise2Void)
    assert denoiser.method.settings.mask_axes == "x"


def test_a_state_dict_needs_mean_and_deviation(tmp_path: Path) -> None:
    model = published()
    torch.save(model.state_dict(), tmp_path / "weights.pth")
    with pytest.raises(SettingsError, match="the mean of the training images"):
        import_model(tmp_path / "weights.pth")
    with pytest.raises(NoiseError, match="no noise model for noise2void"):
        import_model(tmp_path / "weights.pth", mean=120, std=35, noise="sigma=9")
    assert_same(model, import_model(tmp_path / "weights.pth", mean=120, std=35 + 1e-6))


def changed(change: str) -> dict[str, Any]:
    found = checkpoint(published(), **({"final_activation": "Sigmoid"} if change == "activation" else {}))
    if change == "algorithm":
        found["hyper_parameters"]["algorithm_config"]["algorithm"] = "care"
    if change == "scale":
        found["datamodule_hyper_parameters"]["data_config"]["normalization"] = {"name": "quantile"}
    if change == "channels":
        found["state_dict"]["model.final_conv.weight"] = torch.zeros(2, 6, 1, 1)
    if change == "more":
        found["state_dict"]["other.weight"] = torch.zeros(1)
    return found


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("activation", "no last activation"),
        ("algorithm", "the algorithm care"),
        ("scale", "normalisation quantile"),
        ("channels", "as many channels out as in"),
        ("more", "'other.weight' is one too many"),
    ],
)
def test_another_network_is_refused(tmp_path: Path, change: str, words: str) -> None:
    torch.save(changed(change), tmp_path / "other.ckpt")
    assert words in refusal(tmp_path / "other.ckpt")
