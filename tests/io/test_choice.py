"""Which reader takes a file: its first bytes say so, and its name where they do not."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from quietscope.errors import ImageFileError
from quietscope.io import FORMATS, Format, Image, read_image, write_image
from quietscope.io.choice import reader_of
from quietscope.io.first_bytes import is_hdf5, what_it_is
from quietscope.registry import Registry

PLANE = np.random.default_rng(0).integers(0, 255, (20, 30), np.uint8)
CZI = b"ZISRAWFILE" + bytes(200)


def test_first_bytes_come_before_the_extension(tmp_path: Path) -> None:
    write_image(tmp_path / "a.tif", PLANE, "YX")
    for name in ("a.czi", "a.nd2", "a.png", "a.xyz", "a"):
        (tmp_path / name).write_bytes((tmp_path / "a.tif").read_bytes())
        np.testing.assert_array_equal(np.asarray(read_image(tmp_path / name)), PLANE)
    (tmp_path / "b.tif").write_bytes(CZI)
    assert reader_of(tmp_path / "b.tif", FORMATS) is FORMATS["czi"]


def test_the_extension_chooses_among_formats_that_begin_alike(tmp_path: Path) -> None:
    for name, expected in (("a.vsi", "vsi"), ("a.svs", "tiff"), ("a.lsm", "tiff"), ("a.h5", "tiff")):
        (tmp_path / name).write_bytes(b"II*\x00" + bytes(100))
        assert reader_of(tmp_path / name, FORMATS) is FORMATS[expected]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\xd8\xff\xe0 and so on", "a JPEG picture"),
        (b"PK\x03\x04" + bytes(99), "a ZIP archive: unpack it"),
        (b"\x1f\x8b\x08" + bytes(99), "packed by gzip"),
        (b"Salted__" + bytes(99), "encrypted by openssl"),
        (b"version https://git-lfs.github.com/spec/v1", "a pointer of Git LFS"),
        (b"\r\n<!DOCTYPE html><html>", "a web page"),
        (b"hello\n" * 9, "plain text"),
        (bytes(99), "nothing but zeros"),
        (b"\x07\x13\xf3" * 99, "no such file by its first bytes"),
    ],
)
def test_what_a_wrong_file_is(tmp_path: Path, content: bytes, words: str) -> None:
    for name in ("a.czi", "a.tif", "a.ims", "a.mrc"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ImageFileError, match=words) as caught:
            read_image(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_what_a_file_of_an_unknown_kind_is(tmp_path: Path) -> None:
    (tmp_path / "a.xyz").write_bytes(b"%PDF-1.7")
    with pytest.raises(ImageFileError, match="a PDF document; export it as OME-TIFF"):
        read_image(tmp_path / "a.xyz")
    assert what_it_is(b"\x01\x02\xff") == ""


def test_hdf5_after_a_block_of_the_user() -> None:
    assert is_hdf5(bytes(512) + b"\x89HDF\r\n\x1a\n")
    assert not is_hdf5(bytes(100) + b"\x89HDF\r\n\x1a\n")


@pytest.mark.parametrize(
    ("name", "content", "module", "package", "extra"),
    [
        ("a.czi", CZI, "pylibCZIrw", "pylibCZIrw", "czi"),
        ("a.nd2", b"\xda\xce\xbe\x0a" + bytes(99), "nd2", "nd2", "nd2"),
        ("a.lif", b"\x70\0\0\0\x20\0\0\0\x2a" + bytes(99), "liffile", "liffile", "lif"),
        ("a.dv", bytes(96) + b"\xa0\xc0" + bytes(1000), "mrc", "mrc", "dv"),
        ("a.mrc", bytes(208) + b"MAP " + bytes(1000), "mrcfile", "mrcfile", "mrc"),
        ("a.oib", bytes.fromhex("d0cf11e0a1b11ae1") + bytes(99), "oiffile", "oiffile", "oif"),
        ("a.ims", b"\x89HDF\r\n\x1a\n" + bytes(99), "h5py", "h5py", "hdf5"),
        ("a.vsi", b"II*\x00" + bytes(99), "bioio_vsi", "bioio-vsi", "vsi"),
    ],
)
def test_a_library_that_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes, module: str, package: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ImageFileError, match=rf'expected {package} .* run `pip install "quietscope\[{extra}\]"`'):
        read_image(tmp_path / name)


class _Others(Registry[Format]):
    """The formats, and one that a package has declared, which reads .czi in its own way."""

    def __init__(self) -> None:
        theirs = Format(name="theirs", suffixes=(".czi", ".rare"), read=lambda path, series: Image(PLANE, "YX"))
        super().__init__("quietscope.none", {**{name: FORMATS[name] for name in FORMATS}, "theirs": theirs}, _any)

    def source_of(self, name: str) -> Any:
        return "a package" if name == "theirs" else None


def _any(_: str, member: Any) -> Format:
    found: Format = member
    return found


def test_what_a_package_declares_is_its_own(tmp_path: Path) -> None:
    others = _Others()
    for name in ("a.czi", "a.rare"):
        (tmp_path / name).write_bytes(CZI)
        assert reader_of(tmp_path / name, others) is others["theirs"]


class _BioImage:
    """What `bioio.BioImage` is for a file of two scenes."""

    dtype, channel_names, time_interval = PLANE.dtype, ["a", "b"], None
    dims = SimpleNamespace(order="TCZYX", shape=(1, 2, 1, 20, 30))
    physical_pixel_sizes = SimpleNamespace(X=0.1, Y=0.2, Z=None)
    scenes = ("left", "right")

    def __init__(self, _: str) -> None:
        self._scene = 0

    @staticmethod
    def determine_plugin(path: str) -> object:
        if not path.endswith(".rare"):
            raise ValueError("no plugin")
        return object()

    def set_scene(self, scene: int) -> None:
        self._scene = scene

    def get_image_dask_data(self, axes: str) -> Any:
        assert axes == "CYX"
        return np.stack([PLANE, PLANE + 1]) + 10 * self._scene


def test_bioio_is_the_last_resort(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bioio", SimpleNamespace(BioImage=_BioImage, __spec__=object()))
    (tmp_path / "a.rare").write_bytes(b"\x07\x13\xf3")
    image = read_image(tmp_path / "a.rare", series=1)
    assert (image.axes, image.series_names, image.channel_names) == ("CYX", ("left", "right"), ("a", "b"))
    assert image.pixel_size_um == {"X": 0.1, "Y": 0.2}
    np.testing.assert_array_equal(np.asarray(image), np.stack([PLANE, PLANE + 1]) + 10)
    (tmp_path / "a.other").write_bytes(b"\x07\x13\xf3")
    with pytest.raises(ImageFileError, match="install bioio and its plugin"):
        read_image(tmp_path / "a.other")
