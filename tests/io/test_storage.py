"""How pixels are stored: pyramids, compression, pieces; OME-Zarr of both versions and tiled TIFF."""

import resource
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from ome_zarr_models.v04.image import Image as ImageV04
from ome_zarr_models.v05.image import Image as ImageV05

from quietscope.errors import OutputError, SettingsError
from quietscope.io import Storage, check_storage, open_writer, read_image, write_image
from quietscope.io.details import Details
from quietscope.io.gathered import Gathered
from quietscope.io.pyramid import Level, halved, levels_of

RANDOM = np.random.default_rng(0)
CUBES = {"Z": 0.5, "Y": 0.5, "X": 0.5}


def halves(array: np.ndarray, step: tuple[int, ...]) -> np.ndarray:
    """Return means of neighbours, pixel by pixel, the plain way."""
    shape = [-(-size // each) for size, each in zip(array.shape, step, strict=True)]
    made = np.empty(shape)
    for at in product(*map(range, shape)):
        part = array[tuple(slice(n * each, (n + 1) * each) for n, each in zip(at, step, strict=True))]
        weights = [np.where(np.arange(each) < size, 1, 0) for size, each in zip(part.shape, step, strict=True)]
        assert all(weight.any() for weight in weights)
        made[at] = part.astype(np.float64).mean()
    return made


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "uint16", "int16", "int32", "uint64", "bool"])
def test_halved_is_the_mean_of_neighbours(dtype: str) -> None:
    array = (RANDOM.normal(0 if dtype in ("float32", "int16", "int32") else 300, 100, (4, 6, 7))).astype(dtype)
    for step in ((1, 2, 2), (2, 2, 2), (1, 1, 2)):
        expected, found = halves(array, step), halved(array, step)
        assert found.dtype == array.dtype
        if np.dtype(dtype).kind == "f":
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)
        else:
            assert np.abs(found.astype(np.float64) - expected).max() <= 0.5


def test_halved_knows_the_ends_of_types_and_nan() -> None:
    for dtype in ("uint8", "int16", "uint32", "int64", "uint64"):
        for value in (np.iinfo(dtype).min, np.iinfo(dtype).max):
            found = halved(np.full((3, 4), value, dtype), (2, 2))
            np.testing.assert_allclose(found.astype(np.float64), float(value), rtol=1e-15)
    array = np.array([[1.0, np.nan, np.nan, np.nan], [3.0, 5.0, np.nan, np.nan]], np.float32)
    np.testing.assert_array_equal(halved(array, (2, 2)), [[3.0, np.nan]])


def test_levels_end_at_512_and_depth_waits_for_the_plane() -> None:
    sizes = {"Z": 0.4, "Y": 0.1, "X": 0.1}
    levels = levels_of("CZYX", (2, 40, 8000, 3001), sizes)
    assert [level.shape for level in levels] == [
        (2, 40, 8000, 3001),
        (2, 40, 4000, 1501),
        (2, 40, 2000, 751),
        (2, 20, 1000, 376),
        (2, 10, 500, 188),
    ]
    assert levels[-1].factor == (1, 4, 16, 16)
    assert [level.shape for level in levels_of("ZYX", (9, 600, 1), {})] == [(9, 600, 1), (9, 300, 1)]
    assert len(levels_of("YX", (512, 512), {})) == 1
    assert [level.shape for level in levels_of("YX", (512, 300), {}, is_asked=True)] == [(512, 300), (256, 150)]
    assert [level.shape for level in levels_of("YX", (1, 2), {}, is_asked=True)] == [(1, 2), (1, 1)]
    assert len(levels_of("YX", (1, 1), {}, is_asked=True)) == 1
    assert levels_of("YX", (1500, 900), {}, is_asked=True) == levels_of("YX", (1500, 900), {})


