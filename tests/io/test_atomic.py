"""Results appear whole or not at all, on full disks too."""

import errno
import os
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest

from quietscope.errors import OutputError
from quietscope.io import atomic, atomic_path, open_writer, write_bytes_atomically, write_image
from quietscope.io.atomic import reserve

ARRAY = np.arange(600, dtype=np.uint16).reshape(20, 30)


def full_disk(*_args: object, **_kwargs: object) -> NoReturn:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("suffix", [".tif", ".ome.tif", ".npy"])
def test_a_full_disk_is_an_error_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr(os, "posix_fallocate", full_disk, raising=False)
    with pytest.raises(OutputError, match="room on the disk"):
        write_image(tmp_path / f"a{suffix}", ARRAY, "YX")
    assert not list(tmp_path.iterdir())


def test_a_disk_that_fills_up_while_writing(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="room on the disk"), open_writer(tmp_path / "a.zarr", (20, 30), "u2", "YX"):
        full_disk()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("free", [0, 10**12])
def test_systems_that_cannot_reserve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    def unsupported(*_args: object) -> NoReturn:
        raise OSError(errno.EOPNOTSUPP, "not supported")

    monkeypatch.setattr(os, "posix_fallocate", unsupported, raising=False)
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": free}))
    (tmp_path / "a").write_bytes(bytes(100))
    if free:
        reserve(tmp_path / "a")
    else:
        with pytest.raises(OSError, match="No space"):
            reserve(tmp_path / "a")


def test_other_errors_pass_unchanged(tmp_path: Path) -> None:
    def half_a_result() -> None:
        with atomic_path(tmp_path / "a") as temporary:
            temporary.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half_a_result()
    assert not list(tmp_path.iterdir())


def test_bytes_are_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    write_bytes_atomically(path, b"one")
    with pytest.raises(OutputError, match="overwrite=True"):
        write_bytes_atomically(path, b"two")
    write_bytes_atomically(path, b"two", overwrite=True)
    assert path.read_bytes() == b"two"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.csv"]
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_file_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a"

    def race() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("mine")
            path.write_text("theirs")

    with pytest.raises(OutputError, match="exists"):
        race()
    assert path.read_text() == "theirs"


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    write_bytes_atomically(tmp_path / "link", b"new", overwrite=True)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_places_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "a", tmp_path / "none" / "a", tmp_path):
        with pytest.raises(OutputError):
            write_bytes_atomically(path, b"", overwrite=True)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(OutputError, match="can be written"):
        write_bytes_atomically(tmp_path / "a", b"")


def test_a_folder_that_refuses_the_temporary_file(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="can be written"), atomic_path(tmp_path / "a") as temporary:
        raise PermissionError(errno.EACCES, "Permission denied", str(temporary))


def test_a_folder_is_put_back_if_its_successor_cannot_move_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atomic, "_exchanged", lambda one, other: False)  # as on a system that cannot
    path = tmp_path / "a.zarr"
    write_image(path, ARRAY, "YX")
    rename = type(path).rename

    def failing(self: Path, target: Path) -> Path:
        if self.suffix == ".partial":
            raise PermissionError(errno.EACCES, "no", str(self))
        return rename(self, target)

    monkeypatch.setattr(type(path), "rename", failing)
    with pytest.raises(OutputError):
        write_image(path, ARRAY, "YX", overwrite=True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.zarr"]
    assert (path / "zarr.json").exists()


@pytest.mark.parametrize("is_folder", [False, True])
def test_what_another_run_has_put_there_meanwhile_is_never_replaced_unasked(tmp_path: Path, is_folder: bool) -> None:
    target = tmp_path / "result"

    def put(path: Path) -> None:
        if is_folder:
            path.mkdir()
        (path / "pixels" if is_folder else path).write_text(path.name)

    def race() -> None:
        with atomic_path(target, replaceable=Path.is_dir) as written:
            put(written)
            put(target)

    with pytest.raises(OutputError, match="which exists"):
        race()
    kept = target / "pixels" if is_folder else target
    assert kept.read_text() == "result"
    assert [path.name for path in tmp_path.iterdir()] == ["result"]
