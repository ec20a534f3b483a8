"""A pruned method is an ordinary model file: the narrow layers come back by the shapes of their weights."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from quietscope import Denoiser
from quietscope.compression.prune import prune
from quietscope.errors import ModelFileError
from quietscope.methods import METHODS
from quietscope.model.file import load_model, save_model
from quietscope.nn.narrow import narrow
from tests.tiny import Values, denoiser

VARIANTS: dict[str, Values] = {
    "noise2void": {"preset": "paper"},
    "pn2v": {"preset": "paper"},
    "deconoising": {"preset": "paper"},
    "direct": {"stabilize": True},
    "gr2r": {},
    "gap": {},
    "instant": {},
    "divnoising": {"dims": 3},
    "hdn": {"preset": "paper"},
    "dvlae": {"preset": "paper", "noise_filters": 8},
}


def made(name: str, share: float) -> Denoiser:
    made = denoiser(METHODS[name], width=16, card={"axes": "YX", "pruned_share": share}, **VARIANTS[name])
    if share:
        prune(made.method, share)
    return made


def test_every_method_is_here() -> None:
    assert set(VARIANTS) == set(METHODS)


@pytest.mark.parametrize("name", VARIANTS)
def test_it_comes_back_equal_and_predicts(name: str, tmp_path: Path) -> None:
    first = made(name, 0.5)
    first.save(tmp_path / "model.safetensors")
    again = Denoiser.load(tmp_path / "model.safetensors", device="cpu")
    mine, theirs = first.method.state_dict(), again.method.state_dict()
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(mine[key], theirs[key]) for key in mine)
    assert again.card.pruned_share == 0.5
    assert "50% of the channels" in again.describe()["pruned"]
    shape = (4, 16, 16) if again.method.spatial_dims == 3 else (16, 16)
    image = np.random.default_rng(0).normal(150, 30, shape).astype(np.float32)
    options: dict[str, Any] = {"num_samples": 2, "axes": "ZYX"[-len(shape) :]}
    assert np.array_equal(first.denoise(image, **options).mean, again.denoise(image, **options).mean)
    again.save(tmp_path / "again.safetensors")
    assert load_model(tmp_path / "again.safetensors")[1].pruned_share == 0.5


def test_layers_know_how_narrow_they_are(tmp_path: Path) -> None:
    first = made("divnoising", 0.5)
    first.save(tmp_path / "model.safetensors")
    method = load_model(tmp_path / "model.safetensors")[0]
    for layer in method.modules():
        if isinstance(layer, torch.nn.Conv3d):
            assert (layer.out_channels, layer.in_channels) == tuple(layer.weight.shape[:2])
        if isinstance(layer, torch.nn.ConvTranspose3d):
            assert (layer.in_channels, layer.out_channels) == tuple(layer.weight.shape[:2])


def test_a_file_that_says_nothing_of_pruning_must_fit(tmp_path: Path) -> None:
    pruned = made("noise2void", 0.5)
    save_model(tmp_path / "model.safetensors", pruned.method, replace(pruned.card, pruned_share=0.0))
    with pytest.raises(ModelFileError, match="do not fit"):
        load_model(tmp_path / "model.safetensors")


def test_nothing_is_widened() -> None:
    wide, small = made("noise2void", 0.0).method, made("noise2void", 0.5).method
    before = {name: value.shape for name, value in small.state_dict().items()}
    narrow(small, wide.state_dict())
    assert before == {name: value.shape for name, value in small.state_dict().items()}
    narrow(wide, small.state_dict())
    assert before == {name: value.shape for name, value in wide.state_dict().items()}


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    """They would make an image of NaN."""
    path = tmp_path / "model.safetensors"
    made("noise2void", 0.0).save(path)
    method, card = load_model(path)
    with torch.no_grad():
        next(method.parameters()).fill_(float("nan"))
    save_model(path, method, card, overwrite=True)
    with pytest.raises(ModelFileError, match="finite weights"):
        load_model(path)
