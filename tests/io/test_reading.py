"""Mistakes are told in one line; images know their layout; samples are there."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest

from quietscope.errors import AxesError, ImageFileError, OutputError
from quietscope.io import FORMATS, open_writer, read_image, write_image
from quietscope.samples import SAMPLES, sample_path


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_are_real_stacks(name: str) -> None:
    image = read_image(sample_path(name))
    assert (image.axes, image.shape, image.dtype) == ("QYX", (4, 512, 512), np.dtype("uint8"))
    frame = image.layout().take(image.data, 3)
    assert frame.shape == (1, 512, 512)
    assert frame.max() > 100
    for licence in ("SOURCE.md", "LICENSE-Apache-2.0.txt"):
        assert sample_path(name).with_name(licence).is_file()


def test_an_unknown_sample() -> None:
    with pytest.raises(ImageFileError, match="confocal_fish_noisy"):
        sample_path("lena")


def test_extensions_that_are_not_supported(tmp_path: Path) -> None:
    for name, advice in (("a.jpg", "JPEG"), ("a.xyz", "OME-TIFF"), ("a", "OME-TIFF")):
        (tmp_path / name).write_text("something")
        with pytest.raises(ImageFileError, match=advice) as caught:
            read_image(tmp_path / name)
        assert ".tif" in caught.value.expected
        with pytest.raises(OutputError, match=r"\.ome\.tif"):
            write_image(tmp_path / name, np.eye(3), "YX")


def test_near_by_names_are_suggested(tmp_path: Path) -> None:
    write_image(tmp_path / "cells_01.tif", np.eye(3, dtype=np.uint8), "YX")
    with pytest.raises(ImageFileError, match=r"did you mean .*cells_01\.tif\?"):
        read_image(tmp_path / "cell_01.tif")
    with pytest.raises(ImageFileError, match="no folder"):
        read_image(tmp_path / "none" / "a.tif")


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_image(tmp_path / "a.npy", np.eye(3), "YX")

    def refuse(*_args: object, **_kwargs: object) -> NoReturn:
        raise PermissionError

    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(ImageFileError, match="chmod"):
        read_image(tmp_path / "a.npy")


def test_numpy_files_that_hold_no_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    for array in (
        np.array([[{}]], object),
        np.zeros((2, 2), [("a", "u1")]),
        np.zeros((2, 2), "U3"),
        np.zeros((2, 2), complex),
    ):
        np.save(path, array)
        with pytest.raises(ImageFileError):
            read_image(path)


def test_numpy_orders(tmp_path: Path) -> None:
    array = np.arange(60, dtype=">f4").reshape(3, 4, 5)
    np.save(tmp_path / "a.npy", np.asfortranarray(array))
    image = read_image(tmp_path / "a.npy", "TYX")
    np.testing.assert_array_equal(image, array)
    assert image.dtype.isnative
    np.save(tmp_path / "b.npy", np.zeros((2, 3, 4, 5)))
    with pytest.raises(AxesError, match="axes="):
        read_image(tmp_path / "b.npy")


def test_png(tmp_path: Path) -> None:
    rgb = np.random.default_rng(0).integers(0, 255, (6, 7, 3), np.uint8)
    import imagecodecs

    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(rgb))
    image = read_image(tmp_path / "a.png")
    assert image.axes == "YXS"
    np.testing.assert_array_equal(image, rgb)
    with pytest.raises(OutputError, match=r"b\.tif"):
        write_image(tmp_path / "b.png", np.zeros((6, 7), np.float32), "YX")


def test_axes_are_checked_before_a_writer_is_opened(tmp_path: Path) -> None:
    with pytest.raises(AxesError), open_writer(tmp_path / "a.tif", (3, 4), "u1", "TYX"):
        pass
    assert not list(tmp_path.iterdir())


def test_a_layout_writes_through_any_writer(tmp_path: Path) -> None:
    array = np.arange(2 * 3 * 5 * 6, dtype=np.float32).reshape(3, 5, 2, 6)  # C Y T X
    np.save(tmp_path / "in.npy", array)
    image = read_image(tmp_path / "in.npy", "CYTX")
    for suffix in (".tif", ".ome.tif", ".ome.zarr", ".npy"):
        with open_writer(tmp_path / f"out{suffix}", image.shape, image.dtype, image.axes) as writer:
            for n in range(image.layout().num_frames):
                image.layout().put(writer, n, image.layout().take(image.data, n))
        back = read_image(tmp_path / f"out{suffix}", "CYTX" if suffix == ".npy" else None)
        for n in range(2):
            np.testing.assert_array_equal(back.layout().take(back.data, n), image.layout().take(image.data, n))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_opens_its_own_file(tmp_path: Path) -> None:
    import tifffile

    array = np.random.default_rng(0).integers(0, 255, (20, 64, 64), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", array, compression="zlib", metadata={"axes": "TYX"})
    image = read_image(tmp_path / "a.tif")
    np.asarray(image.data[0])
    children = []
    for _ in range(2):
        child = os.fork()
        if not child:
            fine = all((np.asarray(image.data[n]) == array[n]).all() for n in range(20))
            os._exit(0 if fine else 1)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]


def test_importing_io_loads_no_heavy_library() -> None:
    code = "import sys, quietscope.io; print(*{'torch', 'tifffile', 'zarr', 'imagecodecs', 'dask'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""


def test_the_list_of_formats_is_consistent() -> None:
    for fmt in FORMATS.values():
        assert set(fmt.written) <= set(fmt.suffixes)
        assert (fmt.create is not None) == bool(fmt.written)
