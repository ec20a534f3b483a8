"""The curves of a training, from the log that it wrote."""

import csv
import math
from pathlib import Path

from quietscope.errors import OutputError
from quietscope.outside.regular_file import read_bounded
from quietscope.outside.shown import shown
from quietscope.report.sheet.run_record import TrainingCurve

METRICS = Path("logs") / "metrics.csv"
MOST_BYTES = 1 << 26
MOST_POINTS, MOST_CURVES = 400, 8


def curves_in(folder: Path) -> tuple[TrainingCurve, ...]:
    """Return the curves of a training.

    Args:
        folder: The folder that training keeps.

    Returns:
        A curve for each column that has at least two numbers; none where there is no log, or it cannot be read.
    """
    try:
        text = read_bounded(folder / METRICS, MOST_BYTES, OutputError, "a training log").decode()
        lines = list(csv.DictReader(text.splitlines()))
    except (OSError, OutputError, UnicodeDecodeError, csv.Error):
        return ()
    names = dict.fromkeys(name for line in lines for name in line if isinstance(name, str) and name != "step")
    found = ((name, _points(lines, name)) for name in names)
    curves = [TrainingCurve(name=shown(name), points=points) for name, points in found if len(points) > 1]
    return tuple(curves[:MOST_CURVES])


def _points(lines: "list[dict[str, str]]", name: str) -> tuple[tuple[float, float], ...]:
    """Return steps and values, thinned evenly where they are many; the last one stays."""
    pairs = [(_number(line.get("step")), _number(line.get(name))) for line in lines]
    known = [(step, value) for step, value in pairs if step is not None and value is not None]
    stride = -(-len(known) // MOST_POINTS) or 1
    return tuple(known[::-1][::stride][::-1])


def _number(text: object) -> float | None:
    """Return a finite number; None for what is none."""
    try:
        value = float(text) if isinstance(text, str) else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None
