"""Readers, writers and samples of the plugin, and its manifest."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quietscope import read_image, write_image
from quietscope.io import FORMATS, Details

MANIFEST = Path(__file__).parents[2] / "src" / "quietscope" / "napari" / "napari.yaml"


def manifest() -> Any:
    from ruamel.yaml import YAML

    return YAML(typ="safe").load(MANIFEST)


def test_the_manifest_names_every_ending_that_is_read_or_written() -> None:
    contributed = manifest()["contributions"]
    read = {suffix for each in FORMATS.values() for suffix in each.suffixes}
    written = {suffix for each in FORMATS.values() for suffix in each.written}
    assert {name.removeprefix("*") for name in contributed["readers"][0]["filename_patterns"]} == read
    assert [set(each["filename_extensions"]) for each in contributed["writers"]] == [written, written]


def test_the_manifest_is_declared_and_whatever_it_names_is_there(app: Any) -> None:
    import tomllib
    from importlib import import_module

    project = tomllib.loads((MANIFEST.parents[3] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["napari.manifest"] == {"quietscope": "quietscope.napari:napari.yaml"}
    found = manifest()
    assert found["name"] == project["name"]
    for command in found["contributions"]["commands"]:
        module, _, name = command["python_name"].partition(":")
        assert callable(getattr(import_module(module), name))


def test_neither_the_library_nor_the_command_line_imports_a_window() -> None:
    lines = "import sys, quietscope.cli, quietscope.denoiser, quietscope.pipeline.run, quietscope.napari\n"
    lines += "print({name.partition('.')[0] for name in sys.modules} & {'napari', 'qtpy', 'PySide6', 'npe2', 'vispy'})"
    assert subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_an_image_comes_and_goes_with_all_that_is_known_of_it(app: Any, tmp_path: Path) -> None:
    from napari.components import ViewerModel

    pixels = np.arange(2 * 3 * 2 * 20 * 24, dtype=np.uint16).reshape(2, 3, 2, 20, 24)
    write_image(
        tmp_path / "in.ome.tif",
        pixels,
        "TZCYX",
        pixel_size_um={"Z": 0.5, "Y": 0.2, "X": 0.1},
        channel_names=("DAPI", "GFP"),
        frame_interval_s=12.0,
        details=Details(colors=("0000FF", "00FF00")),
    )
    viewer = ViewerModel()
    layers = viewer.open(str(tmp_path / "in.ome.tif"), plugin="quietscope")
    assert [layer.name for layer in layers] == ["in.ome.tif DAPI", "in.ome.tif GFP"]
    for channel, layer in enumerate(layers):
        assert np.array_equal(layer.data, pixels[:, :, channel])
        assert layer.axis_labels == ("t", "z", "y", "x")
        assert np.allclose(layer.scale, (12.0, 0.5, 0.2, 0.1))
        assert [str(unit) for unit in layer.units] == ["second", "micrometer", "micrometer", "micrometer"]
    assert np.allclose(layers[1].colormap.colors[-1][:3], (0, 1, 0))
    viewer.layers.save(str(tmp_path / "out.ome.tif"), plugin="quietscope")
    back = read_image(tmp_path / "out.ome.tif")
    assert sorted(back.axes) == sorted("CTZYX")
    assert back.channel_names == ("in.ome.tif DAPI", "in.ome.tif GFP")
    assert back.pixel_size_um == pytest.approx({"Z": 0.5, "Y": 0.2, "X": 0.1})
    assert back.frame_interval_s == 12.0
    layers[0].save(str(tmp_path / "one.npy"), plugin="quietscope")
    assert np.array_equal(np.load(tmp_path / "one.npy"), pixels[:, :, 0])


def test_zarr_folders_are_read(app: Any, tmp_path: Path) -> None:
    from napari.components import ViewerModel

    write_image(tmp_path / "a.ome.zarr", np.ones((30, 32), np.uint8), "YX")
    [layer] = ViewerModel().open(str(tmp_path / "a.ome.zarr"), plugin="quietscope")
    assert layer.data.shape == (30, 32)


def test_damaged_files_and_layers_that_do_not_go_together_are_one_line(
    app: Any, tmp_path: Path, told: list[str]
) -> None:
    from quietscope.napari.opened_files import NO_LAYER, read_images
    from quietscope.napari.saved_layers import write_layers

    (tmp_path / "bad.tif").write_bytes(b"II*\0 no image")
    reader = read_images(str(tmp_path / "bad.tif"))
    assert reader is not None
    assert reader(str(tmp_path / "bad.tif")) == NO_LAYER
    attributes = {"name": "a", "scale": (1, 1)}
    layers = [(np.zeros((20, side)), attributes, "image") for side in (20, 21)]
    assert write_layers(str(tmp_path / "out.tif"), layers) == []
    assert [line.split(";")[0].split(" ", 1)[0] for line in told] == ["expected", "expected"]
    assert read_images(str(tmp_path / "notes.txt")) is None


@pytest.mark.parametrize(("key", "shape"), [("zebrafish", (512, 512)), ("zebrafish_fields", (4, 512, 512))])
def test_samples_open(app: Any, key: str, shape: tuple[int, ...]) -> None:
    from napari.components import ViewerModel

    [layer] = ViewerModel().open_sample("quietscope", key)
    assert layer.data.shape == shape
