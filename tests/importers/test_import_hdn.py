"""Checkpoints of HDN as its authors' program writes them predict what the network predicted."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from quietscope import Denoiser
from quietscope.errors import NoiseError, SettingsError
from quietscope.importers import import_model
from quietscope.methods.hdn import HDN
from quietscope.nn.seeding import seeded
from quietscope.noise import Gaussian, GaussianMixture
from tests.importers.refusal import refusal
from tests.importers.stated_hdn import LadderVAE, TopDown
from tests.tiny import enliven


def published(**sizes: int) -> LadderVAE:
    with seeded(0):
        model = LadderVAE(**sizes)
        enliven(model)
        # wide and narrow latents, where a smooth bound of widths would show
        for level in model.top_down_layers:
            assert isinstance(level, TopDown)
            assert level.stochastic.conv_in_q.bias is not None
            torch.nn.init.uniform_(level.stochastic.conv_in_q.bias, -6, 3)
    return model.eval()


def assert_same(model: LadderVAE, denoiser: Denoiser) -> None:
    method = denoiser.method
    assert isinstance(method, HDN)
    generator = torch.Generator().manual_seed(1)
    x = 120 + 35 * torch.randn(2, 1, 32, 48, generator=generator)
    shapes = [spec.shape(2, (32, 48)) for spec in method.latents()]
    drawn = [torch.randn(*shape, generator=generator) for shape in shapes]
    noise = [each * spec.is_random for each, spec in zip(drawn, method.latents(), strict=True)]  # as predictions do
    with torch.no_grad():
        expected = model(x, noise)
        found = method.decode(method.encode(x), noise)
    assert float(expected.std()) > 1.0
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-4 * float(expected.std()))


@pytest.mark.parametrize("is_archive", [True, False], ids=["archive", "before-1.6"])
@pytest.mark.parametrize("sizes", [{}, {"levels": 2, "blocks": 1, "width": 6, "latents": 3}], ids=["three", "two"])
def test_a_whole_model_predicts_as_before(tmp_path: Path, sizes: dict[str, int], is_archive: bool) -> None:
    model = published(**sizes)
    path = tmp_path / "cells_best_vae.net"
    torch.save(model, path, _use_new_zipfile_serialization=is_archive)
    denoiser = import_model(path)
    assert_same(model, denoiser)
    [noise] = denoiser.method.channel_noise
    assert isinstance(noise, GaussianMixture)
    assert model.noiseModel is not None
    assert torch.equal(noise.weight, model.noiseModel.weight)
    assert (noise.min_signal, noise.max_signal, noise.min_sigma) == (90.0, 700.0, 50.0)


def test_levels_that_do_not_see_the_image_stay_so(tmp_path: Path) -> None:
    model = published()
    model.use_uncond_mode_at = [0, 1]
    torch.save(model, tmp_path / "structured.net")
    denoiser = import_model(tmp_path / "structured.net")
    assert isinstance(denoiser.method, HDN)
    assert [spec.is_random for spec in denoiser.method.latents()] == [False, False, True]
    assert_same(model, denoiser)


def test_a_state_dict_needs_what_it_does_not_hold(tmp_path: Path) -> None:
    model = published()
    path = tmp_path / "weights.pt"
    torch.save({f"module.{name}": tensor for name, tensor in model.state_dict().items()}, path)
    with pytest.raises(SettingsError, match="the mean of the training images"):
        import_model(path)
    with pytest.raises(NoiseError, match="a noise model for hdn, which the checkpoint does not hold"):
        import_model(path, mean=120, std=35)
    with pytest.raises(SettingsError, match="a finite std above zero"):
        import_model(path, mean=120, std=0, noise="sigma=25")
    with pytest.raises(SettingsError, match="one mean, or one for each of 1 channels"):
        import_model(path, mean=(1, 2), std=35, noise="sigma=25")
    denoiser = import_model(path, mean=120, std=35, noise="sigma=25")
    assert_same(model, denoiser)
    assert isinstance(denoiser.method.channel_noise[0], Gaussian)


def test_what_is_imported_is_an_ordinary_model_file(tmp_path: Path) -> None:
    model = published(levels=2, blocks=1)
    torch.save(model, tmp_path / "old.net")
    import_model(tmp_path / "old.net").save(tmp_path / "model.safetensors")
    loaded = Denoiser.load(tmp_path / "model.safetensors")
    assert_same(model, loaded)
    assert loaded.describe()["source"] == "imported from old.net, HDN of juglab/HDN"
    image = np.random.default_rng(0).normal(120, 35, (32, 32)).astype(np.float32)
    clean = loaded.denoise(image, axes="YX", num_samples=64).mean
    with torch.no_grad(), seeded(0):
        x = torch.from_numpy(image)[None, None].expand(64, -1, -1, -1)
        assert isinstance(loaded.method, HDN)
        shapes = [spec.shape(64, (32, 32)) for spec in loaded.method.latents()]
        samples = model(x, [torch.randn(*shape) for shape in shapes])[:, 0].numpy()
    error = samples.std(axis=0) / np.sqrt(64)
    assert np.sqrt(np.mean(((clean - samples.mean(axis=0)) / error) ** 2)) < 2.0


class Square(nn.Module):
    """An activation that HDN never had."""


def changed(change: str) -> Any:
    model = published(levels=2, blocks=1)
    state = model.state_dict()
    if change == "activation":
        model.first_bottom_up[1] = Square()
        return model
    if change == "missing":
        del state["top_down_layers.0.merge.layer.1.block.2.weight"]
    if change == "shape":
        state["likelihood.parameter_net.bias"] = torch.zeros(3)
    if change == "not finite":
        state["likelihood.parameter_net.bias"] = torch.tensor([float("nan")])
    if change == "linear":
        state = {n.replace("merge.layer.0.", "merge.layer."): t for n, t in state.items() if "merge.layer.1" not in n}
    if change == "more":
        state["top_down_layers.0.attention.weight"] = torch.zeros(1)
    return state


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("activation", "the activation Square"),
        ("missing", "'ladder.levels.0.merge.block.branch.2.weight' is missing"),
        ("shape", "'ladder.head.bias' of shape"),
        ("not finite", "NaN or infinity in 'ladder.head.bias'"),
        ("linear", "merging by a convolution and a block"),
        ("more", "'top_down_layers.0.attention.weight' is one too many"),
    ],
)
def test_another_network_is_refused_in_one_line(tmp_path: Path, change: str, words: str) -> None:
    torch.save(changed(change), tmp_path / "other.net")
    assert words in refusal(tmp_path / "other.net", mean=0, std=1, noise="sigma=1")
