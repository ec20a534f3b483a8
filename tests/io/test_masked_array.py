"""What an array in memory brings along, a mask or complex numbers, is not passed over in silence."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from quietscope.errors import ImageFileError
from quietscope.io import Image, as_image


def test_an_array_with_masked_pixels_is_refused_and_one_without_is_taken() -> None:
    pixels = np.arange(64.0).reshape(8, 8)
    with pytest.raises(ImageFileError, match=r"mask=~array\.mask"):
        as_image(np.ma.array(pixels, mask=pixels > 40))
    assert as_image(np.ma.array(pixels)).shape == (8, 8)


@pytest.mark.parametrize(
    ("pixels", "words"),
    [
        (np.ones((8, 8), np.complex64), "real numbers; got complex ones"),
        (np.full((8, 8), "a"), "integers or floating-point numbers; got <U1"),
        (np.full((8, 8), None), "integers or floating-point numbers; got object"),
    ],
)
def test_an_array_of_no_real_numbers_is_refused(pixels: npt.NDArray[Any], words: str) -> None:
    for source in (pixels, Image(pixels, "YX")):
        with pytest.raises(ImageFileError, match=words):
            as_image(source)
