"""Chunks cover an image once, consist of whole pieces, and come out as in one walk over all of them."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from quietscope.axes import Layout
from quietscope.tiling.cut import MOST_PIXELS, Cut, cut_for
from quietscope.tiling.grid import round_up
from quietscope.tiling.spec import TileSpec

PIECE = {"T": 1, "Z": 1, "C": 1, "Y": 512, "X": 512}


def model(multiple: tuple[int, ...]) -> Any:
    dims = len(multiple)
    return SimpleNamespace(spatial_dims=dims, size_multiple=multiple, orientations=(0,), reach=(0,) * dims)


def covered(cut: Cut, layout: Layout, multiple: tuple[int, ...]) -> np.ndarray:
    found = np.zeros((layout.num_frames, *layout.spatial_shape), np.int32)
    for each in cut:
        for frame in each.frames:
            for box in each.tiles(cut.tiles, model(multiple)):
                found[frame][box] += 1
    return found


@pytest.mark.parametrize(
    ("axes", "shape", "multiple", "piece"),
    [
        ("YX", (1, 1), (32, 32), PIECE),
        ("YX", (1300, 700), (32, 32), PIECE),
        ("TYX", (3, 100, 3000), (16, 16), {**PIECE, "T": 2}),
        ("TCZYX", (2, 2, 3, 600, 513), (32, 32), PIECE),
        ("ZYX", (37, 700, 300), (4, 16, 16), PIECE),
        ("TZYX", (2, 70, 1100, 90), (8, 32, 32), {**PIECE, "Z": 16, "T": 2}),
        ("YX", (700, 900), (48, 32), {"Y": 80, "X": 80}),
    ],
)
def test_every_pixel_lies_in_one_tile_of_one_chunk_of_whole_pieces(
    axes: str, shape: tuple[int, ...], multiple: tuple[int, ...], piece: dict[str, int]
) -> None:
    layout = Layout.of(axes, shape, len(multiple))
    cut = cut_for(model(multiple), layout, piece, None, MOST_PIXELS)
    assert len(list(cut)) == len(cut)
    assert np.all(covered(cut, layout, multiple) == 1)
    for each in cut:
        for box, m, letter, size in zip(each.box, multiple, layout.spatial_axes, layout.spatial_shape, strict=True):
            assert box.start % m == 0
            assert box.start % min(piece[letter], size) == 0
            assert box.stop == size or box.stop % piece[letter] == 0
        times = {frame // int(np.prod(cut.frame_counts[1:])) for frame in each.frames}
        if "T" in axes:
            assert min(times) % piece["T"] == 0
            assert len(times) <= piece["T"]


def test_tiles_keep_within_the_memory_and_cost_little_beside_what_is_kept() -> None:
    layout = Layout.of("YX", (20_000, 20_000), 2)
    cut = cut_for(model((32, 32)), layout, PIECE, None, MOST_PIXELS)
    outer = [side + 2 * halo for side, halo in zip(cut.tiles.size, cut.tiles.halo, strict=True)]
    assert np.prod(outer) <= MOST_PIXELS
    assert np.prod(outer) / np.prod(cut.tiles.size) < 1.6
    assert (cut.tiles.size, cut.chunk) == ((512, 512), (1024, 2048))
    small = cut_for(model((32, 32)), layout, PIECE, None, 300 * 300)
    assert small.chunk == (1024, 2048)
    assert max(small.tiles.size) < 300
    assert min(small.tiles.halo) > 0


def test_a_frame_that_fits_is_one_chunk_without_a_halo_and_what_was_asked_for_is_kept() -> None:
    layout = Layout.of("TYX", (5, 300, 260), 2)
    cut = cut_for(model((32, 32)), layout, PIECE, None, MOST_PIXELS)
    assert len(cut) == 5
    assert cut.tiles.halo == (0, 0)
    asked = TileSpec((128, 96), (32, 32))
    assert cut_for(model((32, 32)), layout, PIECE, asked, MOST_PIXELS).tiles == asked
    halves = cut_for(model((32, 32)), layout, {**PIECE, "Y": 64, "X": 64}, asked, MOST_PIXELS)
    assert halves.chunk == (128, 64)
    assert round_up(300, 128) // 128 * (round_up(260, 64) // 64) * 5 == len(halves)


@pytest.mark.parametrize(
    ("axes", "shape", "values", "frames", "chunk"),
    [
        ("YX", (2048, 2048), 1, (), (512, 512)),  # 16 chunks, for 16 workers
        ("YX", (8192, 8192), 1, (), (1024, 1024)),  # 64
        ("TYX", (100, 1024, 1024), 1, (1,), (1024, 1024)),
        ("TYX", (500, 1024, 1024), 1, (2,), (1024, 1024)),
        ("TYX", (5000, 256, 256), 1, (32,), (256, 256)),
        ("TYX", (5000, 256, 256), 100, (1,), (256, 256)),  # 100 samples
        ("TZYX", (7, 300, 200, 200), 1, (1, 32), (200, 200)),
    ],
)
def test_chunks_of_large_images_are_large_and_those_of_small_ones_are_many(
    axes: str, shape: tuple[int, ...], values: int, frames: tuple[int, ...], chunk: tuple[int, ...]
) -> None:
    layout = Layout.of(axes, shape, 2)
    cut = cut_for(model((32, 32)), layout, PIECE, None, MOST_PIXELS, values)
    sides = tuple(min(side, size) for side, size in zip(cut.chunk, cut.size, strict=True))
    assert (cut.frame_chunk, sides) == (frames, chunk)
    assert sum(each.num_pixels for each in cut) == np.prod(shape)
