"""The picture of a hierarchy is drawn whatever the levels hold."""

from pathlib import Path

import numpy as np
import pytest

from quietscope.errors import CaveatWarning, OutputError
from quietscope.io import read_image
from quietscope.report.levels_figure import LevelRow, LevelsFigure, write_levels_figure

RNG = np.random.default_rng(0)


def row(level: int, *, is_random: bool = True, scale: float = 1.0, shape: tuple[int, ...] = (20, 30)) -> LevelRow:
    made = {name: scale * RNG.random(shape) for name in ("remains", "adds", "spread", "kl")}
    return LevelRow(
        level=level, latents="4 x 10 x 15", is_random=is_random, **made, kl_total=scale * 0.01, kl_share=scale / 3
    )


def figure(rows: list[LevelRow]) -> LevelsFigure:
    noisy = RNG.random(rows[0].remains.shape)
    return LevelsFigure(noisy=noisy, rows=rows, file="a$b$.tif", part="frame 1 of 2", method="hdn", num_samples=2)


def pixels(path: Path) -> np.ndarray:
    with pytest.warns(CaveatWarning, match="opacity"):
        return np.asarray(read_image(path)).astype(float)


def test_each_level_is_a_row(tmp_path: Path) -> None:
    for number in (1, 3):
        rows = [row(level, is_random=level > 0) for level in range(number)]
        write_levels_figure(tmp_path / f"{number}.png", figure(rows))
    short, tall = (pixels(tmp_path / f"{number}.png") for number in (1, 3))
    assert tall.shape[1] == short.shape[1]
    assert tall.shape[0] - short.shape[0] > 2 * 190  # two thirds of a panel of 290 pixels, and its title
    assert np.ptp(tall) > 200


@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (40, 3)])
def test_nothing_learnt_and_any_size(tmp_path: Path, shape: tuple[int, ...]) -> None:
    rows = [row(level, is_random=False, scale=0.0, shape=shape) for level in range(2)]
    write_levels_figure(tmp_path / "a.png", figure(rows))
    assert (tmp_path / "a.png").stat().st_size > 5_000


def test_an_earlier_picture_stays(tmp_path: Path) -> None:
    write_levels_figure(tmp_path / "a.png", figure([row(0)]))
    with pytest.raises(OutputError, match="overwrite"):
        write_levels_figure(tmp_path / "a.png", figure([row(0)]))
    write_levels_figure(tmp_path / "a.png", figure([row(0)]), overwrite=True)
