"""A mask that an array brings along is not passed over in silence."""

import numpy as np
import pytest

from quietscope.errors import ImageFileError
from quietscope.io import as_image


def test_an_array_with_masked_pixels_is_refused_and_one_without_is_taken() -> None:
    pixels = np.arange(64.0).reshape(8, 8)
    with pytest.raises(ImageFileError, match=r"mask=~array\.mask"):
        as_image(np.ma.array(pixels, mask=pixels > 40))
    assert as_image(np.ma.array(pixels)).shape == (8, 8)
