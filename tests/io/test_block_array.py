"""Blocks side by side are indexed as one array, and only what is asked for is read."""

import random
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.io.vendors.block_array import Blocks, Box

WHOLE = np.arange(3 * 4 * 5 * 6).reshape(3, 4, 5, 6)


def drawn(size: int) -> int | slice:
    ends = (None, *range(-size - 1, size + 2))
    choose = random.Random(random.random()).choice
    return (
        choose(range(-size, size))
        if random.random() < 0.4
        else slice(choose(ends), choose(ends), choose((None, 1, 2, -1, -3)))
    )


def test_any_key_gives_what_numpy_gives() -> None:
    random.seed(0)
    for along in range(4):
        blocks = Blocks(lambda place, box: WHOLE[place][box], WHOLE.shape[:along], WHOLE.shape[along:], WHOLE.dtype)
        for _ in range(300):
            key: tuple[Any, ...] = tuple(drawn(size) for size in WHOLE.shape[: random.randint(0, 4)])
            key = (*key, ...) if random.random() < 0.3 else key
            assert blocks[key].shape == WHOLE[key].shape
            np.testing.assert_array_equal(blocks[key], WHOLE[key])


def test_no_more_is_read_than_is_asked_for() -> None:
    asked: list[tuple[tuple[int, ...], Box]] = []

    def read(place: tuple[int, ...], box: Box) -> npt.NDArray[Any]:
        asked.append((place, box))
        return WHOLE[place][box]

    blocks = Blocks(read, (3, 4), (5, 6), WHOLE.dtype)
    np.testing.assert_array_equal(blocks[1, ::2, 1:3, -1], WHOLE[1, ::2, 1:3, -1])
    assert asked == [((1, n), (slice(1, 3), slice(5, 6))) for n in (0, 2)]
    asked.clear()
    assert blocks[:, 2:2].shape == (3, 0, 5, 6)
    assert asked == []
