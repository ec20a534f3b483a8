"""Frames and their tiles turned, in arrays of either kind, and turned back."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from quietscope.tiling.grid import tile_grid
from quietscope.tiling.orientations import FLIPS, Turn, orient, turns
from tests.tiling.sizes import Sizes


@settings(deadline=None)
@given(st.integers(0, 7), st.integers(1, 23), st.integers(1, 23), st.integers(0, 6), st.sampled_from([1, 4, 6]))
def test_a_turned_tile_reads_the_turned_frame_and_comes_back(
    number: int, height: int, width: int, halo: int, multiple: int
) -> None:
    frame = np.random.default_rng(0).normal(size=(2, 3, height, width)).astype(np.float32)
    turn = Turn(number, frame.shape[1:])
    turned = orient(frame, number)
    assert turn.turned_size == turned.shape[1:]
    grow = tuple((0, -n % multiple) for n in turned.shape[2:])
    padded = np.pad(turned, [(0, 0), (0, 0), *grow], mode="reflect")
    for piece in tile_grid(turn.size, (3, 8, 8), (0, 0, 0), (1, multiple, multiple)):
        tile = turn.tile(piece.inner, (0, halo, halo), (1, multiple, multiple))
        assert turn.original(turn.box(piece.inner)) == piece.inner
        found = turn.read(lambda box: frame[(slice(None), *box)], tile)
        np.testing.assert_array_equal(found, padded[(slice(None), *tile.outer)])
        kept = found[(slice(None), *tile.inner_in_outer)]
        for back in (turn.undo(kept, np.flip), turn.undo(torch.from_numpy(kept), torch.flip)):
            np.testing.assert_array_equal(back, frame[(slice(None), *piece.inner)])


def test_a_noise_direction_or_unlike_reductions_allow_flips_only() -> None:
    assert len(turns(Sizes(), (8, 8), augment=False)) == 1
    assert len(turns(Sizes(), (8, 8), augment=True)) == 8
    assert [turn.number for turn in turns(Sizes(orientations=FLIPS), (8, 8), augment=True)] == [0, 1, 2, 3]
    assert len(turns(Sizes(size_multiple=(4, 8)), (8, 8), augment=True)) == 4
