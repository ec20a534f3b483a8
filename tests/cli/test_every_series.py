"""`--series all`: every image of files that hold several."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tifffile

from quietscope.io import read_image, write_image
from quietscope.io.one_of_many import OneOfMany, labels_of
from quietscope.methods import METHODS
from tests import tiny
from tests.cli.command_line import Quietscope, refused

FEW = ("--device", "cpu", "--samples", "2")


def write_many(path: Path, names: Sequence[str]) -> None:
    rng = np.random.default_rng(0)
    with tifffile.TiffWriter(path, ome=True) as file:
        for number, name in enumerate(names):
            pixels = rng.poisson(150, (24, 24 + number)).astype(np.uint16)
            file.write(pixels, metadata={"axes": "YX", **({"Name": name} if name else {})})


@pytest.fixture(autouse=True)
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with m.safetensors, plate/many.ome.tif of three images, and plate/one.tif."""
    tiny.denoiser(METHODS["noise2void"]).save(tmp_path / "m.safetensors")
    (tmp_path / "plate").mkdir()
    write_many(tmp_path / "plate" / "many.ome.tif", ["Position 1", "Position/2", "Ünder.3"])
    write_image(tmp_path / "plate" / "one.tif", np.random.default_rng(1).poisson(150, (24, 24)).astype(np.uint16), "YX")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def widths(folder: Path) -> dict[str, int]:
    return {path.name: read_image(path).shape[-1] for path in sorted(folder.glob("*.tif"))}


def test_predict_writes_one_for_each(quietscope: Quietscope, lab: Path) -> None:
    words = ("predict", "m.safetensors", "plate", "-o", "out", "--series", "all", *FEW)
    status, out, err = quietscope(*words)
    assert status == 0, err
    assert "4 of 4" in out
    assert "series 0 is taken" not in err
    assert widths(lab / "out") == {
        "many_Position_1_denoised.ome.tif": 24,
        "many_Position_2_denoised.ome.tif": 25,
        "many_Ünder.3_denoised.ome.tif": 26,
        "one_denoised.ome.tif": 24,
    }
    status, out, _ = quietscope(*words, "--resume")
    assert (status, "4 of 4, 4 of them earlier" in out) == (0, True)


def test_a_damaged_file_among_them_is_told_in_its_turn(quietscope: Quietscope, lab: Path) -> None:
    (lab / "plate" / "bad.tif").write_bytes(b"nonsense")
    status, out, err = quietscope("predict", "m.safetensors", "plate", "-o", "out", "--series", "all", *FEW)
    assert status == 2
    assert "4 of 5" in out
    assert [("plate/bad.tif" in line) for line in err.splitlines() if "not denoised" in line] == [True]


def test_one_result_for_several_images_is_refused(quietscope: Quietscope) -> None:
    alike = ("predict", "m.safetensors", "plate/many.ome.tif", "--series", "all", *FEW)
    refused(quietscope(*alike, "-o", "o.tif"), "a folder for the results of several images", "3 images")
    refused(quietscope(*alike, "-o", "o.ome.zarr", "--workers", "2"), "one image in a file", "3 images")
    assert quietscope("predict", "m.safetensors", "plate/one.tif", "-o", "o.tif", "--series", "all", *FEW)[0] == 0


def test_training_learns_from_all(quietscope: Quietscope, lab: Path) -> None:
    words = ("train", "plate/many.ome.tif", "-o", "run", "--method", "noise2void", "--steps", "1", "--device", "cpu")
    status, out, err = quietscope(*words, "--series", "all", "--dry-run", "--json")
    assert status == 0, err
    assert '"num_frames": 3' in out or '"num_frames": 2' in out, "one may be held out"


def test_info_lists_them(quietscope: Quietscope) -> None:
    status, out, _ = quietscope("info", "plate/many.ome.tif", "--series", "all")
    assert status == 0
    assert [words in out for words in ("Position 1", "Position/2", "Ünder.3", "24 x 26")] == [True] * 4
    assert quietscope("info", "plate/many.ome.tif")[1] == out


def test_a_series_that_is_not_there_is_named_with_those_that_are(quietscope: Quietscope) -> None:
    alike = ("predict", "m.safetensors", "plate/many.ome.tif", "-o", "o.tif", *FEW)
    refused(quietscope(*alike, "--series", "Position 9"), "'Position 1', 'Position/2', 'Ünder.3'", "'Position 9'")
    refused(quietscope(*alike, "--series", "7"), "'Position 1', 'Position/2', 'Ünder.3'", "series 7")
    refused(quietscope("diagnose", "plate/many.ome.tif", "--series", "all"), "'Position 1'", "'all'")


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (["a", "b"], ["a", "b"]),
        ([], ["0", "1"]),
        (["a", ""], ["0_a", "1"]),
        (["Well A", "well a"], ["0_Well_A", "1_well_a"]),
        (["../up", "a:b*c"], ["up", "a_b_c"]),
        (["a b", "a_b"], ["0_a_b", "1_a_b"]),
    ],
)
def test_names_tell_images_apart_on_any_disk(names: list[str], labels: list[str]) -> None:
    assert labels_of(2, names) == labels


def test_one_of_many_says_which_it_is() -> None:
    assert str(OneOfMany("a.lif", 2, "x")) == "a.lif, series 2"
