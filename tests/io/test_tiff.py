"""TIFF as other programs write it."""

import logging
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from quietscope.errors import ImageFileError, OutputError, SeriesWarning
from quietscope.io import read_image, write_image
from quietscope.testing.example_images import AXES, DTYPES, example

STACK = example("TYX", np.uint16)


COMPRESSIONS = (None, "zlib", "lzw", "zstd", "deflate", "jpeg2000", "packbits", "lzma")
# Big-endian JPEG 2000 is no case: tifffile writes its bytes swapped, and reads its own files back wrong.
ENCODINGS = [(name, order) for name in COMPRESSIONS for order in "<>" if (name, order) != ("jpeg2000", ">")]


def save(path: Path, array: np.ndarray, photometric: str = "minisblack", **options: Any) -> None:
    tifffile.imwrite(path, array, photometric=photometric, **options)


@pytest.mark.parametrize("tile", [None, (16, 16)])
@pytest.mark.parametrize(("compression", "byteorder"), ENCODINGS)
def test_compressions_tiles_and_byte_orders(
    tmp_path: Path, compression: str | None, byteorder: str, tile: tuple[int, ...] | None
) -> None:
    path = tmp_path / "a.tif"
    save(path, STACK, compression=compression, byteorder=byteorder, tile=tile, metadata={"axes": "TYX"})
    image = read_image(path)
    assert (image.axes, image.dtype) == ("TYX", np.dtype("uint16"))
    assert image.dtype.isnative
    np.testing.assert_array_equal(image, STACK)
    np.testing.assert_array_equal(image.data[1, 3:9, 5:], STACK[1, 3:9, 5:])
    np.testing.assert_array_equal(image.layout().take(image.data, 2)[0], STACK[2])


@pytest.mark.parametrize("dtype", ["int8", "float16", "float32", "float64", "uint64", "bool"])
@pytest.mark.parametrize("compression", ["zlib", "zstd"])
def test_compressed_dtypes(tmp_path: Path, dtype: str, compression: str) -> None:
    array = example("ZYX", dtype)
    save(tmp_path / "a.tif", array, compression=compression, metadata={"axes": "ZYX"})
    image = read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(image, array)
    assert image.dtype == array.dtype


def test_predictor_and_separate_planes(tmp_path: Path) -> None:
    array = example("YXS", np.uint8)
    save(tmp_path / "a.tif", array.transpose(2, 0, 1), planarconfig="separate", photometric="rgb")
    image = read_image(tmp_path / "a.tif")
    assert image.axes == "SYX"
    np.testing.assert_array_equal(image.layout().take(image.data, 0), array.transpose(2, 0, 1))
    save(tmp_path / "b.tif", STACK, compression="zlib", predictor=True)
    np.testing.assert_array_equal(read_image(tmp_path / "b.tif"), STACK)


def test_several_series_and_a_pyramid(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as tif:
        tif.write(STACK, photometric="minisblack", metadata={"axes": "TYX", "PhysicalSizeX": 1.0, "PhysicalSizeY": 1.0})
        tif.write(
            photometric="minisblack",
            data=STACK[0, ::2],
            subifds=1,
            metadata={"axes": "YX", "PhysicalSizeX": 500.0, "PhysicalSizeXUnit": "nm"},
        )
        tif.write(photometric="minisblack", data=STACK[0, ::4, ::2], subfiletype=1)
    with pytest.warns(SeriesWarning, match=r"holds 2 images \(series 0 to 1\).*series=1"):
        read_image(tmp_path / "a.ome.tif")
    first, second = (read_image(tmp_path / "a.ome.tif", series=number) for number in range(2))
    np.testing.assert_array_equal(first, STACK)
    np.testing.assert_array_equal(second, STACK[0, ::2])
    assert (first.pixel_size_um, second.pixel_size_um) == ({"X": 1.0, "Y": 1.0}, {"X": 0.5})
    with pytest.raises(ImageFileError, match="series=1"):
        read_image(tmp_path / "a.ome.tif", series=2)


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("um", 1), ("micron", 1), ("\\u00B5m", 1), ("nm", 1e-3), ("mm", 1e3), ("inch", 25400)],
)
def test_imagej_units(tmp_path: Path, unit: str, factor: float) -> None:
    metadata = {"axes": "ZYX", "unit": unit, "spacing": 2.0, "finterval": 0.5}
    save(tmp_path / "a.tif", STACK, imagej=True, resolution=(4, 5), metadata=metadata)
    image = read_image(tmp_path / "a.tif")
    assert image.pixel_size_um == pytest.approx({"X": 0.25 * factor, "Y": 0.2 * factor, "Z": 2 * factor})
    assert image.frame_interval_s == 0.5


