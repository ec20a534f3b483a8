"""HDF5 files, which h5py writes here: Imaris, BigDataViewer, and datasets by themselves."""

import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import pytest

from quietscope.errors import AxesError, ImageFileError, MissingPixelsWarning, SeriesWarning
from quietscope.io import read_image
from quietscope.io.vendors.h5_file import check_readable
from tests.io.vendor import check_cut_off, check_pixels_of

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 60000, (3, 2, 5, 20, 30), np.uint16)  # TCZYX


def letters(text: str) -> npt.NDArray[Any]:
    """Text as Imaris keeps it: an array of single letters."""
    return np.array([letter.encode() for letter in text], "S1")


def write_ims(path: Path, pixels: npt.NDArray[Any], leave_out: tuple[tuple[int, int], ...] = ()) -> Path:
    """Write TCZYX as Imaris does, padded to whole chunks."""
    with h5py.File(path, "w") as file:
        for t, c in np.ndindex(pixels.shape[:2]):
            if (t, c) not in leave_out:
                padded = np.pad(pixels[t, c], ((0, 3), (0, 12), (0, 2)))
                group = file.create_group(f"DataSet/ResolutionLevel 0/TimePoint {t}/Channel {c}")
                group.create_dataset("Data", data=padded, chunks=(4, 16, 16), compression="gzip")
                file.create_dataset(
                    f"DataSet/ResolutionLevel 1/TimePoint {t}/Channel {c}/Data", data=padded[:, ::2, ::2]
                )
        image = file.create_group("DataSetInfo/Image")
        for letter, axis, size, step in zip("XYZ", "012", pixels.shape[:1:-1], (0.1, 0.2, 0.5), strict=True):
            image.attrs[letter] = letters(str(size))
            image.attrs[f"ExtMin{axis}"], image.attrs[f"ExtMax{axis}"] = letters("-3"), letters(str(-3 + step * size))
        image.attrs["Unit"], image.attrs["RecordingDate"] = letters("um"), letters("2024-01-02 03:04:05.000")
        for channel, color in zip(range(pixels.shape[1]), ("1.000 0.000 0.000", "0.000 0.500 1.000"), strict=False):
            told = file.create_group(f"DataSetInfo/Channel {channel}").attrs
            told["Name"], told["Color"] = letters(("GFP", "mCherry")[channel]), letters(color)
        times = file.create_group("DataSetInfo/TimeInfo").attrs
        for t in range(pixels.shape[0]):
            times[f"TimePoint{t + 1}"] = letters(f"2024-01-02 03:04:{5 + 2 * t:02}.500")
    return path


def test_imaris(tmp_path: Path) -> None:
    image = read_image(write_ims(tmp_path / "a.ims", PIXELS))
    assert (image.axes, image.channel_names, image.frame_interval_s) == ("TCZYX", ("GFP", "mCherry"), 2.0)
    assert image.pixel_size_um == pytest.approx({"X": 0.1, "Y": 0.2, "Z": 0.5})
    assert image.details.colors == ("FF0000", "0080FF")
    check_pixels_of(image, PIXELS)
    with pytest.raises(ImageFileError, match="series 1"):
        read_image(tmp_path / "a.ims", series=1)


def test_imaris_of_one_plane(tmp_path: Path) -> None:
    image = read_image(write_ims(tmp_path / "a.ims", PIXELS[:1, :1, :1]))
    assert (image.axes, image.channel_names, sorted(image.pixel_size_um)) == ("YX", ("GFP",), ["X", "Y"])
    check_pixels_of(image, PIXELS[0, 0, 0])


def test_imaris_that_lacks_a_channel_at_one_time(tmp_path: Path) -> None:
    with pytest.warns(MissingPixelsWarning, match="1 of the 6"):
        image = read_image(write_ims(tmp_path / "a.ims", PIXELS, leave_out=((1, 0),)))
    assert image.mask.ravel().tolist() == [True, True, False, True, True, True]
    expected = PIXELS.copy()
    expected[1, 0] = 0
    check_pixels_of(image, expected)


def test_an_imaris_file_that_was_cut(tmp_path: Path) -> None:
    check_cut_off(write_ims(tmp_path / "a.ims", PIXELS))


XML = """<SpimData><SequenceDescription><ViewSetups>
<ViewSetup><id>0</id><name>left</name><voxelSize><unit>um</unit><size>0.1 0.2 0.5</size></voxelSize></ViewSetup>
<ViewSetup><id>1</id><voxelSize><unit>nm</unit><size>100 100 100</size></voxelSize>
<attributes><channel>2</channel><angle>1</angle></attributes></ViewSetup>
</ViewSetups></SequenceDescription></SpimData>"""


def write_bdv(path: Path, leave_out: tuple[tuple[int, int], ...] = ()) -> Path:
    """Write two setups of other sizes at three times, as 16 bits with a sign, which stand for those without."""
    with h5py.File(path, "w") as file:
        for setup in range(2):
            file.create_dataset(f"s{setup:02}/resolutions", data=np.ones((1, 3)))
        for t, setup in np.ndindex(3, 2):
            file.require_group(f"t{t:05}")
            if (t, setup) not in leave_out:
                pixels = PIXELS[t, setup, : 5 - setup]
                file.create_dataset(f"t{t:05}/s{setup:02}/0/cells", data=pixels.view(np.int16), chunks=(2, 8, 8))
    return path


