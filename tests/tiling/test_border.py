"""Tiles see the image mirrored at its ends, and read little beyond themselves."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from quietscope.tiling.border import read_outer
from quietscope.tiling.grid import tile_grid


@settings(deadline=None)
@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 16), st.integers(0, 9), st.integers(1, 16))
def test_tiles_see_the_image_padded_by_reflection(height: int, width: int, tile: int, halo: int, multiple: int) -> None:
    image = np.random.default_rng(0).normal(size=(2, height, width)).astype(np.float32)
    size = image.shape[1:]
    pad = [(0, 0)] + [(0, -length % multiple) for length in size]
    padded = np.pad(image, pad, mode="reflect")
    for piece in tile_grid(size, (tile,) * 2, (halo,) * 2, (multiple,) * 2):
        found = read_outer(lambda box: image[(slice(None), *box)], size, piece)
        np.testing.assert_array_equal(found, padded[(slice(None), *piece.outer)])
        assert found.dtype == np.float32


def test_reading_a_tile_touches_little_beyond_it() -> None:
    asked: list[tuple[slice, ...]] = []

    def read(box: tuple[slice, ...]) -> np.ndarray:
        asked.append(box)
        return np.zeros((1, *(b.stop - b.start for b in box)))

    for piece in tile_grid((1000, 90), (100, 100), (16, 16), (16, 16)):
        read_outer(read, (1000, 90), piece)
    assert max(b[0].stop - b[0].start for b in asked) <= 112 + 2 * 16
