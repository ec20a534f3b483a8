"""Every example runs, cell by cell as a notebook would, in its reduced setting."""

from pathlib import Path
from typing import Any

import jupytext
import matplotlib as mpl
import pytest

from tests.compression.little import judge_little

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))


def test_there_are_examples() -> None:
    assert {path.stem for path in EXAMPLES} >= {
        "all_methods",
        "cells",
        "deconoising",
        "distilling",
        "divnoising",
        "dvlae",
        "hdn",
        "noise_models",
        "structured_noise",
        "text",
    }


@pytest.mark.usefixtures("brief_fits")
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_runs_as_a_notebook(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUIETSCOPE_REDUCED", "1")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    judge_little(monkeypatch)
    mpl.use("Agg")
    cells = jupytext.read(path).cells
    assert sum(cell.cell_type == "markdown" for cell in cells) >= 4
    scope: dict[str, Any] = {"__name__": "__main__"}
    for number, cell in enumerate(cells):
        if cell.cell_type == "code":
            exec(compile(cell.source, f"{path.name}, cell {number}", "exec"), scope)
    pictures = list(tmp_path.rglob("*.png"))
    assert pictures
    assert all(picture.stat().st_size > 5_000 for picture in pictures)
