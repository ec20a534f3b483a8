"""A model file states its network, whatever its preset is in a later version; earlier files name the preset alone."""

from pathlib import Path
from typing import Any

import pytest
import torch

from quietscope.data.normalize import Statistics
from quietscope.io.tensor_file import read_tensor_file, write_tensor_file
from quietscope.methods import METHODS
from quietscope.methods.base import BuiltMethod
from quietscope.model.file import ModelCard, load_model, save_model
from quietscope.nn.seeding import seeded
from quietscope.noise import Gaussian
from quietscope.presets import PRESETS, Configuration
from tests import tiny

CHANGED = [key for key, preset in PRESETS.items() if preset.former_network is not None]


def built(method: str, settings: Any) -> BuiltMethod:
    kind = METHODS[method]
    with seeded(0):
        return kind.build(
            settings, Statistics(torch.ones(1), torch.ones(1)), [Gaussian(1.0)] if kind.needs_noise else []
        )


def as_before(path: Path) -> None:
    """Take out of a file what earlier versions did not write."""
    tensors, header = read_tensor_file(path)
    del header["network"]
    write_tensor_file(path, tensors, header, overwrite=True)


def assert_comes_back(path: Path, method: BuiltMethod) -> ModelCard:
    again, card = load_model(path)
    assert again.settings == method.settings
    assert card.configuration.method_settings() == method.settings
    mine, theirs = method.state_dict(), again.state_dict()
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)
    return card


@pytest.mark.parametrize("key", CHANGED)
def test_a_file_of_an_earlier_version_has_the_network_that_its_preset_was(key: str, tmp_path: Path) -> None:
    preset, path = PRESETS[key], tmp_path / "model.safetensors"
    deep = ("depth", "halves", "dilations")
    narrow = {name: value for name, value in tiny.network(preset.method).items() if name not in deep}
    if preset.method == "dvlae":
        narrow |= {"filters": (4,) * 3, "latent_channels": (4,) * 3, "halves": (True, False, True)}
    configuration = Configuration.of({"method": preset.method, "preset": preset.name, "network": narrow})
    assert preset.former_network is not None
    former = type(preset.former_network)(**{**preset.former_network.model_dump(), **narrow})
    assert former != configuration.method_settings()
    method = built(preset.method, former)
    save_model(path, method, ModelCard(configuration=configuration))
    as_before(path)
    card = assert_comes_back(path, method)
    save_model(path, method, card, overwrite=True)
    assert_comes_back(path, method)


@pytest.mark.parametrize("name", METHODS)
def test_a_file_of_an_unchanged_preset_needs_no_more_than_its_name(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    first = tiny.denoiser(METHODS[name])
    first.save(path)
    as_before(path)
    again, card = load_model(path)
    assert again.settings == first.method.settings
    assert card.configuration.network.keys() == first.card.configuration.network.keys()


def test_a_file_does_not_depend_on_what_its_preset_has_become(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    plain = Configuration.of({"method": "noise2void"})
    method = built("noise2void", plain.method_settings().model_copy(update={"filters": 5, "depth": 1}))
    save_model(path, method, ModelCard(configuration=plain))
    card = assert_comes_back(path, method)
    assert card.configuration.network == {"filters": 5, "depth": 1}