def test_imagej_without_a_unit_has_no_pixel_size(tmp_path: Path) -> None:
    save(tmp_path / "a.tif", STACK, imagej=True, metadata={"axes": "TYX", "unit": "pixel"})
    assert read_image(tmp_path / "a.tif").pixel_size_um == {}


def test_imagej_labels_name_channels_only_where_they_repeat(tmp_path: Path) -> None:
    array = example("TCYX", np.uint16)
    for labels, names in ((["a", "b"] * 3, ("a", "b")), ([f"plane {n}" for n in range(6)], ())):
        save(tmp_path / "a.tif", array, imagej=True, metadata={"axes": "TCYX", "Labels": labels})
        assert read_image(tmp_path / "a.tif").channel_names == names


@pytest.mark.parametrize(
    ("resolution", "unit", "size"), [(20000, 3, 0.5), (50800, 2, 0.5), (300, 2, None), (72, 2, None), (1, 1, None)]
)
def test_resolution_tags_count_on_a_microscopes_scale_only(
    tmp_path: Path, resolution: int, unit: int, size: float | None
) -> None:
    save(tmp_path / "a.tif", STACK, resolution=(resolution, resolution), resolutionunit=unit, metadata=None)
    assert read_image(tmp_path / "a.tif").pixel_size_um == (
        {} if size is None else pytest.approx({"X": size, "Y": size})
    )


@pytest.mark.parametrize("name", ["a.ome.tif", "a.tif"])
@pytest.mark.parametrize("axes", ["TZCYX", "TCYX", "QCYX"])
def test_metadata_round_trip(tmp_path: Path, name: str, axes: str) -> None:
    write_image(
        tmp_path / name,
        example(axes, np.float32),
        axes,
        pixel_size_um={"X": 0.1, "Y": 0.2},
        channel_names=["one", "two"],
        frame_interval_s=1.5,
    )
    image = read_image(tmp_path / name)
    assert image.pixel_size_um == pytest.approx({"X": 0.1, "Y": 0.2})
    assert image.channel_names == ("one", "two")
    assert image.frame_interval_s == pytest.approx(1.5)


def test_dialects_that_are_written(tmp_path: Path) -> None:
    for name, axes, dtype, kind in (
        ("a.tif", "TCZYX", np.uint16, "imagej"),
        ("b.tif", "TYX", np.float64, "shaped"),
        ("c.tif", "QYX", np.uint8, "shaped"),
        ("d.OME.TIF", "ZYX", np.uint8, "ome"),
    ):
        write_image(tmp_path / name, example(axes, dtype), axes)
        with tifffile.TiffFile(tmp_path / name) as tif:
            assert tif.series[0].kind == kind


def test_what_is_refused_is_what_the_format_cannot_hold(tmp_path: Path) -> None:
    refused = set()
    cases = [(axes, "float32") for axes in AXES] + [("TCYX", dtype) for dtype in DTYPES]
    for (axes, dtype), suffix in product(cases, (".tif", ".ome.tif", ".ome.zarr", ".npy")):
        try:
            write_image(tmp_path / f"a{suffix}", np.zeros((3,) * len(axes), dtype), axes, overwrite=True)
        except OutputError:
            refused.add((suffix, dtype))
    assert refused == {(".ome.tif", "int64"), (".ome.tif", "uint64"), (".ome.tif", "float16")}
    with pytest.raises(OutputError, match=r"\.tif, without \.ome"):
        write_image(tmp_path / "b.ome.tif", np.zeros((1,) * 7), "QPTZCYX")
    with pytest.raises(OutputError, match="complex"):
        write_image(tmp_path / "b.tif", np.zeros((2, 2), complex), "YX")


