"""What killed writers leave goes with the next one; what a living one works on stays; two runs never share a folder."""

import errno
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from quietscope.errors import OutputError
from quietscope.io import alive, write_bytes_atomically
from quietscope.io.alive import at_work, check_idle, clear_leftovers, making, workshop

KILLED = """
import os, pathlib, signal, sys
from quietscope.io.alive import at_work, workshop
target = pathlib.Path(sys.argv[1])
with at_work(target.parent), workshop(target) as folder:
    (folder / sys.argv[2]).write_text("left")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def kill_a_writer(target: Path, left: str = "new.partial") -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(target), left], check=False)
    assert len(list(target.parent.glob(".*.partial"))) == 1


def test_the_next_writer_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    target = tmp_path / "a.tif"
    kill_a_writer(target)
    write_bytes_atomically(tmp_path / "b.tif", b"another target")
    assert len(list(tmp_path.glob(".a.tif.*.partial"))) == 1
    write_bytes_atomically(target, b"new")
    with at_work(tmp_path):  # its lock died with it
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tif", "b.tif"]


def test_what_a_living_writer_works_on_stays(tmp_path: Path) -> None:
    target = tmp_path / "a.tif"
    with workshop(target) as folder:
        (folder / "new.partial").write_text("half")
        write_bytes_atomically(target, b"of another")
        assert (folder / "new.partial").read_text() == "half"
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


def test_an_old_folder_that_was_moved_aside_comes_back(tmp_path: Path) -> None:
    kill_a_writer(tmp_path / "a.ome.zarr", left="old")
    clear_leftovers(tmp_path / "a.ome.zarr")
    assert (tmp_path / "a.ome.zarr").read_text() == "left"


def test_a_folder_of_very_many_files_is_not_listed_for_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed: list[Path] = []

    def slow(folder: Path) -> Any:
        listed.append(folder)
        time.sleep(0.02)
        return os.scandir(folder)

    kill_a_writer(tmp_path / "b.tif")
    monkeypatch.setattr(alive, "os", SimpleNamespace(**{**vars(os), "scandir": slow}))
    for _ in range(20):
        write_bytes_atomically(tmp_path / "a.tif", b"new", overwrite=True)
    assert len(listed) < 10
    write_bytes_atomically(tmp_path / "b.tif", b"new")  # what had been left is known
    assert sorted(path.name for path in tmp_path.iterdir()) == [".quietscope-running", "a.tif", "b.tif"]
    kill_a_writer(tmp_path / "c.tif")
    time.sleep(1.2)
    clear_leftovers(tmp_path / "c.tif")
    assert not list(tmp_path.glob(".c.tif*"))


def test_a_second_run_is_refused_by_the_name_of_the_first(tmp_path: Path) -> None:
    words = rf"process {os.getpid()} is at work, started \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d"
    with at_work(tmp_path):
        with pytest.raises(OutputError, match=words):
            check_idle(tmp_path)
        with pytest.raises(OutputError, match=words), at_work(tmp_path):
            pass
    check_idle(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_result_keeps_the_rights_of_the_one_that_it_replaces(tmp_path: Path) -> None:
    target = tmp_path / "a.npy"
    target.write_bytes(b"old")
    target.chmod(0o640)
    write_bytes_atomically(target, b"new", overwrite=True)
    assert target.stat().st_mode & 0o777 == 0o640


def test_a_full_disk_keeps_no_lock_without_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space"), at_work(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_result_that_is_being_made_is_not_made_twice(tmp_path: Path) -> None:
    target = tmp_path / "m.safetensors"
    with making(target):
        with pytest.raises(OutputError, match=f"process {os.getpid()} is making, started"), making(target):
            pass
        with making(tmp_path / "n.safetensors"):
            pass
    with at_work(tmp_path), pytest.raises(OutputError, match="is at work"), making(target):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_look_removes_what_a_killed_run_has_left(tmp_path: Path) -> None:
    kill_a_writer(tmp_path / "a.tif")
    assert (tmp_path / ".quietscope-running").exists()
    check_idle(tmp_path)
    assert not (tmp_path / ".quietscope-running").exists()
