"""Planes that the metadata of an OME-TIFF promise and no file holds are told, left out, and missing in results."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from quietscope.data.measured import as_measured, restoring
from quietscope.errors import ImageFileError, MissingPixelsWarning
from quietscope.io import read_image

HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="{uuid}">'
)
OME = (
    f"{HEAD}"
    '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="32" SizeY="24" SizeZ="1" '
    'SizeC="1" SizeT="{count}" PhysicalSizeX="0.25" PhysicalSizeY="0.25">'
    '<Channel ID="Channel:0:0" SamplesPerPixel="1"/>'
    "{planes}</Pixels></Image></OME>"
)
COMPANION = (
    f'{HEAD}<BinaryOnly MetadataFile="set.companion.ome" UUID="urn:uuid:00000000-0000-0000-0000-000000000099"/></OME>'
)
FRAMES = np.random.default_rng(0).integers(100, 900, (6, 24, 32)).astype(np.uint16)


def uuid_of(number: int) -> str:
    return f"urn:uuid:{number:08d}-0000-0000-0000-000000000000"


def planes_in_files(count: int) -> str:
    return "".join(
        f'<TiffData FirstT="{k}" IFD="0" PlaneCount="1"><UUID FileName="t{k}.ome.tif">{uuid_of(k)}</UUID></TiffData>'
        for k in range(count)
    )


def write_set(folder: Path, count: int, *, companion: bool = False, compression: str | None = None) -> None:
    """Write one file for each frame, each with the metadata of all, or with none and a companion that has them."""
    for k in range(count):
        own = OME.format(uuid=uuid_of(k), count=count, planes=planes_in_files(count))
        words = COMPANION.format(uuid=uuid_of(k)) if companion else own
        tifffile.imwrite(
            folder / f"t{k}.ome.tif",
            FRAMES[k],
            description=words,
            metadata=None,
            photometric="minisblack",
            compression=compression,
        )
    if companion:
        whole = OME.format(uuid=uuid_of(99), count=count, planes=planes_in_files(count))
        (folder / "set.companion.ome").write_text(whole)


def test_a_file_of_a_set_that_is_gone_leaves_a_gap(tmp_path: Path) -> None:
    write_set(tmp_path, 3)
    (tmp_path / "t1.ome.tif").unlink()
    with pytest.warns(MissingPixelsWarning, match=r"1 of the 3 planes .* missing \(plane 1, .*t1\.ome"):
        image = read_image(tmp_path / "t0.ome.tif")
    assert image.shape == (3, 24, 32)
    found = as_measured(image)
    assert np.array_equal(np.isnan(np.asarray(found)).all(axis=(1, 2)), [False, True, False])
    assert np.array_equal(np.asarray(found)[[0, 2]], FRAMES[[0, 2]])
    out = np.full(image.shape, -1.0)
    restoring(found, {"mean": out})["mean"][:, :, :] = np.full(image.shape, 5.0)
    assert out.mean(axis=(1, 2)).tolist() == [5, 0, 5]


def test_a_stopped_acquisition_has_the_frames_that_it_has(tmp_path: Path) -> None:
    planes = "".join(f'<TiffData FirstT="{k}" IFD="{k}" PlaneCount="1"/>' for k in range(10))
    words = OME.format(uuid=uuid_of(0), count=10, planes=planes)
    tifffile.imwrite(tmp_path / "stopped.ome.tif", FRAMES, description=words, metadata=None, photometric="minisblack")
    with pytest.warns(MissingPixelsWarning, match="4 of the 10 planes .* stopped: 6 frames are read"):
        image = read_image(tmp_path / "stopped.ome.tif")
    assert image.shape == (6, 24, 32)
    assert np.array_equal(np.asarray(image), FRAMES)
    assert np.array_equal(image.data[-1, 2:5], FRAMES[-1, 2:5])
    assert np.array_equal(image.data[..., 3], FRAMES[..., 3])
    assert image.mask is None


def test_a_companion_file_is_followed(tmp_path: Path) -> None:
    write_set(tmp_path, 3, companion=True)
    image = read_image(tmp_path / "t1.ome.tif")
    assert np.array_equal(np.asarray(image), FRAMES[:3])
    assert image.pixel_size_um["X"] == 0.25
    (tmp_path / "set.companion.ome").unlink()
    with pytest.warns(MissingPixelsWarning, match=r"set\.companion\.ome, which is not there"):
        alone = read_image(tmp_path / "t1.ome.tif")
    assert np.array_equal(np.squeeze(np.asarray(alone)), FRAMES[1])


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_the_damaged_file_of_a_set_is_named(tmp_path: Path, compression: str | None) -> None:
    write_set(tmp_path, 3, compression=compression)
    broken = tmp_path / "t2.ome.tif"
    content = broken.read_bytes()
    with tifffile.TiffFile(broken) as file:
        start, count = file.pages[0].dataoffsets[0], file.pages[0].databytecounts[0]
    assert start + count == len(content)
    broken.write_bytes(content[: start + count // 2])
    with pytest.raises(ImageFileError, match=r"t2\.ome\.tif to be complete"):
        read_image(tmp_path / "t0.ome.tif")
    if compression is not None:
        broken.write_bytes(content[:start] + b"\0" * count)
        with pytest.raises(ImageFileError, match=r"read in .*t2\.ome\.tif"):
            np.asarray(read_image(tmp_path / "t0.ome.tif"))
        whole = read_image(tmp_path / "t0.ome.tif").data[0]
        assert np.array_equal(whole, FRAMES[0])