def test_axes_of_the_file_and_of_the_user(tmp_path: Path) -> None:
    save(tmp_path / "a.tif", STACK)
    assert read_image(tmp_path / "a.tif").axes == "QYX"
    assert read_image(tmp_path / "a.tif", "zyx").axes == "ZYX"
    save(tmp_path / "b.tif", STACK[None].repeat(2, axis=0))
    with pytest.raises(ValueError, match='axes="TCYX"'):
        read_image(tmp_path / "b.tif")
    assert read_image(tmp_path / "b.tif", "TZYX").shape == (2, 3, 17, 23)
    save(tmp_path / "c.tif", STACK, metadata=None)
    assert len(read_image(tmp_path / "c.tif").axes) == 3


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize(("imagej", "metadata"), [(True, True), (False, True), (False, False)])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.8, 0.95])
def test_truncation_is_noticed_when_opening(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    compression: str | None,
    imagej: bool,
    metadata: bool,
    share: float,
) -> None:
    path, array = tmp_path / "a.tif", np.random.default_rng(0).integers(0, 4000, (40, 30, 30)).astype(np.uint16)
    with tifffile.TiffWriter(path, imagej=imagej) as tif:
        if metadata:
            tif.write(array, photometric="minisblack", compression=compression, metadata={"axes": "TYX"})
        else:
            for frame in array:
                tif.write(frame, photometric="minisblack", compression=compression, metadata=None)
    np.testing.assert_array_equal(read_image(path), array)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(ImageFileError), caplog.at_level(logging.WARNING):
        read_image(path)
    assert not caplog.records, "the file's story is told in one line"


def test_virtual_imagej_stack_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    save(path, STACK, imagej=True, truncate=True, metadata={"axes": "TYX"})
    np.testing.assert_array_equal(read_image(path), STACK)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ImageFileError, match=r"truncated|bytes"):
        read_image(path)


def test_damage_inside_is_one_line_when_reached(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    save(path, STACK, compression="zlib", metadata={"axes": "TYX"})
    with tifffile.TiffFile(path) as tif:
        offset = tif.pages[1].dataoffsets[0]
    contents = bytearray(path.read_bytes())
    contents[offset : offset + 50] = bytes(50)
    path.write_bytes(contents)
    image = read_image(path)
    np.testing.assert_array_equal(image.data[0], STACK[0])
    with pytest.raises(ImageFileError, match="damaged"):
        np.asarray(image.data[1])


def test_bigtiff_is_chosen_by_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quietscope.io.tiff_writer._CLASSIC_LIMIT", 1000)
    write_image(tmp_path / "a.tif", STACK, "TYX", pixel_size_um={"X": 1.0, "Y": 1.0})
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert tif.is_bigtiff
        assert not tif.is_imagej
    image = read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(image, STACK)
    assert image.pixel_size_um == {"X": 1.0, "Y": 1.0}


def test_a_text_file_by_another_name(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_text("hello")
    with pytest.raises(ImageFileError, match=r"format TIFF.*plain text"):
        read_image(tmp_path / "a.tif")


def test_damage_in_one_tile_leaves_no_noise_on_the_terminal(tmp_path: Path) -> None:
    path, array = tmp_path / "a.tif", np.random.default_rng(0).integers(0, 4000, (320, 320), np.uint16)
    save(path, array, compression="zlib", tile=(32, 32))
    with tifffile.TiffFile(path) as tif:
        offset = tif.pages[0].dataoffsets[0]
    contents = bytearray(path.read_bytes())
    contents[offset : offset + 50] = bytes(50)
    path.write_bytes(contents)
    code = f"""
from quietscope.errors import ImageFileError
from quietscope.io import read_image
try:
    read_image({str(path)!r}).data[...]
except ImageFileError:
    print("told")
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (result.stdout, result.stderr) == ("told\n", "")
