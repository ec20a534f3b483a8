"""Tiles cover every pixel once, and lie on the latent grid."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from quietscope.tiling.grid import round_up, tile_grid

Grid = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]]
"""Size, tile, halo and multiple, of as many axes each."""


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    dims = draw(st.integers(1, 3))

    def numbers(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw(st.integers(low, high)) for _ in range(dims))

    longest = 60 if dims < 3 else 15
    return numbers(1, longest), numbers(1, longest + 5), numbers(0, 12), numbers(1, 9)


@settings(deadline=None)
@given(grids())
def test_inner_boxes_cover_every_pixel_exactly_once(grid: Grid) -> None:
    size, tile, halo, multiple = grid
    hits = np.zeros(size, int)
    for piece in tile_grid(size, tile, halo, multiple):
        hits[piece.inner] += 1
    assert (hits == 1).all()


@settings(deadline=None)
@given(grids())
def test_outer_boxes_lie_on_the_latent_grid_and_hold_the_halo(grid: Grid) -> None:
    size, tile, halo, multiple = grid
    for piece in tile_grid(size, tile, halo, multiple):
        for outer, inner, length, grow, step in zip(piece.outer, piece.inner, size, halo, multiple, strict=True):
            padded = round_up(length, step)
            assert outer.start % step == outer.stop % step == 0
            assert max(0, inner.start - grow) >= outer.start >= 0
            assert min(padded, inner.stop + grow) <= outer.stop <= padded


@settings(deadline=None)
@given(grids())
def test_inner_in_outer_crops_to_the_inner_box(grid: Grid) -> None:
    size, tile, halo, multiple = grid
    padded = tuple(round_up(length, step) for length, step in zip(size, multiple, strict=True))
    image = np.arange(np.prod(padded)).reshape(padded)
    for piece in tile_grid(size, tile, halo, multiple):
        assert image[piece.outer].shape == piece.outer_shape
        np.testing.assert_array_equal(image[piece.outer][piece.inner_in_outer], image[piece.inner])


@settings(deadline=None)
@given(grids())
def test_no_inner_box_exceeds_the_tile(grid: Grid) -> None:
    size, tile, halo, multiple = grid
    for piece in tile_grid(size, tile, halo, multiple):
        limits = (round_up(length, step) for length, step in zip(tile, multiple, strict=True))
        assert all(n <= limit for n, limit in zip(piece.inner_shape, limits, strict=True))


def test_a_large_tile_is_one_tile_without_surroundings() -> None:
    (piece,) = tile_grid((37, 513), (1024, 1024), (64, 64), (64, 64))
    assert piece.outer == (slice(0, 64), slice(0, 576))
    assert piece.inner == (slice(0, 37), slice(0, 513))
    assert piece.origin == (0, 0)


def test_the_last_tile_is_no_sliver() -> None:
    pieces = tile_grid((600,), (512,), (0,), (8,))
    assert [piece.inner_shape for piece in pieces] == [(304,), (296,)]
