"""OME-Zarr of both generations, and plain Zarr."""

import asyncio
import errno
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from quietscope.errors import AxesError, ImageFileError, MissingPixelsWarning, OutputError
from quietscope.io import read_image, write_image
from quietscope.testing.example_images import example

ARRAY = example("TCZYX", np.uint16)
SCALE = [0.5, 1.0, 2000.0, 250.0, 250.0]
AXES = [
    {"name": "t", "type": "time", "unit": "minute"},
    {"name": "c", "type": "channel"},
    *({"name": name, "type": "space", "unit": "nanometer"} for name in "zyx"),
]


def multiscales(version: str) -> dict[str, Any]:
    steps = [{"type": "scale", "scale": SCALE}, {"type": "translation", "translation": [0.0] * 5}]
    image = {"axes": AXES, "datasets": [{"path": "s0", "coordinateTransformations": steps}, {"path": "s1"}]}
    omero = {"channels": [{"label": "DAPI"}, {"label": "GFP"}]}
    if version == "0.5":
        return {"ome": {"version": version, "multiscales": [image], "omero": omero}}
    return {"multiscales": [{**image, "version": version}], "omero": omero}


def write_group(path: Path, attributes: dict[str, Any], zarr_format: int, name: str | None = None) -> None:
    group = zarr.open_group(str(path), mode="a", zarr_format=zarr_format)
    if name is not None:
        group = group.create_group(name)
    group.attrs.update(attributes)
    for level, array in (("s0", ARRAY), ("s1", ARRAY[..., ::2, ::2])):
        group.create_array(level, shape=array.shape, chunks=(1, 1, 2, 8, 8), dtype=array.dtype)[...] = array


@pytest.mark.parametrize(("version", "zarr_format"), [("0.4", 2), ("0.5", 3)])
def test_both_generations(tmp_path: Path, version: str, zarr_format: int) -> None:
    write_group(tmp_path / "a.zarr", multiscales(version), zarr_format)
    image = read_image(tmp_path / "a.zarr")
    assert (image.axes, image.channel_names, image.frame_interval_s) == ("TCZYX", ("DAPI", "GFP"), 30.0)
    assert image.pixel_size_um == pytest.approx({"Z": 2.0, "Y": 0.25, "X": 0.25})
    np.testing.assert_array_equal(image, ARRAY)
    np.testing.assert_array_equal(image.data[1, 0, 2, 3:9], ARRAY[1, 0, 2, 3:9])