@pytest.mark.parametrize("name", ["a.ome.zarr", "a.ome.tif"])
def test_a_pyramid_that_is_asked_for_has_a_smaller_level(tmp_path: Path, name: str) -> None:
    array = RANDOM.integers(0, 999, (2, 40, 70), np.uint16)
    write_image(tmp_path / name, array, "CYX", storage=Storage(pyramid=True))
    np.testing.assert_array_equal(read_image(tmp_path / name), array)
    if name.endswith("zarr"):
        smaller: Any = zarr.open_group(str(tmp_path / name), mode="r")["1"][:]
    else:
        with tifffile.TiffFile(tmp_path / name) as file:
            smaller = file.series[0].levels[1].asarray()
    np.testing.assert_array_equal(smaller, halved(array, (1, 2, 2)))


class Memory:
    """Pieces in memory that count how often they are written."""

    def __init__(self, shape: tuple[int, ...], piece: tuple[int, ...]) -> None:
        self.shape, self.piece, self.dtype = shape, piece, np.dtype(np.float32)
        self.array, self.times = np.zeros(shape, np.float32), np.zeros(shape, int)

    def write(self, box: Any, pixels: np.ndarray) -> None:
        assert all(at.start % each == 0 for at, each in zip(box, self.piece, strict=True))
        self.array[box] = pixels
        self.times[box] += 1

    def read(self, box: Any) -> np.ndarray:
        return self.array[box].copy()


def in_memory() -> tuple[list[Level], list[Memory], np.ndarray]:
    steps = ((1, 1, 1), (2, 2, 2), (1, 2, 2))
    shapes = ((7, 50, 70), (4, 25, 35), (4, 13, 18))
    levels = [Level(shape, step, step) for shape, step in zip(shapes, steps, strict=True)]
    pieces = [(1, 16, 16), (3, 16, 16), (1, 16, 16)]
    array = RANDOM.random(shapes[0], np.float32)
    return levels, [Memory(shape, piece) for shape, piece in zip(shapes, pieces, strict=True)], array


@pytest.mark.parametrize("most_bytes", [1 << 29, 3000])
@pytest.mark.parametrize("order", ["rows", "backwards", "columns first"])
def test_blocks_in_any_order_give_the_same_levels(most_bytes: int, order: str) -> None:
    levels, stores, array = in_memory()
    sink = Gathered(levels, stores, most_bytes)
    boxes = [np.s_[z, y : y + 11, x : x + 19] for z, y, x in product(range(7), range(0, 50, 11), range(0, 70, 19))]
    if order == "backwards":
        boxes.reverse()
    elif order == "columns first":
        boxes.sort(key=lambda box: (box[2].start, box[1].start, box[0]))
    for box in boxes:
        sink[box] = array[box]
    if order == "rows" and most_bytes > 3000:
        assert all((store.times == 1).all() for store in stores), "each piece is written once, before the end"
    sink.finish()
    first = halves(array, (2, 2, 2))
    np.testing.assert_array_equal(stores[0].array, array)
    np.testing.assert_allclose(stores[1].array, first, rtol=1e-5)
    np.testing.assert_allclose(stores[2].array, halves(stores[1].array, (1, 2, 2)), rtol=1e-5)


def test_what_is_written_again_or_never_is_so_in_all_levels() -> None:
    levels, stores, array = in_memory()
    sink = Gathered(levels, stores)
    sink[...] = 9.0
    array[3:] = 0
    sink[...] = array
    sink[0, 5:9] = 4.0
    sink[-7, 0, 0] = 2.0
    array[0, 5:9], array[0, 0, 0] = 4.0, 2.0
    sink.finish()
    blank, fresh, _ = in_memory()
    part = Gathered(blank, fresh)
    part[:3] = array[:3]
    part.finish()
    for one, other in zip(stores, fresh, strict=True):
        np.testing.assert_allclose(one.array, other.array, rtol=1e-6)
    np.testing.assert_array_equal(stores[0].array, array)


