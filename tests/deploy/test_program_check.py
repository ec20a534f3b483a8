"""A program of torch.export is looked at before PyTorch, which would unpickle parts of it, may load it."""

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from quietscope.deploy.program_check import safe_program
from quietscope.outside.archive import ArchiveError


class Doubled(torch.nn.Module):
    """A module with one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(2.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.weight


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("unpickled"),)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("program") / "model.pt2"
    size = torch.export.Dim("n")
    made = torch.export.export(Doubled(), (torch.ones(4),), dynamic_shapes={"x": {0: size}})
    torch.export.save(made, path)
    return path


def changed(path: Path, target: Path, name: str, change: Callable[[Any], Any]) -> Path:
    """Copy an archive with one JSON part changed."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        for each in old.namelist():
            content = old.read(each)
            new.writestr(each, json.dumps(change(json.loads(content))) if each.endswith(name) else content)
    return target


def test_what_export_writes_computes_the_same(program: Path) -> None:
    loaded = torch.export.load(safe_program(program)).module(check_guards=False)
    torch.testing.assert_close(loaded(torch.arange(3.0)), torch.tensor([0.0, 2.0, 4.0]))


def test_pickled_examples_are_never_read(program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    target = tmp_path / "m.pt2"
    with zipfile.ZipFile(program) as old, zipfile.ZipFile(target, "w") as new:
        for each in old.namelist():
            new.writestr(each, pickle.dumps(Bomb()) if "sample_inputs" in each else old.read(each))
    torch.export.load(safe_program(target))
    assert not (tmp_path / "unpickled").exists()


def test_pickled_weights_are_refused(program: Path, tmp_path: Path) -> None:
    def pickled(config: Any) -> Any:
        config["config"]["weight"]["use_pickle"] = True
        return config

    with pytest.raises(ArchiveError, match="pickled"):
        safe_program(changed(program, tmp_path / "m.pt2", "model_weights_config.json", pickled))


@pytest.mark.parametrize(
    "name", ["torch.os.system", "torch.ops.aten.from_file.default", "_operator.methodcaller", "#x"]
)
def test_operators_that_no_network_needs_are_refused(program: Path, tmp_path: Path, name: str) -> None:
    def named(graph: Any) -> Any:
        graph["graph_module"]["graph"]["nodes"][0]["target"] = name
        return graph

    with pytest.raises(ArchiveError, match="operator"):
        safe_program(changed(program, tmp_path / "m.pt2", "models/model.json", named))


@pytest.mark.parametrize("text", ["__import__('os')", "().__class__", "Symbol('s0').func", "9**9**9", "open('x')"])
def test_sizes_that_are_code_are_refused(program: Path, tmp_path: Path, text: str) -> None:
    def sized(graph: Any) -> Any:
        graph["graph_module"]["graph"]["nodes"][0]["expr"] = {"expr_str": text}
        return graph

    with pytest.raises(ArchiveError, match="expression of sizes"):
        safe_program(changed(program, tmp_path / "m.pt2", "models/model.json", sized))


def test_parts_that_export_does_not_write_are_refused(program: Path, tmp_path: Path) -> None:
    target = tmp_path / "m.pt2"
    target.write_bytes(program.read_bytes())
    with zipfile.ZipFile(target, "a") as archive:
        archive.writestr("model/data/aotinductor/model/model.so", b"\x7fELF")
    with pytest.raises(ArchiveError, match="does not write"):
        safe_program(target)
    assert isinstance(safe_program(program), io.BytesIO)
