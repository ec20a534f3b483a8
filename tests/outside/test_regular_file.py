"""What is neither a file nor a folder is named: pipes, and links that lead nowhere."""

import os
import tracemalloc
from pathlib import Path

import pytest

from quietscope.errors import ImageFileError, SettingsError
from quietscope.io import read_image
from quietscope.outside.regular_file import irregular, read_bounded


def test_pipes_and_links_to_nothing_are_told_apart(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, target in (("loop.tif", "loop.tif"), ("a.tif", "b.tif"), ("b.tif", "a.tif"), ("lost.tif", "gone.tif")):
        (tmp_path / name).symlink_to(target)
    (tmp_path / "file").touch()
    (tmp_path / "good").symlink_to("file")
    found = {name: irregular(tmp_path / name) for name in ("pipe", "loop.tif", "a.tif", "lost.tif", "good", "none")}
    assert found == {
        "pipe": "a named pipe",
        "loop.tif": "a symbolic link that leads back to itself",
        "a.tif": "a symbolic link that leads back to itself",
        "lost.tif": "a symbolic link to gone.tif, where nothing is",
        "good": None,
        "none": None,
    }


def test_an_image_behind_a_circle_of_links_is_refused_in_these_words(tmp_path: Path) -> None:
    (tmp_path / "loop.tif").symlink_to("loop.tif")
    with pytest.raises(ImageFileError, match="leads back to itself; point the link at a file"):
        read_image(tmp_path / "loop.tif")


def test_a_small_file_takes_the_memory_of_a_small_file(tmp_path: Path) -> None:
    """However large it might have been: a checkpoint may have four gigabytes."""
    (tmp_path / "small").write_bytes(b"abc")
    tracemalloc.start()
    try:
        assert read_bounded(tmp_path / "small", 1 << 32, SettingsError, "a file") == b"abc"
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