@pytest.mark.parametrize("ngff", ["0.4", "0.5"])
@pytest.mark.parametrize("dtype", ["float32", "uint16"])
def test_what_zarr_shows_is_what_there_is(tmp_path: Path, ngff: Any, dtype: str) -> None:
    """Where the input tells no range: neither white nor black, a hot pixel and missing ones aside."""
    path = tmp_path / "a.ome.zarr"
    array = np.stack([RANDOM.uniform(100, 200, (3, 40, 30)), RANDOM.uniform(3000, 5000, (3, 40, 30))]).astype(dtype)
    array[0, 1, 5, 5] = 60_000
    if dtype == "float32":
        array[1, 0] = np.nan
    write_image(path, array, "CZYX", channel_names=("one", "two"), storage=Storage(ngff=ngff))
    attributes: Any = dict(zarr.open_group(str(path), mode="r").attrs)
    channels = attributes.get("ome", attributes)["omero"]["channels"]
    shown = [(each["window"]["start"], each["window"]["end"]) for each in channels]
    assert shown[0] == pytest.approx((100, 200), abs=2)
    assert shown[1] == pytest.approx((3000, 5000), abs=30)
    for each in channels:
        window = each["window"]
        assert window["min"] <= window["start"] < window["end"] <= window["max"]
    assert read_image(path).details.ranges == tuple(end for pair in shown for end in pair)


@pytest.mark.parametrize("pixels", [np.full((4, 5), 7.0), np.full((4, 5), np.nan), np.zeros((4, 5))])
def test_zarr_without_contrast_has_a_range_that_goes_up(tmp_path: Path, pixels: np.ndarray) -> None:
    write_image(tmp_path / "a.ome.zarr", pixels.astype(np.float32), "YX", channel_names=("one",))
    assert len(read_image(tmp_path / "a.ome.zarr").details.ranges) == 2


@pytest.mark.parametrize("ngff", ["0.4", "0.5"])
def test_zarr_pyramids_hold_to_the_models_of_ngff(tmp_path: Path, ngff: Any) -> None:
    path, array = tmp_path / "a.ome.zarr", RANDOM.integers(0, 999, (2, 3, 530, 1040), np.uint16)
    details = Details(
        name="cells", colors=("00FF00", "FF00FF"), ranges=(5, 400, 6, 500), position_um={"X": 7.0, "Y": 8.0}
    )
    known: dict[str, Any] = {
        "pixel_size_um": {"Z": 0.5, "Y": 0.5, "X": 0.25},
        "channel_names": ("one", "two"),
        "details": details,
    }
    write_image(path, array, "CZYX", storage=Storage(ngff=ngff), **known)
    group = zarr.open_group(str(path), mode="r")
    model = ImageV04.from_zarr(group) if ngff == "0.4" else ImageV05.from_zarr(group)
    [image] = (model.attributes if ngff == "0.4" else model.ome_attributes).multiscales
    omero = dict(group.attrs).get("ome", group.attrs)["omero"]
    shapes = [group[each.path].shape for each in image.datasets]
    assert shapes == [(2, 3, 530, 1040), (2, 2, 265, 520), (2, 1, 133, 260)]
    steps = [each.coordinateTransformations for each in image.datasets]
    assert [step[0].scale for step in steps] == [[1, 0.5, 0.5, 0.25], [1, 1, 1, 0.5], [1, 2, 2, 1]]
    assert [step[1].translation for step in steps] == [[0, 0, 8, 7], [0, 0.25, 8.25, 7.125], [0, 0.75, 8.75, 7.375]]
    assert [each["window"]["end"] for each in omero["channels"]] == [400, 500]
    np.testing.assert_array_equal(group["1"][:], halved(array, (1, 2, 2, 2)))
    np.testing.assert_array_equal(group["2"][:], halved(group["1"][:], (1, 2, 2, 2)))
    back = read_image(path)
    np.testing.assert_array_equal(back, array)
    assert (back.pixel_size_um, back.channel_names, back.details.ranges) == (
        known["pixel_size_um"],
        ("one", "two"),
        (5, 400, 6, 500),
    )
    assert (back.details.name, back.details.position_um) == ("cells", {"Z": 0.0, "Y": 8.0, "X": 7.0})


