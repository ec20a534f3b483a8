"""Regions that noise does not explain: as a table for other programs, and marked in the picture."""

import csv
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from quietscope.errors import OutputError
from quietscope.metrics.unexplained import Region, Unexplained
from quietscope.report.overview import MARK, write_overview
from quietscope.report.region_list import COLUMNS, write_regions
from tests.report.test_overview import overview

REGIONS = (
    Region(plane={"T": 3, "Z": 5}, channel=1, y=8, x=16, side=4, kind="made up", evidence=9.876, size=0.52),
    Region(y=40, x=50, side=16, kind="too dark", evidence=7.9, size=1.25),
)
FOUND = Unexplained(count=2, share=0.02, kinds={"made up": 1, "too dark": 1}, regions=REGIONS)


def test_a_line_for_each_region(tmp_path: Path) -> None:
    path = tmp_path / "regions.csv"
    write_regions(path, [("a, b.tif", FOUND), ("empty.tif", Unexplained()), ("=1+1", FOUND)])
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["image", *COLUMNS]
    assert [row["image"] for row in rows] == ["a, b.tif", "a, b.tif", "'=1+1", "'=1+1"]
    assert list(rows[0].values())[1:] == ["T=3 Z=5", "1", "8", "16", "4", "made up", "9.88", "0.52"]
    assert list(rows[1].values())[1:] == ["", "0", "40", "50", "16", "too dark", "7.90", "1.25"]
    with pytest.raises(OutputError, match="overwrite=True"):
        write_regions(path, [])
    write_regions(path, [], overwrite=True)
    assert path.read_text(encoding="utf-8").splitlines() == [",".join(["image", *COLUMNS])]


def test_marks_are_drawn_around_squares_and_explained(tmp_path: Path) -> None:
    yellow = np.array([int(MARK[-1][0][at : at + 2], 16) for at in (1, 3, 5)])
    counts = []
    for name, marks in (("none", ()), ("two", ((10, 20, 16), (70, -4, 32)))):
        path = tmp_path / f"{name}.png"
        shown = overview((96, 96), std=None, unexplained=FOUND.words if marks else "", marks=marks)
        write_overview(path, shown)
        pixels = np.round(matplotlib.image.imread(path)[..., :3] * 255).astype(int)
        counts.append(int((np.abs(pixels - yellow).max(axis=-1) < 20).sum()))
    assert counts[0] < 100
    assert counts[1] > counts[0] + 200
