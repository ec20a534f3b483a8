"""Headers of model files that do not make sense: one line, and nothing is built for them."""

from pathlib import Path
from typing import Any

import pytest

from quietscope.errors import ModelFileError
from quietscope.io.tensor_file import read_tensor_file, write_tensor_file
from quietscope.methods import METHODS
from quietscope.model.file import load_model
from tests import tiny


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    tiny.denoiser(METHODS["hdn"]).save(path)
    return path


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"num_channels": "abc"}, "num_channels"),
        ({"num_channels": 0}, "num_channels"),
        ({"num_channels": 2}, "1 noise models, 2 channels"),
        ({"spread_factor": "x"}, "spread_factor"),
        ({"spread_factor": -1.0}, "spread_factor"),
        ({"pixel_size_um": {"X": "a"}}, "pixel_size_um"),
        ({"training": {"steps": "q"}}, "training.steps"),
        ({"method": ["hdn"]}, "method"),
        ({"method": "dvlae"}, "noise models|settings of hdn"),
        ({"pruned": {"share": 2}}, "pruned.share"),
        ({"network": [1]}, "network"),
        ({"network": {"filters": 3}}, "filters"),
        ({"network": {}}, "not the one of its configuration"),
        ({"channel_names": [[1]]}, "channel_names"),
        ({"origins": 3}, "origins"),
        ({"created": "x" * 5000}, "created"),
    ],
)
def test_values_that_cannot_be(model: Path, tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    tensors, header = read_tensor_file(model)
    path = tmp_path / "m.safetensors"
    write_tensor_file(path, tensors, {**header, **changes})
    with pytest.raises(ModelFileError, match=said) as found:
        load_model(path)
    assert "m.safetensors" in str(found.value)
    assert len(str(found.value)) < 600


def test_a_network_far_larger_than_its_weights_is_not_built(model: Path, tmp_path: Path) -> None:
    tensors, header = read_tensor_file(model)
    wide = {"filters": [4096, 4096], "latent_channels": [4096, 4096]}
    configuration = {**header["configuration"], "network": {**header["configuration"]["network"], **wide}}
    path = tmp_path / "m.safetensors"
    changed = {"configuration": configuration, "network": {**header["network"], **wide}}
    write_tensor_file(path, tensors, {**header, **changed})
    with pytest.raises(ModelFileError, match="smaller than the one described"):
        load_model(path)
