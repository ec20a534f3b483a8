"""Checkpoints from strangers: nothing in them is run, and what is damaged or something else is one line."""

import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from quietscope.errors import ModelFileError
from quietscope.importers import import_model
from quietscope.importers.torch_file import is_tensor, read_torch_file
from tests.importers.refusal import refusal
from tests.importers.stated_hdn import LadderVAE


class Runs:
    """An object whose pickle runs a command where PyTorch opens it."""

    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.victim}",)


def refused(path: Path) -> str:
    words = refusal(path, mean=0, std=1, noise="sigma=1")
    assert len(words) < 600 + len(str(path))
    return words


@pytest.mark.parametrize("is_archive", [True, False], ids=["archive", "before-1.6"])
@pytest.mark.parametrize("wrap", [lambda bad: bad, lambda bad: {"state_dict": bad}, lambda bad: {"a": bad}])
def test_a_malicious_pickle_runs_nothing(tmp_path: Path, wrap: Callable[[Any], Any], is_archive: bool) -> None:
    victim = tmp_path / "victim"
    torch.save(wrap(Runs(victim)), tmp_path / "bad.net", _use_new_zipfile_serialization=is_archive)
    assert "no network in it" in refused(tmp_path / "bad.net")
    (tmp_path / "worse.net").write_bytes(pickle.dumps(Runs(victim)))
    refused(tmp_path / "worse.net")
    assert not victim.exists()


def test_a_command_inside_a_good_model_runs_nothing(tmp_path: Path) -> None:
    model: Any = LadderVAE(levels=2, blocks=1)
    victim = tmp_path / "victim"
    model.device = Runs(victim)
    model.data_mean = Runs(victim)
    torch.save(model, tmp_path / "bad.net")
    import_model(tmp_path / "bad.net", mean=120)
    assert not victim.exists()


@pytest.mark.parametrize("is_archive", [True, False], ids=["archive", "before-1.6"])
def test_a_truncated_file_is_refused(tmp_path: Path, is_archive: bool) -> None:
    whole = tmp_path / "whole.net"
    torch.save(LadderVAE(levels=2, blocks=1), whole, _use_new_zipfile_serialization=is_archive)
    content = whole.read_bytes()
    for share in (0.0, 0.001, 0.1, 0.5, 0.9, 0.999):
        (tmp_path / "cut.net").write_bytes(content[: int(share * len(content))])
        refused(tmp_path / "cut.net")


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.ckpt").write_text("weights")
    with zipfile.ZipFile(tmp_path / "other.ckpt", "w") as archive:
        archive.writestr("a/b.txt", "text")
    torch.save([1, 2], tmp_path / "list.ckpt")
    torch.save({"a": 1}, tmp_path / "dict.ckpt")
    torch.save(torch.nn.Linear(2, 2), tmp_path / "linear.ckpt")
    os.mkfifo(tmp_path / "pipe.ckpt")
    for name in ("text", "other", "list", "dict", "linear", "pipe", "nothing"):
        assert "torch.save" in (words := refused(tmp_path / f"{name}.ckpt")) or "another network" in words
    assert "a folder" in refused(tmp_path)


def test_tensors_that_share_or_skip_numbers_come_out(tmp_path: Path) -> None:
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    tensors = {"all": base, "part": base[1:3, ::2], "turned": base.T, "one": base[2, 3], "half": base.half()}
    tensors |= {"none": torch.zeros(0, 3), "whole": torch.arange(5)}
    for is_archive in (True, False):
        torch.save(tensors, tmp_path / "t.pt", _use_new_zipfile_serialization=is_archive)
        file = read_torch_file(tmp_path / "t.pt")
        assert all(map(is_tensor, file.content.values()))
        found = file.tensors(file.content)
        assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())


@pytest.mark.parametrize(
    ("size", "stride", "offset"),
    [
        ((1 << 40,), (0,), 0),
        ((2, 2), (4, 1), 3),
        ((5,), (1,), 0),
        ((2,), (1, 1), 0),
        ((-1,), (1,), 0),
        ((2,), (-1,), 0),
    ],
)
def test_tensors_beyond_their_numbers_are_refused(
    tmp_path: Path, size: tuple[int, ...], stride: tuple[int, ...], offset: int
) -> None:
    path = tmp_path / "t.pt"
    torch.save({"first_bottom_up.0.weight": torch.zeros(4)}, path)
    file = read_torch_file(path)
    [record] = file.content.values()
    record.arguments = (record.arguments[0], offset, size, stride, *record.arguments[4:])
    with pytest.raises(ModelFileError):
        file.tensors({"a": record})
