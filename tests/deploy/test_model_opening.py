"""Cards, folders, damaged files, devices that are not there: one line each."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quietscope.deploy import RUNTIMES, Card, describe_card, is_exported, model_in, open_session, read_card
from quietscope.errors import ModelFileError, QuietScopeError, SettingsError
from quietscope.export import TARGETS
from tests.exported import GetExported

NAMES = {"hdn": "model.onnx", "deconoising": "model.xml", "direct": "model.pt2"}


@pytest.mark.parametrize("method", NAMES)
def test_a_card_comes_back_as_it_was(exported: GetExported, method: str) -> None:
    card = read_card(exported(method).path)
    assert Card.from_json(card.to_json(), Path("m")) == card
    assert card.method == method
    assert describe_card(card)["method"] == method
    told = replace(card, training={"skipped_steps": 2.0, "rollbacks": 1.0, "restarts": 0.0, "steps": 9.0})
    wanted = {"broken steps": "2", "returns to an earlier state": "1", "fresh starts": "0", "steps": "9"}
    assert describe_card(told).items() >= wanted.items()
    assert card.samples == (method == "hdn")
    assert card.deconvolves == (method == "deconoising")
    if method == "deconoising":
        assert card.reach != (0, 0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kind": "noise"}, "a noise file"),
        ({"format_version": 99}, "pip install --upgrade quietscope"),
        ({"outputs": ["surprise"]}, "does not make sense"),
        ({"size_multiple": [3, 3]}, "does not make sense"),
        ({"halo": None}, "does not make sense"),
        ({"spread_factor": -1}, "does not make sense"),
        ({"precision": "int3"}, "does not make sense"),
        ({"latents": []}, "does not make sense"),
    ],
)
def test_cards_that_cannot_be(exported: GetExported, changes: dict[str, Any], said: str) -> None:
    values = json.loads(read_card(exported("hdn").path).to_json()) | changes
    with pytest.raises(ModelFileError, match=said) as found:
        Card.from_json(json.dumps(values), Path("model.onnx"))
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("text", [None, "", "no json", "[]", '{"kind": "exported model"}'])
def test_texts_that_are_no_card(text: str | None) -> None:
    with pytest.raises(ModelFileError):
        Card.from_json(text, Path("model.onnx"))


def test_a_folder_stands_for_the_one_model_in_it(exported: GetExported, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="none"):
        model_in(tmp_path)
    shutil.copy(exported("hdn").path, tmp_path / "model.onnx")
    assert is_exported(tmp_path)
    assert model_in(tmp_path) == tmp_path / "model.onnx"
    assert open_session(tmp_path).card.method == "hdn"
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(ModelFileError, match=r"model\.onnx and model\.safetensors"):
        open_session(tmp_path)
    assert not is_exported(tmp_path / "model.safetensors")


@pytest.mark.parametrize("method", NAMES)
@pytest.mark.parametrize("length", [0, 100, 0.5, 0.99])
def test_damaged_files_are_one_line(exported: GetExported, tmp_path: Path, method: str, length: float) -> None:
    path = exported(method).path
    for each in path.parent.iterdir():
        shutil.copy(each, tmp_path)
    content = path.read_bytes()
    damaged = tmp_path / path.name
    damaged.write_bytes(content[: length if isinstance(length, int) else int(length * len(content))])
    with pytest.raises(ModelFileError) as found:
        open_session(damaged)
    assert "\n" not in str(found.value)


def test_files_that_are_missing_or_foreign(exported: GetExported, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="does not exist"):
        open_session(tmp_path / "model.onnx")
    shutil.copy(exported("deconoising").path, tmp_path)
    with pytest.raises(ModelFileError, match=r"model\.bin"):
        open_session(tmp_path / "model.xml")
    (tmp_path / "other.xml").write_text("<net/>", encoding="utf-8")
    with pytest.raises(ModelFileError, match="no card"):
        open_session(tmp_path / "other.xml")
    (tmp_path / "model.tflite").touch()
    with pytest.raises(ModelFileError, match="ends in one of"):
        open_session(tmp_path / "model.tflite")
    (tmp_path / "package.zip").write_bytes(b"PK\x05\x06" + bytes(18))
    with pytest.raises(ModelFileError, match=r"rdf\.yaml"):
        open_session(tmp_path / "package.zip")


@pytest.mark.parametrize("method", NAMES)
@pytest.mark.parametrize("device", ["cuda", "gpu:7", "quantum"])
def test_devices_that_are_not_there(exported: GetExported, method: str, device: str) -> None:
    with pytest.raises(SettingsError, match='device="cpu"'):
        open_session(exported(method).path, device)


def test_onnx_runs_without_onnx_runtime_by_openvino(exported: GetExported, monkeypatch: pytest.MonkeyPatch) -> None:
    path = exported("hdn").path
    card = read_card(path)
    x = np.full((1, 2, 8, 8), 200, np.float32)
    noise = [np.full((3, each.channels, *(8 // r for r in each.reduction)), 0.5, np.float32) for each in card.latents]
    wanted = open_session(path).run(x, noise)["sample"]
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    found = open_session(path, precision="float32").run(x, noise)["sample"]
    assert found.shape == (3, 2, 8, 8)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-2)
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(ModelFileError, match=r'pip install "quietscope\[export\]"'):
        open_session(path)


def test_results_survive_the_next_run(exported: GetExported) -> None:
    session = open_session(exported("deconoising").path)
    first = session.run(np.full((1, 1, 8, 8), 100, np.float32))["denoised"]
    kept = first.copy()
    session.run(np.full((1, 1, 8, 8), 900, np.float32))
    np.testing.assert_array_equal(first, kept)


def test_a_card_refuses_nonsense(exported: GetExported) -> None:
    card = read_card(exported("hdn").path)
    with pytest.raises(ValueError, match="channels"):
        replace(card, num_channels=0)
    assert not issubclass(ValueError, QuietScopeError)


@pytest.mark.parametrize("method", NAMES)
def test_a_card_is_read_without_what_runs_the_model(exported: GetExported, method: str) -> None:
    code = (
        "import sys; from pathlib import Path; from quietscope.deploy import read_card;"
        "print(read_card(Path(sys.argv[1])).method, {'torch', 'onnx', 'onnxruntime', 'openvino'} & set(sys.modules))"
    )
    arguments = [sys.executable, "-c", code, str(exported(method).path)]
    found = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert found.stdout == f"{method} set()\n"


def test_every_kind_of_file_has_an_ending_of_its_own() -> None:
    endings = [each.suffix for each in RUNTIMES.values()]
    assert len(endings) == len(set(endings))
    assert {each.suffix for each in TARGETS.values()} == set(endings)


def test_a_folder_without_a_model_is_none(tmp_path: Path) -> None:
    """An image that is a folder, an OME-Zarr, is not taken for a model."""
    assert not is_exported(tmp_path)
