"""References of images that lie in files of several: one of the same number, or a file of its own."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from quietscope.errors import ImageFileError, SizeError
from quietscope.pipeline.inputs import open_images, open_references


@pytest.fixture
def several(tmp_path: Path) -> Path:
    """A file of two images, of the numbers 1 and 2."""
    with tifffile.TiffWriter(tmp_path / "several.ome.tif", ome=True) as writer:
        for number in (1, 2):
            writer.write(np.full((16, 24), number, np.uint16), metadata={"axes": "YX"})
    return tmp_path / "several.ome.tif"


def test_a_reference_alone_in_its_file_belongs_to_any_series(several: Path, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "clean.tif", np.full((16, 24), 7, np.uint16))
    noisy = open_images([several], series=1)
    assert np.asarray(noisy[0].data).max() == 2
    [clean] = open_references([tmp_path / "clean.tif"], noisy, series=1)
    assert np.asarray(clean.data).max() == 7
    [clean] = open_references([several], noisy, series=1)
    assert np.asarray(clean.data).max() == 2
    with pytest.raises(ImageFileError):
        open_references([several], noisy, series=2)


def test_a_mask_follows_the_series_of_its_image(several: Path, tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "masks.ome.tif", ome=True) as writer:
        for number in (1, 2):
            writer.write(np.arange(16 * 24, dtype=np.uint16).reshape(16, 24) >= number, metadata={"axes": "YX"})
    tifffile.imwrite(tmp_path / "mask.tif", np.arange(16 * 24, dtype=np.uint16).reshape(16, 24) >= 3)
    for name, missing in (("masks.ome.tif", 2), ("mask.tif", 3)):
        [image] = open_images([several], series=1, mask=tmp_path / name)
        assert np.count_nonzero(image.mask == 0) == missing
    with pytest.raises(ImageFileError, match="series"):
        open_images([np.zeros((16, 24))], series=2, mask=tmp_path / "masks.ome.tif")
    with pytest.raises(SizeError, match="one mask, or one for each of the 1 images"):
        open_images([np.zeros((16, 24))], series=1, mask=tmp_path / "masks.ome.tif")
