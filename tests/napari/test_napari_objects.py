"""Labels of ``quietscope segment`` in napari: coloured by their probability, numbered on from frame to frame."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quietscope import write_image

LABELS = np.zeros((2, 12, 16), np.uint16)
LABELS[:, 2:6, 2:6], LABELS[0, 2:6, 9:13] = 1, 2
TABLE = "T,object,probability,area\n0,1,1.0,16\n0,2,0.25,16\n1,1,0.5,\n"


def opened(folder: Path, table: str) -> Any:
    from napari.components import ViewerModel

    write_image(folder / "labels.tif", LABELS, "TYX", pixel_size_um={"Y": 0.2, "X": 0.1})
    (folder / "objects.csv").write_text(table)
    viewer = ViewerModel()
    viewer.open(str(folder / "labels.tif"), plugin="quietscope")
    return viewer.layers


def test_objects_are_coloured_by_their_probability(app: Any, tmp_path: Path) -> None:
    (layer,) = opened(tmp_path, TABLE)
    assert type(layer).__name__ == "Labels"
    assert layer.scale[-2:] == pytest.approx((0.2, 0.1))
    assert np.unique(layer.data[0]).tolist() == [0, 1, 2]
    assert np.unique(layer.data[1]).tolist() == [0, 3]
    assert layer.features["index"].tolist() == [1, 2, 3]
    assert layer.features["probability"].tolist() == [1.0, 0.25, 0.5]
    assert layer.get_color(1)[:3] == pytest.approx((0.0, 1.0, 0.0))
    assert layer.get_color(2)[:3] == pytest.approx((0.75, 0.25, 0.0))
    assert layer.get_color(3)[:3] == pytest.approx((0.5, 0.5, 0.0))


@pytest.mark.parametrize("table", ["nonsense\n", "object,probability\n1,0.5\n", "T,object,probability\n9,1,1\n"])
def test_a_table_of_something_else_is_told(app: Any, told: list[str], tmp_path: Path, table: str) -> None:
    assert len(opened(tmp_path, table)) == 0
    assert "segment anew" in told[-1]
