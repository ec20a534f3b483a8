"""Plates of OME-Zarr on the command line: all fields, or one by its name."""

from pathlib import Path

import numpy as np
import pytest
import zarr

from quietscope.io import read_image
from quietscope.methods import METHODS
from tests import tiny
from tests.cli.command_line import Quietscope, refused

FEW = ("--samples", "2", "--device", "cpu")


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with m.safetensors, and plate.ome.zarr with the wells A/1 and B/2 of one field each."""
    tiny.denoiser(METHODS["noise2void"]).save(tmp_path / "m.safetensors")
    plate = zarr.open_group(str(tmp_path / "plate.ome.zarr"), mode="w", zarr_format=2)
    plate.attrs["plate"] = {"wells": [{"path": "A/1"}, {"path": "B/2"}]}
    rng = np.random.default_rng(0)
    for name in ("A/1", "B/2"):
        well = plate.create_group(name)
        well.attrs["well"] = {"images": [{"path": "0"}]}
        field = well.create_group("0")
        field.attrs["multiscales"] = [{"version": "0.4", "axes": list("yx"), "datasets": [{"path": "0"}]}]
        field.create_array("0", data=rng.poisson(150, (24, 24)).astype(np.uint16))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_field_is_denoised_into_the_tree_of_the_plate(quietscope: Quietscope, lab: Path) -> None:
    status, _, err = quietscope(
        "predict", "m.safetensors", "plate.ome.zarr", "-o", "out/", "--format", "ome.zarr", *FEW
    )
    assert status == 0, err
    for name in ("A/1", "B/2"):
        assert read_image(lab / "out" / name / "0_denoised.ome.zarr").shape == (24, 24)


def test_one_field_is_chosen_by_its_name(quietscope: Quietscope, lab: Path) -> None:
    words = ("predict", "m.safetensors", "plate.ome.zarr", "-o", "b.ome.tif", *FEW)
    assert quietscope(*words, "--series", "B/2/0")[0] == 0
    assert read_image(lab / "b.ome.tif").shape == (24, 24)
    refused(quietscope(*words, "--overwrite", "--series", "C/2/0"), "A/1/0", "B/2/0")


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        ((), ["A/1/0_denoised.ome.tif", "B/2/0_denoised.ome.tif"]),
        (("--series", "all"), ["A/1/0_denoised.ome.tif", "B/2/0_denoised.ome.tif"]),
        (("--series", "B/2/0"), ["plate_denoised.ome.tif"]),
    ],
)
def test_a_watch_takes_what_predict_takes(
    quietscope: Quietscope, lab: Path, series: tuple[str, ...], expected: list[str]
) -> None:
    (lab / "in").mkdir()
    (lab / "plate.ome.zarr").rename(lab / "in" / "plate.ome.zarr")
    ends = ("--settle", "0.05s", "--stop-after", "0.3s")
    status, _, err = quietscope("watch", "in", "m.safetensors", "-o", "out", *ends, *series, *FEW)
    assert status == 0, err
    found = sorted(path.relative_to(lab / "out").as_posix() for path in (lab / "out").rglob("*.tif"))
    assert [name.removeprefix("plate.ome.zarr/").removeprefix("plate/") for name in found] == expected
    assert quietscope("predict", "m.safetensors", "in", "-o", "out", "--resume", *series, *FEW)[0] == 0
    assert len(list((lab / "out").rglob("*.tif"))) == len(expected)


def test_info_lists_the_fields(quietscope: Quietscope, lab: Path) -> None:
    status, out, _ = quietscope("info", "plate.ome.zarr")
    assert status == 0
    assert "B/2/0; YX 24 x 24, uint16" in out


def test_a_plate_without_fields_is_one_line(quietscope: Quietscope, lab: Path) -> None:
    (lab / "plate.ome.zarr" / ".zattrs").write_text('{"plate": {"wells": []}}')
    for words in (("info", "plate.ome.zarr"), ("predict", "m.safetensors", "plate.ome.zarr", "-o", "out/", *FEW)):
        refused(quietscope(*words), "plate.ome.zarr", "fields")