def test_a_pyramid_lies_where_its_pixels_do(tmp_path: Path) -> None:
    """The centre of mass of a spot, by the transforms of each level, stays where it is."""
    array = np.zeros((1024, 1100), np.float32)
    array[400:416, 700:708] = 8.0
    write_image(tmp_path / "a.ome.zarr", array, "YX", pixel_size_um={"X": 0.3, "Y": 0.2})
    group = zarr.open_group(str(tmp_path / "a.ome.zarr"), mode="r")
    for dataset in group.attrs["ome"]["multiscales"][0]["datasets"]:
        pixels, steps = group[dataset["path"]][:], dataset["coordinateTransformations"]
        moved = steps[1]["translation"] if len(steps) == 2 else [0, 0]
        centre = [(np.indices(pixels.shape)[axis] * pixels).sum() / pixels.sum() for axis in (0, 1)]
        found = [at * scale + move for at, scale, move in zip(centre, steps[0]["scale"], moved, strict=True)]
        np.testing.assert_allclose(found, [407.5 * 0.2, 703.5 * 0.3], rtol=1e-6)


@pytest.mark.parametrize(
    ("compression", "ngff"), [("zstd", "0.5"), ("deflate", "0.5"), ("none", "0.5"), ("deflate", "0.4")]
)
def test_zarr_compressions_and_chunks(tmp_path: Path, compression: Any, ngff: Any) -> None:
    array = RANDOM.integers(0, 9, (300, 200), np.uint16)
    storage = Storage(compression=compression, ngff=ngff, chunk=64)
    write_image(tmp_path / "a.zarr", array, "YX", storage=storage)
    written = zarr.open_array(str(tmp_path / "a.zarr" / "0"), mode="r")
    names = [type(each).__name__ for each in written.compressors]
    assert (
        names == {"zstd": ["ZstdCodec"], "deflate": ["Zlib" if ngff == "0.4" else "GzipCodec"], "none": []}[compression]
    )
    assert written.chunks == (64, 64)
    np.testing.assert_array_equal(read_image(tmp_path / "a.zarr"), array)


def test_shards_hold_many_chunks_and_many_planes(tmp_path: Path) -> None:
    array = RANDOM.integers(0, 9, (5, 300, 200), np.uint16)
    write_image(tmp_path / "a.zarr", array, "ZYX", storage=Storage(chunk=64, shard=True))
    written = zarr.open_array(str(tmp_path / "a.zarr" / "0"), mode="r")
    assert (written.chunks, written.shards) == ((1, 64, 64), (8, 256, 256))
    assert len([each for each in (tmp_path / "a.zarr" / "0" / "c").rglob("*") if each.is_file()]) == 2
    np.testing.assert_array_equal(read_image(tmp_path / "a.zarr"), array)
    ImageV05.from_zarr(zarr.open_group(str(tmp_path / "a.zarr"), mode="r"))


@pytest.mark.parametrize("compression", [None, "zstd", "lzw", "deflate", "none"])
@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_ome_tiff_pyramids(tmp_path: Path, compression: Any, dtype: str) -> None:
    path, array = tmp_path / "a.ome.tif", RANDOM.integers(0, 999, (2, 512, 1024)).astype(dtype)
    details = Details(name="cells", colors=("00FF00", "FF00FF"))
    storage = Storage(pyramid=True, compression=compression)
    with open_writer(
        path, array.shape, dtype, "CYX", storage=storage, details=details, channel_names=("one", "two")
    ) as writer:
        for top in range(0, 512, 200):
            writer[:, top : top + 200] = array[:, top : top + 200]
    with tifffile.TiffFile(path) as file:
        [series] = file.series
        assert [level.shape for level in series.levels] == [(2, 512, 1024), (2, 256, 512)]
        assert file.pages[0].compression.name.lower().replace("adobe_", "") == (compression or "none")
        assert file.pages[0].is_tiled
        np.testing.assert_array_equal(series.levels[0].asarray(), array)
        np.testing.assert_array_equal(series.levels[1].asarray(), halved(array, (1, 2, 2)))
    back = read_image(path)
    np.testing.assert_array_equal(back, array)
    assert (back.channel_names, back.details.name, back.details.colors) == (("one", "two"), "cells", details.colors)


