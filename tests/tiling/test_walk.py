"""The walk through an image with an engine of a few lines, in NumPy alone."""

import subprocess
import sys
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from quietscope.axes import Layout
from quietscope.deploy.predict import NumpyEngine
from quietscope.errors import AxesError, ChannelError, SettingsError
from quietscope.tiling.antithetic import NO_PAIRS, Pairs
from quietscope.tiling.drawn import Drawn
from quietscope.tiling.grid import Tile
from quietscope.tiling.request import Request
from quietscope.tiling.spec import TileSpec
from quietscope.tiling.walk import walk
from tests.tiling.sizes import Sizes

IMAGE = np.random.default_rng(0).normal(100, 20, (3, 21, 34)).astype(np.float32)
LAYOUT = Layout.of("TYX", IMAGE.shape)


class Engine:
    """Sample k of frame n is the image and ``10 n + k``; there are as many as asked for, two at a time."""

    model, num_channels, gives_deviation, gives_samples = Sizes(), 1, False, True
    estimator_of, flip, to_memory = NumpyEngine.estimator_of, NumpyEngine.flip, NumpyEngine.to_memory

    def __init__(self, num_samples: int, pairs: Pairs = NO_PAIRS) -> None:
        self.num_samples, self.pairs = num_samples, pairs
        self.kept: float | None = None

    pixels_at_once = 0

    def bytes_per_pixel(self, bytes_per_value: float) -> float:
        return 4 + bytes_per_value

    def most_pixels(self, bytes_per_value: float) -> int:
        self.kept = bytes_per_value
        return 40 * 40

    def num_draws(self, num_turns: int) -> int:
        return self.num_samples

    def draw(self, x: np.ndarray, tile: Tile, *, frame: int, numbers: Sequence[int]) -> Iterator[Drawn[np.ndarray]]:
        assert x.shape == (1, *tile.outer_shape)
        for start in range(0, len(numbers), 2):
            some = numbers[start : start + 2]
            images = np.stack([x + 10 * frame + k for k in some])
            yield Drawn(numbers=some, images=images, deconvolved=2 * images)


def expected(k: int) -> np.ndarray:
    return IMAGE + 10 * np.arange(3)[:, None, None] + k


@pytest.mark.parametrize("tile", [None, 8, TileSpec((16, 16), (4, 8))])
@pytest.mark.parametrize("augment", [False, True])
def test_every_pixel_gets_its_own_samples(tile: int | TileSpec | None, augment: bool) -> None:
    sinks = {kind: np.full(IMAGE.shape, np.nan) for kind in ("mean", "std", "deconvolved")}
    sinks["samples"] = np.full((5, *IMAGE.shape), np.nan)
    told = []
    request = Request(num_samples=5, tile=tile, augment=augment, spread=2.0)
    walk(Engine(5), LAYOUT, IMAGE, sinks, request, progress=lambda *counts: told.append(counts))
    for k in range(5):
        np.testing.assert_allclose(sinks["samples"][k], expected(k), rtol=1e-6)
    np.testing.assert_allclose(sinks["mean"], expected(2), rtol=1e-6)
    np.testing.assert_allclose(sinks["deconvolved"], 2 * expected(2), rtol=1e-6)
    np.testing.assert_allclose(sinks["std"], 2 * np.std(np.arange(5), ddof=1), rtol=1e-4)
    done, total = zip(*told, strict=True)
    assert set(total) == {done[-1]}
    assert done[-1] % (3 * 5) == 0
    assert list(done) == sorted(done)


def test_frames_count_from_where_they_are_told_to() -> None:
    found = np.zeros((1, *IMAGE.shape))
    walk(Engine(1), LAYOUT, IMAGE, {"samples": found}, Request(num_samples=1), first_frame=4)
    np.testing.assert_allclose(found[0], expected(0) + 40, rtol=1e-6)


def test_only_what_is_wanted_takes_memory() -> None:
    for wanted, kept in ((("samples",), 0), (("mean",), 24), (("mean", "std"), 24), (("mean", "deconvolved"), 48)):
        engine = Engine(2)
        sinks = {kind: np.zeros((2, *IMAGE.shape) if kind == "samples" else IMAGE.shape) for kind in wanted}
        walk(engine, LAYOUT, IMAGE, sinks, Request())
        assert engine.kept == kept


def test_images_that_do_not_fit() -> None:
    with pytest.raises(ChannelError, match="1 channel"):
        walk(Engine(1), Layout.of("CYX", IMAGE.shape), IMAGE, {}, Request())
    with pytest.raises(AxesError, match="2-D"):
        walk(Engine(1), Layout.of("ZYX", IMAGE.shape, 3), IMAGE, {}, Request())
    with pytest.raises(SettingsError, match="'median'"):
        walk(Engine(1), LAYOUT, IMAGE, {"median": np.zeros(IMAGE.shape)}, Request())
    with pytest.raises(SettingsError, match="tile=512"):
        walk(Engine(1), LAYOUT, IMAGE, {"mean": np.zeros(IMAGE.shape)}, Request(tile=0))


def test_nothing_of_it_imports_pytorch() -> None:
    program = "import sys, quietscope.tiling.walk, quietscope.deploy.predict; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
