"""How large tiles are: as a user says, or as the memory allows."""

from math import prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietscope.errors import SettingsError
from quietscope.tiling.request import Request
from quietscope.tiling.spec import TileSpec, automatic_tile, default_halo
from tests.tiling.sizes import Sizes


@settings(deadline=None)
@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 2**24))
def test_automatic_tiles_fit_the_memory(height: int, width: int, max_pixels: int) -> None:
    method = Sizes((64, 64))
    spec = automatic_tile(method, (height, width), max_pixels)
    grid = spec.grid(method, (height, width))
    smallest = prod(m + 2 * h for m, h in zip(method.size_multiple, default_halo(method), strict=True))
    assert all(prod(piece.outer_shape) <= max(max_pixels, smallest) for piece in grid)
    if spec.halo == (0, 0):
        assert len(grid) == 1


def test_automatic_tiles_of_a_volume_cut_the_long_axes_first() -> None:
    spec = automatic_tile(Sizes((1, 64, 64)), (20, 4096, 4096), 20 * 1024 * 1024)
    assert spec.size[0] == 20


def test_what_a_user_types_becomes_a_tile() -> None:
    method = Sizes((64, 64))
    assert TileSpec.of(method, 512) == TileSpec((512, 512), default_halo(method))
    assert TileSpec.of(method, (256, 512), 32) == TileSpec((256, 512), (32, 32))
    assert Request(tile=512).tiles_for(method) == TileSpec.of(method, 512)
    assert Request(tile=TileSpec((8, 8), (0, 0))).tiles_for(method) == TileSpec((8, 8), (0, 0))
    assert Request().tiles_for(method) is None
    for size, halo in ((0, None), ((1, 2, 3), None), (64, -1)):
        with pytest.raises(SettingsError, match="tile=512"):
            TileSpec.of(method, size, halo)
