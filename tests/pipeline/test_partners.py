"""Clean references in folders: each goes with the image of its name."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from quietscope.errors import ImageFileError, SizeError
from quietscope.io import write_image
from quietscope.pipeline.found_images import find_images
from quietscope.pipeline.partners import partners_of
from quietscope.pipeline.planning import plan_denoise


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with three images in folders of noisy/, and their references in clean/."""
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("day1/a", "day1/b", "day2/a")):
        for folder, ending in (("noisy", ".tif"), ("clean", ".npy")):
            path = Path(folder, name + ending)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_image(path, np.full((24, 24), 100 * number + 7, np.uint16), "YX")
    return tmp_path


def names(noisy: Any, clean: Any) -> list[str]:
    return [str(each) for each in partners_of(find_images(noisy), clean)]


@pytest.mark.parametrize("clean", ["clean", "clean/**/*.npy", ["clean/day2", "clean/day1"]])
def test_names_below_the_folders_tell(lab: Path, clean: Any) -> None:
    assert names("noisy", clean) == ["clean/day1/a.npy", "clean/day1/b.npy", "clean/day2/a.npy"]
    assert names(["noisy/day1/b.tif"], clean) == ["clean/day1/b.npy"], "the one of that name, wherever it lies"


def test_files_that_are_named_go_by_their_order(lab: Path) -> None:
    assert names("noisy/day1", ["clean/day2/a.npy", "clean/day1/a.npy"]) == ["clean/day2/a.npy", "clean/day1/a.npy"]
    assert names("noisy", []) == names("noisy", None) == []


def test_an_image_without_a_partner_is_named(lab: Path) -> None:
    (lab / "clean" / "day1" / "b.npy").unlink()
    with pytest.raises(SizeError, match=r"none of that name for noisy/day1/b\.tif, among 2; rename it, leave"):
        names("noisy", "clean")
    with pytest.raises(SizeError, match=r"for noisy/day2/a\.tif"):
        names("noisy/day2/a.tif", ["clean/day*/a.npy"])  # there are two of that name
    with pytest.raises(ImageFileError, match="images that fit"):
        names("noisy", "clean/*.png")


def test_a_plan_takes_them(lab: Path) -> None:
    plan = plan_denoise("noisy", "out", {"steps": 1, "noise": "sigma=1"}, clean="clean", device="cpu")
    assert [int(np.asarray(each).max()) for each in plan.references] == [7, 107, 207]


def test_every_image_of_a_file_has_its_own(lab: Path) -> None:
    for name, start in (("many", 0), ("truth", 50)):
        with tifffile.TiffWriter(f"{name}.ome.tif", ome=True) as file:
            for number in range(2):
                pixels = np.full((24, 24), start + number, np.uint16)
                file.write(pixels, metadata={"axes": "YX", "Name": f"Position {number}"})
    plan = plan_denoise(
        "many.ome.tif", "out", {"steps": 1, "noise": "sigma=1"}, clean="truth.ome.tif", series="all", device="cpu"
    )
    assert [int(np.asarray(each).max()) for each in plan.references] == [50, 51]
    assert [path.name for path in plan.files][:3:2] == [
        "many_Position_0_denoised.ome.tif",
        "many_Position_1_denoised.ome.tif",
    ]