def test_bigdataviewer(tmp_path: Path) -> None:
    path = write_bdv(tmp_path / "a.h5")
    path.with_suffix(".xml").write_text(XML)
    with pytest.warns(SeriesWarning, match="holds 2 images"):
        first = read_image(path)
    assert (first.axes, first.series_names) == ("TZYX", ("left", "channel 2, angle 1"))
    assert first.pixel_size_um == pytest.approx({"X": 0.1, "Y": 0.2, "Z": 0.5})
    check_pixels_of(first, PIXELS[:, 0])
    second = read_image(path, series=1)
    assert second.pixel_size_um == pytest.approx({"X": 0.1, "Y": 0.1, "Z": 0.1})
    check_pixels_of(second, PIXELS[:, 1, :4])


def test_bigdataviewer_without_its_xml(tmp_path: Path) -> None:
    image = read_image(write_bdv(tmp_path / "a.h5"), series=1)
    assert (image.axes, image.pixel_size_um, image.series_names) == ("TZYX", {}, ())


def test_bigdataviewer_that_was_stopped(tmp_path: Path) -> None:
    with pytest.warns(MissingPixelsWarning, match="2 frames are read"):
        image = read_image(write_bdv(tmp_path / "a.h5", leave_out=((2, 1),)), series=1)
    check_pixels_of(image, PIXELS[:2, 1, :4])


def test_bigdataviewer_in_several_files(tmp_path: Path) -> None:
    write_bdv(tmp_path / "part.h5")
    with h5py.File(tmp_path / "whole.h5", "w") as file:
        for name in ("s00", "s01", "t00000", "t00001"):
            file[name] = h5py.ExternalLink("part.h5", f"/{name}")
    check_pixels_of(read_image(tmp_path / "whole.h5", series=0), PIXELS[:2, 0])
    (tmp_path / "part.h5").unlink()
    with pytest.raises(ImageFileError, match=r"part\.h5"):
        read_image(tmp_path / "whole.h5", series=0)


def test_datasets_are_series(tmp_path: Path) -> None:
    path = tmp_path / "a.hdf5"
    with h5py.File(path, "w") as file:
        raw = file.create_dataset("volumes/raw", data=PIXELS[0, 0], chunks=(2, 8, 8), compression="gzip")
        raw.attrs["element_size_um"] = (0.5, 0.2, 0.1)
        for dimension, label in zip(raw.dims, ("z", "y", "x"), strict=True):
            dimension.label = label
        tagged = file.create_dataset("volumes/tagged", data=PIXELS[:, :, 0])
        tagged.attrs["axistags"] = '{"axes": [{"key": "t"}, {"key": "c"}, {"key": "y"}, {"key": "x"}]}'
        file["times"], file["name"] = np.arange(5.0), "made"
        file["plane"] = PIXELS[0, 0, 0].astype(">f4")
    with pytest.warns(SeriesWarning):
        plane = read_image(path)
    assert plane.series_names == ("plane", "volumes/raw", "volumes/tagged")
    check_pixels_of(plane, PIXELS[0, 0, 0].astype(np.float32))
    volume = read_image(path, series=1)
    assert volume.axes == "ZYX"
    assert volume.pixel_size_um == pytest.approx({"X": 0.1, "Y": 0.2, "Z": 0.5})
    check_pixels_of(volume, PIXELS[0, 0])
    assert read_image(path, series=2).axes == "TCYX"


def test_axes_that_nothing_names(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["data"] = PIXELS[0]
    with pytest.raises(AxesError, match="axes="):
        read_image(path)
    check_pixels_of(read_image(path, "CZYX"), PIXELS[0])


def test_files_without_an_image(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["times"] = np.arange(5.0)
    with pytest.raises(ImageFileError, match="at least two axes"):
        read_image(path)


def test_an_hdf5_file_that_was_cut(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("data", data=PIXELS[0, 0], chunks=(1, 8, 8), compression="gzip")
    check_cut_off(path)


class _Packed:
    """A dataset that is compressed by what nobody has."""

    chunks, external, is_virtual = None, None, False

    def __init__(self) -> None:
        self.id = self

    def get_create_plist(self) -> "_Packed":
        return self

    def get_nfilters(self) -> int:
        return 1

    def get_filter(self, number: int) -> tuple[int, int, tuple[int, ...], bytes]:
        return 31999 + number, 0, (), b"nobody's"


def test_compression_that_is_not_installed() -> None:
    with pytest.raises(ImageFileError, match=r"31999, nobody's; run `pip install hdf5plugin`"):
        check_readable(Path("a.h5"), _Packed())


def test_pixels_that_lie_elsewhere_lie_in_regular_files(tmp_path: Path) -> None:
    PIXELS[0, 0].tofile(tmp_path / "raw.bin")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        external = [(str(tmp_path / "raw.bin"), 0, h5py.h5f.UNLIMITED)]
        file.create_dataset("data", PIXELS.shape[2:], PIXELS.dtype, external=external)
    with h5py.File(tmp_path / "b.h5", "w") as file:
        layout = h5py.VirtualLayout(PIXELS.shape[2:], PIXELS.dtype)
        layout[:] = h5py.VirtualSource(str(tmp_path / "a.h5"), "data", PIXELS.shape[2:])
        file.create_virtual_dataset("data", layout)
    for name in ("a.h5", "b.h5"):
        check_pixels_of(read_image(tmp_path / name), PIXELS[0, 0])
    (tmp_path / "raw.bin").unlink()
    os.mkfifo(tmp_path / "raw.bin")
    with pytest.raises(ImageFileError, match="the files of"):
        read_image(tmp_path / "a.h5")
