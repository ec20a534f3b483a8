"""OME-Zarr that holds many images: plates, wells, bioformats2raw's layout; and images that are not as they say."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from ome_zarr_models.v04.hcs import HCS as HCS4
from ome_zarr_models.v05.hcs import HCS as HCS5

from quietscope.errors import ImageFileError, QuietScopeError, SeriesWarning
from quietscope.io import Details, read_image, write_image
from quietscope.pipeline.found_images import find_images
from quietscope.pipeline.stems import stems_of

WELLS = ("A/1", "B/12")
FORMATS = {"0.4": 2, "0.5": 3}
XML = """<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">
<Image ID="Image:0" Name="left"><Pixels ID="Pixels:0" PhysicalSizeX="0.3" PhysicalSizeY="0.3" TimeIncrement="2">
<Channel ID="Channel:0" Name="DAPI" EmissionWavelength="460"/></Pixels></Image>
<Image ID="Image:1" Name="right"><AcquisitionDate>2020-02-02T02:02:02</AcquisitionDate><Pixels ID="Pixels:1"/></Image>
</OME>"""


def pixels(number: int) -> np.ndarray:
    return np.full((1, 6, 8), 100 + number, np.uint16)


def told(version: str, axes: str = "cyx", **more: Any) -> dict[str, Any]:
    """Return the attributes of an image of one level."""
    kinds = {"t": "time", "c": "channel"}
    named = [{"name": name, "type": kinds.get(name, "space")} for name in axes]
    for axis in named:
        if axis["type"] == "space":
            axis["unit"] = "micrometer"
    steps = [{"type": "scale", "scale": [1.0 if name in "tc" else 0.5 for name in axes]}]
    image = {"name": "x", "axes": named, "datasets": [{"path": "0", "coordinateTransformations": steps}], **more}
    return wrapped(version, {"multiscales": [{**image, **({"version": "0.4"} if version == "0.4" else {})}]})


def wrapped(version: str, attributes: dict[str, Any]) -> dict[str, Any]:
    return attributes if version == "0.4" else {"ome": {"version": "0.5", **attributes}}


def add_image(
    group: Any, version: str, array: np.ndarray, attributes: dict[str, Any] | None = None, **options: Any
) -> None:
    group.attrs.update(told(version) if attributes is None else attributes)
    names = {} if version == "0.4" else {"dimension_names": list("cyx")[-array.ndim :]}
    options = {"chunks": array.shape, **names, **options}
    group.create_array("0", shape=array.shape, dtype=array.dtype, **options)[...] = array


def make_plate(path: Path, version: str) -> Path:
    """Write a plate of two wells with two fields each; a third well is listed, and was never imaged."""
    plate = zarr.open_group(str(path), mode="w", zarr_format=FORMATS[version])
    listed = [{"path": well, "rowIndex": n, "columnIndex": n} for n, well in enumerate(WELLS)]
    plate.attrs.update(
        wrapped(
            version,
            {
                "plate": {
                    "name": "p",
                    "version": version,
                    "rows": [{"name": "A"}, {"name": "B"}],
                    "columns": [{"name": "1"}, {"name": "12"}],
                    "wells": listed,
                    "field_count": 2,
                }
            },
        )
    )
    for number, name in enumerate(WELLS):
        well = plate.create_group(name)
        well.attrs.update(wrapped(version, {"well": {"version": version, "images": [{"path": "0"}, {"path": "f1"}]}}))
        for field, folder in enumerate(("0", "f1")):
            add_image(well.create_group(folder), version, pixels(10 * number + field))
    (HCS4 if version == "0.4" else HCS5).from_zarr(zarr.open_group(str(path), mode="r"))
    return path


FIELDS = ("A/1/0", "A/1/f1", "B/12/0", "B/12/f1")


@pytest.mark.parametrize("version", FORMATS)
def test_fields_of_a_plate_are_series(tmp_path: Path, version: str) -> None:
    path = make_plate(tmp_path / "p.ome.zarr", version)
    for number, name in enumerate(FIELDS):
        for chosen in (number, name):
            image = read_image(path, series=chosen)
            assert (image.num_series, image.series_names, image.axes) == (4, FIELDS, "CYX")
            np.testing.assert_array_equal(image, pixels(10 * (number // 2) + number % 2))
    with pytest.warns(SeriesWarning, match="4 images"):
        read_image(path)
    well = read_image(path / "B" / "12", series="f1")
    assert (well.series_names, int(np.asarray(well)[0, 0, 0])) == (("0", "f1"), 111)
    for chosen, words in ((4, "series=3"), ("C/1/0", "A/1/f1"), ("0", "several times")):
        with pytest.raises(ImageFileError, match=words):
            read_image(path, series=chosen)


@pytest.mark.parametrize("version", FORMATS)
def test_a_plate_stands_for_its_fields(tmp_path: Path, version: str) -> None:
    path = make_plate(tmp_path / "p.ome.zarr", version)
    found = find_images(path)
    assert [str(each.source) for each in found] == [str(path / name) for name in FIELDS]
    assert stems_of(found) == list(FIELDS)
    write_image(tmp_path / "q.tif", pixels(0)[0], "YX")
    assert stems_of(find_images(tmp_path)) == [*(f"p.ome.zarr/{name}" for name in FIELDS), "q"]
    assert stems_of(find_images(str(tmp_path / "*.zarr"))) == [f"p.ome.zarr/{name}" for name in FIELDS]
    assert [each.source for each in find_images(path, series="A/1/0")] == [path]
    assert stems_of(find_images(path / "A" / "1")) == ["0", "f1"]


def test_a_plate_that_is_cut(tmp_path: Path) -> None:
    path = make_plate(tmp_path / "p.ome.zarr", "0.4")
    file = path / ".zattrs"
    values = json.loads(file.read_text())
    values["plate"]["wells"].append({"path": "H/1", "rowIndex": 7, "columnIndex": 0})
    file.write_text(json.dumps(values))
    assert read_image(path, series=0).series_names == FIELDS, "a well that was never imaged is passed over"
    (path / "A" / "1" / "0" / ".zattrs").unlink()
    with pytest.raises(ImageFileError, match="A/1/0"):
        read_image(path, series=0)
    assert read_image(path, series=1).num_series == 4
    for wells in ([], [{"path": "H/1"}], [{"path": "../p.ome.zarr/A/1"}], [{"path": 3}], "A/1", None):
        values["plate"]["wells"] = wells
        file.write_text(json.dumps(values))
        with pytest.raises(ImageFileError) as error:
            read_image(path)
        assert "\n" not in str(error.value)
        with pytest.raises(ImageFileError):
            find_images(path)


@pytest.mark.parametrize("version", FORMATS)
@pytest.mark.parametrize("lists", [True, False])
def test_bioformats2raw_tells_series_by_xml(tmp_path: Path, version: str, lists: bool) -> None:
    path = tmp_path / "a.ome.zarr"
    root = zarr.open_group(str(path), mode="w", zarr_format=FORMATS[version])
    root.attrs.update(wrapped(version, {"bioformats2raw.layout": 3}))
    ome = root.create_group("OME")
    if lists:
        ome.attrs.update(wrapped(version, {"series": ["0", "10"]}))
    for number, name in enumerate(("10", "0")):
        attributes = told(version)
        del attributes.get("ome", attributes)["multiscales"][0]["axes"][1]["unit"]
        del attributes.get("ome", attributes)["multiscales"][0]["axes"][2]["unit"]
        add_image(root.create_group(name), version, pixels(number), attributes)
    assert read_image(path, series=1).num_series == 2
    (path / "OME" / "METADATA.ome.xml").write_text(XML)
    left, right = read_image(path, series="left"), read_image(path, series=1)
    assert (left.series_names, left.channel_names, left.frame_interval_s) == (("left", "right"), ("DAPI",), 2.0)
    assert left.pixel_size_um == {"X": 0.3, "Y": 0.3}
    assert left.details.emission_nm == (460.0,)
    assert (right.details.acquired, int(np.asarray(right)[0, 0, 0])) == ("2020-02-02T02:02:02", 100)


def test_labels_are_left_alone(tmp_path: Path) -> None:
    group = zarr.open_group(str(tmp_path / "a.zarr"), mode="w", zarr_format=3)
    add_image(group, "0.5", pixels(3))
    labels = group.create_group("labels")
    labels.attrs["ome"] = {"version": "0.5", "labels": ["cells"]}
    add_image(labels.create_group("cells"), "0.5", pixels(1))
    image = read_image(tmp_path / "a.zarr")
    assert (image.num_series, int(np.asarray(image).max())) == (1, 103)
    assert len(find_images(tmp_path)) == 1


@pytest.mark.parametrize("axes", ["xyc", "zyx", "yxt"])
def test_axes_in_any_order(tmp_path: Path, axes: str) -> None:
    array = np.random.default_rng(0).integers(0, 99, (3, 5, 7), np.uint16)
    group = zarr.open_group(str(tmp_path / "a.zarr"), mode="w", zarr_format=2)
    add_image(group, "0.4", array, told("0.4", axes), chunks=(2, 2, 7))
    image = read_image(tmp_path / "a.zarr")
    assert image.axes == axes.upper()
    np.testing.assert_array_equal(image.data[1:, 2:4], array[1:, 2:4])


def test_steps_of_a_level_and_of_the_image_are_one_after_the_other(tmp_path: Path) -> None:
    attributes = told(
        "0.5",
        coordinateTransformations=[
            {"type": "scale", "scale": [1, 3, 3]},
            {"type": "translation", "translation": [0, 1, 2]},
        ],
    )
    level = attributes["ome"]["multiscales"][0]["datasets"][0]
    level["coordinateTransformations"].append({"type": "translation", "translation": [0, 10, 20]})
    add_image(zarr.open_group(str(tmp_path / "a.zarr"), mode="w", zarr_format=3), "0.5", pixels(1), attributes)
    image = read_image(tmp_path / "a.zarr")
    assert image.pixel_size_um == {"Y": 1.5, "X": 1.5}
    assert image.details.position_um == {"Y": 31.0, "X": 62.0}


def test_the_highest_resolution_is_read_whatever_the_order(tmp_path: Path) -> None:
    group = zarr.open_group(str(tmp_path / "a.zarr"), mode="w", zarr_format=3)
    attributes = told("0.5")
    small, full = attributes["ome"]["multiscales"][0]["datasets"] * 2
    full = {"path": "full", "coordinateTransformations": [{"type": "scale", "scale": [1.0, 0.25, 0.25]}]}
    attributes["ome"]["multiscales"][0]["datasets"] = [small, full]
    add_image(group, "0.5", pixels(1)[:, ::2, ::2], attributes)
    group.create_array("full", shape=(1, 6, 8), dtype="u2", chunks=(1, 6, 8))[...] = pixels(2)
    image = read_image(tmp_path / "a.zarr")
    assert (image.shape, image.pixel_size_um["X"]) == ((1, 6, 8), 0.25)


def damaged(tmp_path: Path, change: Any) -> Path:
    attributes = told("0.5")
    change(attributes["ome"]["multiscales"][0])
    add_image(zarr.open_group(str(tmp_path / "a.zarr"), mode="w", zarr_format=3), "0.5", pixels(1), attributes)
    return tmp_path / "a.zarr"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda image: image["axes"].pop(), "3 dimensions"),
        (lambda image: image["datasets"].insert(0, {"path": "full"}), "no array there"),
        (lambda image: image["datasets"][0].update(path="../0"), "inside the folder"),
        (lambda image: image.update(datasets=[]), "datasets"),
        (lambda image: image["axes"].__setitem__(0, {"type": "channel"}), "name"),
        (lambda image: image["datasets"][0]["coordinateTransformations"][0].update(scale=[1.0]), "1 numbers"),
        (
            lambda image: image["datasets"][0].update(coordinateTransformations=[{"type": "scale", "scale": ["x"]}]),
            "scale",
        ),
    ],
)
def test_images_that_are_not_as_they_say_are_one_line(tmp_path: Path, change: Any, words: str) -> None:
    path = damaged(tmp_path, change)
    with pytest.raises(ImageFileError, match=words) as error:
        read_image(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("shards", [None, (1, 6, 8)])
def test_a_chunk_or_shard_that_is_cut_is_one_line(tmp_path: Path, shards: Any) -> None:
    group = zarr.open_group(str(tmp_path / "a.zarr"), mode="w", zarr_format=3)
    array = np.random.default_rng(0).integers(0, 999, (2, 6, 8), np.uint16)
    add_image(group, "0.5", array, chunks=(1, 3, 4), shards=shards)
    np.testing.assert_array_equal(read_image(tmp_path / "a.zarr"), array)
    file = next(each for each in sorted((tmp_path / "a.zarr" / "0" / "c").rglob("*")) if each.is_file())
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(QuietScopeError) as error:
        np.asarray(read_image(tmp_path / "a.zarr"))
    assert "\n" not in str(error.value)


def test_what_is_known_goes_from_zarr_to_zarr_and_tiff_and_back(tmp_path: Path) -> None:
    details = Details(
        name="embryo",
        colors=("FF0000", "00FF00"),
        emission_nm=(510.0, 600.0),
        position_um={"Z": 1.0, "Y": 2.0, "X": 3.0},
        ranges=(10, 200, 20, 300),
    )
    array = np.random.default_rng(0).integers(0, 999, (2, 2, 2, 6, 8), np.uint16)
    known: dict[str, Any] = {"pixel_size_um": {"Z": 2.0, "Y": 0.5, "X": 0.25}, "frame_interval_s": 30.0}
    known |= {"channel_names": ("one", "two"), "details": details}
    write_image(tmp_path / "a.ome.zarr", array, "TCZYX", **known)
    for name in ("b.ome.zarr", "c.ome.tif", "d.ome.zarr"):
        source = sorted(tmp_path.iterdir())[-1]
        image = read_image(source)
        write_image(
            tmp_path / name,
            np.asarray(image),
            image.axes,
            pixel_size_um=image.pixel_size_um,
            frame_interval_s=image.frame_interval_s,
            channel_names=image.channel_names,
            details=image.details,
        )
        back = read_image(tmp_path / name)
        assert (back.pixel_size_um, back.frame_interval_s, back.channel_names) == tuple(known.values())[:3]
        assert back.details.position_um == details.position_um
        assert (back.details.name, back.details.colors, back.details.emission_nm) == (
            "embryo",
            details.colors,
            (510, 600),
        )
        if name == "b.ome.zarr":
            assert back.details.ranges == details.ranges