def test_bioformats2raw_series(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    zarr.open_group(str(path), mode="w", zarr_format=2).attrs["bioformats2raw.layout"] = 3
    for name in "01":
        write_group(path, multiscales("0.4"), 2, name)
    np.testing.assert_array_equal(read_image(path, series=1), ARRAY)
    np.testing.assert_array_equal(read_image(path / "0"), ARRAY)
    with pytest.raises(ImageFileError, match="series=1"):
        read_image(path, series=2)


def test_a_scale_without_a_unit_is_no_pixel_size(tmp_path: Path) -> None:
    attributes = multiscales("0.4")
    attributes["multiscales"][0]["axes"] = list("tczyx")
    write_group(tmp_path / "a.zarr", attributes, 2)
    image = read_image(tmp_path / "a.zarr")
    assert (image.axes, image.pixel_size_um, image.frame_interval_s) == ("TCZYX", {}, None)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_plain_arrays(tmp_path: Path, zarr_format: int) -> None:
    def save(name: str, array: np.ndarray, **options: object) -> None:
        options |= {"shape": array.shape, "dtype": array.dtype, "zarr_format": zarr_format}
        zarr.create_array(str(tmp_path / name), **options)[...] = array

    save("a.zarr", ARRAY[0, 0])
    assert read_image(tmp_path / "a.zarr").axes == "QYX"
    save("b", ARRAY, attributes={"_ARRAY_DIMENSIONS": ["time", "channel", "z", "y", "x"]})
    image = read_image(tmp_path / "b")
    assert image.axes == "TCZYX"
    np.testing.assert_array_equal(image, ARRAY)
    save("c.zarr", ARRAY)
    with pytest.raises(AxesError, match='axes="TCZYX"'):
        read_image(tmp_path / "c.zarr")
    save("d.zarr", ARRAY[0, 0].astype(complex))
    with pytest.raises(ImageFileError, match="complex"):
        read_image(tmp_path / "d.zarr")


def test_written_attributes_follow_ngff(tmp_path: Path) -> None:
    path = tmp_path / "cells.ome.zarr"
    write_image(path, ARRAY, "TCZYX", pixel_size_um={"X": 0.1, "Y": 0.2}, channel_names=["a", "b"], frame_interval_s=3)
    group = zarr.open_group(str(path), mode="r")
    ome = group.attrs["ome"]
    assert ome["version"] == "0.5"
    image = ome["multiscales"][0]
    assert image["name"] == "cells"
    assert image["axes"] == [
        {"name": "t", "type": "time", "unit": "second"},
        {"name": "c", "type": "channel"},
        {"name": "z", "type": "space"},
        {"name": "y", "type": "space", "unit": "micrometer"},
        {"name": "x", "type": "space", "unit": "micrometer"},
    ]
    assert image["datasets"][0]["coordinateTransformations"] == [{"type": "scale", "scale": [3.0, 1.0, 1.0, 0.2, 0.1]}]
    assert [channel["label"] for channel in ome["omero"]["channels"]] == ["a", "b"]
    assert group["0"].metadata.dimension_names == ("t", "c", "z", "y", "x")
    back = read_image(path)
    assert back.frame_interval_s == 3.0
    assert back.pixel_size_um == {"X": 0.1, "Y": 0.2}


def test_more_axes_than_ngff_allows(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"a\.tif"):
        write_image(tmp_path / "a.ome.zarr", np.zeros((1, 1, 2, 2)), "PCYX")
    assert not list(tmp_path.iterdir())


def test_only_zarr_folders_are_replaced(tmp_path: Path) -> None:
    for name in ("file.zarr", "folder.zarr"):
        path = tmp_path / name
        if name.startswith("file"):
            path.write_text("mine")
        else:
            path.mkdir()
            (path / "thesis.docx").touch()
        with pytest.raises(OutputError, match="another kind"):
            write_image(path, ARRAY, "TCZYX", overwrite=True)
        assert path.exists()


def test_folders_that_hold_no_image(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImageFileError, match="folder"):
        read_image(tmp_path / "empty")
    zarr.open_group(str(tmp_path / "a.zarr"), mode="w").create_array("pixels", shape=(2, 2), dtype="u1")
    with pytest.raises(ImageFileError, match="pixels"):
        read_image(tmp_path / "a.zarr")
    attributes = {"plate": {"wells": [{"path": "B/3"}]}}
    zarr.open_group(str(tmp_path / "p.zarr"), mode="w", zarr_format=2).attrs.update(attributes)
    with pytest.raises(ImageFileError, match="1 listed"):
        read_image(tmp_path / "p.zarr")
    (tmp_path / "bad.zarr").mkdir()
    (tmp_path / "bad.zarr" / "zarr.json").write_text("{")
    with pytest.raises(ImageFileError):
        read_image(tmp_path / "bad.zarr")


def test_chunks_still_under_way_do_not_bring_a_removed_folder_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = zarr.storage.LocalStore
    plain = store.set

    async def full_at_the_first_chunk(self: object, key: str, *args: object, **kwargs: object) -> None:
        if key.endswith("c/0/0"):
            raise OSError(errno.ENOSPC, "No space left on device")
        if "/c/" in key:
            await asyncio.sleep(0.05)
        await plain(self, key, *args, **kwargs)

    monkeypatch.setattr(store, "set", full_at_the_first_chunk)
    with pytest.raises(OutputError, match="room on the disk"):
        write_image(tmp_path / "a.ome.zarr", np.ones((1024, 1024), np.uint8), "YX")
    time.sleep(0.2)
    assert not list(tmp_path.iterdir())


def test_nothing_is_left_where_headers_find_the_disk_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Zarr writes several headers at once, and tells of the first that fails while it still writes the others."""
    store = zarr.storage.LocalStore
    plain, tried = store.set, []

    async def full_at_the_array(self: object, key: str, *args: object, **kwargs: object) -> None:
        tried.append(key)
        if key.endswith("0/zarr.json"):
            asyncio.get_running_loop().create_task(late(self, *args, **kwargs))
            raise OSError(errno.ENOSPC, "No space left on device")
        await plain(self, key, *args, **kwargs)

    async def late(self: Any, *args: Any, **kwargs: Any) -> None:
        await asyncio.sleep(0.05)
        self.root.mkdir(parents=True, exist_ok=True)
        await plain(self, "zarr.json", *args, **kwargs)

    monkeypatch.setattr(store, "set", full_at_the_array)
    with pytest.raises(OutputError, match="room on the disk"):
        write_image(tmp_path / "a.ome.zarr", np.ones((64, 64), np.uint8), "YX")
    time.sleep(0.2)
    assert any(key.endswith("0/zarr.json") for key in tried)
    assert not list(tmp_path.iterdir())


def test_an_image_of_which_no_chunk_is_there_says_so(tmp_path: Path) -> None:
    array = zarr.create_array(str(tmp_path / "a.zarr"), shape=(8, 9), chunks=(4, 9), dtype="uint16")
    with pytest.warns(MissingPixelsWarning, match="no chunk"):
        read_image(tmp_path / "a.zarr")
    array[:4] = 1
    assert read_image(tmp_path / "a.zarr").shape == (8, 9)
