"""What a user names stands for images: folders, patterns, and what is left out of them."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from quietscope.errors import ImageFileError, OutputError
from quietscope.io import Image, write_image
from quietscope.pipeline.found_images import find_images
from quietscope.pipeline.stems import stems_of

Show = Callable[..., list[str]]


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"no image, and nobody looks")


@pytest.fixture
def plate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with plate/, in which there are images, results, and other files."""
    monkeypatch.chdir(tmp_path)
    touch(
        tmp_path / "plate", "day1/a10.tif", "day1/a2.TIF", "day1/notes.txt", "day2/deep/b.png", "c.npy", ".hidden.tif"
    )
    touch(tmp_path / "plate", "day1/a2_denoised.ome.tif", "day1/a2_std.ome.tif", "day1/a2_quantiles.ome.tif")
    touch(
        tmp_path / "plate",
        "run/model.safetensors",
        "run/overview.png",
        "run/unfinished/x.tif",
        ".trash/d.tif",
        ".e.tif",
    )
    touch(tmp_path / "plate", "pictures/overview.png", "pictures/e_samples.tif", ".e.tif")
    (tmp_path / "plate" / "day3").mkdir()
    write_image(tmp_path / "plate" / "day3" / "v.ome.zarr", np.zeros((4, 4), np.uint8), "YX")
    return tmp_path / "plate"


@pytest.fixture
def show(plate: Path) -> Show:
    """Return what shows the paths that stand for what was named, seen from the working directory."""

    def paths(*named: object) -> list[str]:
        return [Path(each.source).as_posix() for each in find_images(list(named))]

    return paths


ALL = [
    "plate/c.npy",
    "plate/day1/a2.TIF",
    "plate/day1/a10.tif",
    "plate/day2/deep/b.png",
    "plate/day3/v.ome.zarr",
    "plate/pictures/e_samples.tif",
    "plate/pictures/overview.png",
]


def test_a_folder_stands_for_its_images_in_natural_order(show: Show) -> None:
    assert show("plate") == show(Path("plate/")) == ALL
    assert show(".") == ALL
    assert [each.source for each in find_images("plate/day1")] == ["plate/day1/a2.TIF", "plate/day1/a10.tif"]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("plate/**/*.tif", ["day1/a10.tif", "pictures/e_samples.tif"]),
        ("plate/day?/*", ["day1/a2.TIF", "day1/a10.tif", "day2/deep/b.png", "day3/v.ome.zarr"]),
        ("plate/day[12]", ["day1/a2.TIF", "day1/a10.tif", "day2/deep/b.png"]),
        ("plate/*.npy", ["c.npy"]),
        ("pl*/day3/**", ["day3/v.ome.zarr"]),
        ("plate/day1/*_std.*", ["day1/a2_std.ome.tif"]),
        ("*/*/deep/*", ["day2/deep/b.png"]),
    ],
)
def test_a_pattern_stands_for_what_it_fits(show: Show, pattern: str, names: list[str]) -> None:
    assert show(pattern) == show(Path(pattern)) == [f"plate/{name}" for name in names]


def test_a_name_that_exists_is_no_pattern(plate: Path, show: Show) -> None:
    touch(plate, "e[1].tif", "f[2]/g.tif")
    assert show("plate/e[1].tif") == ["plate/e[1].tif"]
    assert show("plate/f[2]/*.tif") == ["plate/f[2]/g.tif"]


def test_what_is_named_itself_stays_as_it_is(plate: Path) -> None:
    array, image = np.zeros((4, 4)), Image(np.zeros((4, 4)), "YX")
    named = ["gone.tif", plate / "day1" / "notes.txt", plate / "day3" / "v.ome.zarr", array, image]
    assert [each.source for each in find_images(named)] == named
    assert [each.root for each in find_images(named)] == [None] * 5


def test_nothing_is_found_twice(show: Show) -> None:
    assert show("plate", "plate/day1/a10.tif", "plate/*.npy") == [*(each for each in ALL if "a10" not in each), ALL[2]]


def test_links_are_followed_and_never_round_and_round(plate: Path, show: Show) -> None:
    (plate / "day2" / "up").symlink_to(plate, target_is_directory=True)
    (plate / "day2" / "gone.tif").symlink_to(plate / "nowhere.tif")
    assert len(show("plate/day2")) >= len(ALL)
    assert "plate/day2/gone.tif" in show("plate/day2")
    assert [each for each in show("plate") if "/up/" in each] == []  # what was named is looked through already


def test_a_folder_is_opened_to_readers_only_where_it_is_closed(plate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, fix in ((13, "run `chmod "), (5, "check the path")):

        def refuse(path: str, number: int = number) -> None:
            raise OSError(number, "denied", path)

        monkeypatch.setattr(os, "scandir", refuse)
        with pytest.raises(ImageFileError, match=fix):
            find_images([plate])


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ("empty", r"images in empty or below \(.*\.tif.*\); got none"),
        ("plate/**/*.tiff", r"images that fit plate/\*\*/\*\.tiff \(.*; got none"),
        ("nowhere/*.tif", "no folder nowhere"),
    ],
)
def test_nothing_found_is_one_line(plate: Path, named: str, words: str) -> None:
    (plate.parent / "empty").mkdir()
    with pytest.raises(ImageFileError, match=words):
        find_images([named])


def test_results_keep_the_tree(show: Show) -> None:
    assert stems_of(find_images("plate"))[:4] == ["c", "day1/a2", "day1/a10", "day2/deep/b"]
    assert stems_of(find_images(["plate/**/*.tif", "plate/*.npy"])) == ["day1/a10", "pictures/e_samples", "c"]
    assert stems_of(find_images(["plate/day1", "plate/day2"])) == ["day1/a2", "day1/a10", "day2/deep/b"]


def test_folders_of_one_name_are_told_apart(plate: Path) -> None:
    touch(plate, "one/day/x.tif", "two/day/x.tif")
    assert stems_of(find_images(["plate/one/day", "plate/two/day"])) == ["one/day/x", "two/day/x"]


def test_two_images_that_would_have_one_result_are_named(plate: Path) -> None:
    touch(plate, "day1/a10.png")
    with pytest.raises(OutputError, match=r"plate/day1/a10\.png and plate/day1/a10\.tif, 'day1/a10' twice"):
        stems_of(find_images("plate"))


def test_the_folder_in_which_a_file_keeps_its_planes_is_part_of_it(tmp_path: Path) -> None:
    touch(tmp_path, "cells.oif", "cells.oif.files/s_C001.tif", "other.files/a.tif")
    found = [Path(str(each.source)).relative_to(tmp_path).as_posix() for each in find_images(tmp_path)]
    assert found == ["cells.oif", "other.files/a.tif"]


def test_what_segment_has_written_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = ("labels.tif", "agreement.tif", "probability.tif", "overlay.png")
    touch(tmp_path, "plate/cells.tif", *(f"plate/out/{name}" for name in (*names, "objects.csv", "counts.csv")))
    assert [each.source for each in find_images("plate")] == [f"plate{os.sep}cells.tif"]
    touch(tmp_path, *(f"others/{name}" for name in names))
    assert len(find_images("others")) == 4
