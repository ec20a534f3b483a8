"""What a run reads is never replaced by what it writes, under whatever name."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from quietscope.errors import OutputError
from quietscope.io.atomic import check_target, write_bytes_atomically
from quietscope.outside.sources import protecting, reading


@dataclass(frozen=True)
class Options:
    clean: tuple[Path, ...] = ()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "cells.tif"
    path.write_bytes(b"pixels")
    return path


def test_a_link_to_an_input_is_the_input(image: Path, tmp_path: Path) -> None:
    (tmp_path / "hard.tif").hardlink_to(image)
    (tmp_path / "symbolic.tif").symlink_to(image)
    with reading({"images": [str(image)]}):
        for name in ("cells.tif", "hard.tif", "symbolic.tif", "./cells.tif"):
            with pytest.raises(OutputError, match="an input of this run"):
                write_bytes_atomically(tmp_path / name, b"results", overwrite=True)
    assert image.read_bytes() == b"pixels"
    write_bytes_atomically(image, b"results", overwrite=True)  # the run is over
    assert image.read_bytes() == b"results"


@pytest.mark.parametrize(
    "wrap", [lambda path: (path,), lambda path: {"noise": str(path)}, lambda path: Options((path,))]
)
def test_inputs_are_found_in_whatever_holds_them(image: Path, wrap: object) -> None:
    assert callable(wrap)
    with reading({"options": wrap(image)}), pytest.raises(OutputError, match="an input of this run"):
        check_target(image, overwrite=True)


def test_what_an_output_names_is_no_input(image: Path) -> None:
    with reading({"output": image, "axes": "T" * 5000, "name": "zero\0"}):
        check_target(image, overwrite=True)


def test_folders_that_hold_an_input_or_are_an_image(tmp_path: Path) -> None:
    inside = tmp_path / "cells.ome.zarr" / "0"
    inside.mkdir(parents=True)
    (inside / "zarr.json").write_text("{}")
    with reading({"image": inside}):
        with pytest.raises(OutputError, match="a folder that contains an input"):
            check_target(inside.parent, overwrite=True, replaceable=os.path.isdir)
        with pytest.raises(OutputError, match="lies inside an input"):
            check_target(inside / "result.tif", overwrite=True)
        check_target(tmp_path / "result.tif", overwrite=True)


def test_a_function_of_python_is_protected_too(image: Path) -> None:
    @protecting
    def plan(images: list[Path], output: Path) -> None:
        check_target(output, overwrite=True)

    plan([image], image.with_name("other.tif"))
    with pytest.raises(OutputError, match="an input of this run"):
        plan([image], image)