@pytest.mark.parametrize("name", ["a.ome.tif", "a.ome.zarr"])
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    """A limit on the size of files, at which writing fails as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    try:
        with pytest.raises(OutputError, match="room on the disk"):
            write_image(
                tmp_path / name, RANDOM.random((600, 600)), "YX", storage=Storage(pyramid=True, compression="zstd")
            )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a.ome.tif", "a.tif"])
def test_tiled_tiff_of_samples_that_is_not_all_written(tmp_path: Path, name: str) -> None:
    array = np.zeros((600, 300, 3), np.uint8)
    array[100:200] = RANDOM.integers(0, 255, (100, 300, 3))
    with open_writer(
        tmp_path / name, array.shape, "u1", "YXS", storage=Storage(compression="zstd", chunk=128)
    ) as writer:
        writer[100:200] = array[100:200]
    np.testing.assert_array_equal(tifffile.imread(tmp_path / name), array)
    np.testing.assert_array_equal(read_image(tmp_path / name), array)


def test_large_ome_tiff_has_a_pyramid_unless_told_otherwise(tmp_path: Path) -> None:
    for storage, num_levels in ((Storage(), 5), (Storage(pyramid=False), 1)):
        with open_writer(tmp_path / "a.ome.tif", (4100, 20), "u1", "YX", storage=storage, overwrite=True) as writer:
            writer[3] = 7
        with tifffile.TiffFile(tmp_path / "a.ome.tif") as file:
            assert len(file.series[0].levels) == num_levels
    with open_writer(tmp_path / "b.ome.tif", (600, 600), "u1", "YX") as writer:
        writer[...] = 1
    with tifffile.TiffFile(tmp_path / "b.ome.tif") as file:
        assert (len(file.series[0].levels), file.pages[0].is_tiled) == (1, False)


@pytest.mark.parametrize(
    ("name", "storage", "words"),
    [
        ("a.ome.zarr", Storage(compression="lzw"), "zstd or deflate or none compression"),
        ("a.npy", Storage(compression="zstd"), "none compression"),
        ("a.png", Storage(pyramid=True), "pyramid=True"),
        ("a.tif", Storage(pyramid=True), "pyramid=True"),
        ("a.ome.tif", Storage(shard=True), "OME-Zarr"),
        ("a.ome.tif", Storage(ngff="0.4"), "OME-Zarr"),
        ("a.npy", Storage(chunk=64), "chunk=64"),
    ],
)
def test_what_a_format_lacks_is_refused(tmp_path: Path, name: str, storage: Storage, words: str) -> None:
    with pytest.raises(OutputError, match=words) as told:
        write_image(tmp_path / name, np.ones((20, 20), np.uint8), "YX", storage=storage)
    assert "\n" not in str(told.value)
    with pytest.raises(OutputError, match=words):
        check_storage(name.removeprefix("a."), storage)
    assert not list(tmp_path.iterdir())
    write_image(tmp_path / name, np.ones((20, 20), np.uint8), "YX", storage=Storage(pyramid=False, shard=False))


@pytest.mark.parametrize(
    "values", [{"compression": "lz4"}, {"chunk": 100}, {"chunk": 0}, {"ngff": "0.3"}, {"ngff": "0.4", "shard": True}]
)
def test_storage_that_makes_no_sense(values: Any) -> None:
    with pytest.raises(SettingsError):
        Storage(**values)


def test_shards_of_large_planes_do_not_make_planes_wait(tmp_path: Path) -> None:
    with open_writer(tmp_path / "a.zarr", (4, 64, 300_000), "f8", "ZYX", storage=Storage(shard=True)) as writer:
        writer[0, 0, 0] = 1
    written = zarr.open_array(str(tmp_path / "a.zarr" / "0"), mode="r")
    assert (written.chunks, written.shards) == ((1, 64, 512), (1, 64, 2048))
