"""Results are on the disk before they get their name, and a folder takes the place of another in one step."""

import os
import sys
from pathlib import Path

import pytest

from quietscope.io import atomic
from quietscope.io.atomic import atomic_path


def write_folder(target: Path, word: str) -> None:
    with atomic_path(target, overwrite=True, replaceable=Path.is_dir) as temporary:
        (temporary / "inside").mkdir(parents=True)
        (temporary / "inside" / "chunk").write_text(word)


def test_every_file_is_flushed_before_the_rename_and_the_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[tuple[str, bool]] = []
    fsync, target = os.fsync, tmp_path / "cells.zarr"

    def noting(descriptor: int) -> None:
        flushed.append((Path(f"/proc/self/fd/{descriptor}").readlink().name, target.exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noting)
    write_folder(target, "new")
    assert ("chunk", False) in flushed
    assert ("inside", False) in flushed
    assert flushed[-1] == (tmp_path.name, True)


@pytest.mark.parametrize("in_one_step", [True, False])
def test_a_folder_is_exchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_one_step: bool) -> None:
    if not in_one_step:
        monkeypatch.setattr(atomic, "_exchanged", lambda one, other: False)
    target = tmp_path / "cells.zarr"
    for word in ("old", "new"):
        write_folder(target, word)
        assert (target / "inside" / "chunk").read_text() == word
    assert [path.name for path in tmp_path.iterdir()] == ["cells.zarr"]


@pytest.mark.skipif(sys.platform != "linux", reason="names are exchanged in one step on Linux")
def test_the_name_is_never_free_while_folders_are_exchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "cells.zarr"
    write_folder(target, "old")

    def refuse(self: Path, target: Path) -> Path:
        raise AssertionError("a rename leaves an instant without either")

    monkeypatch.setattr(Path, "rename", refuse)
    write_folder(target, "new")
    assert (target / "inside" / "chunk").read_text() == "new"
