"""Tables of several images in one file."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from quietscope.consensus.analysis import MeasuredTable
from quietscope.io import write_bytes_atomically


def write_tables(path: Path, tables: Sequence[tuple[str, MeasuredTable]], *, overwrite: bool = False) -> None:
    """Write what was measured on images as a CSV file: a line for each number of each image.

    Args:
        path: The file.
        tables: The names of the images with what was measured.
        overwrite: Whether an existing file may be replaced.

    Raises:
        OutputError: If it cannot be written, or exists and `overwrite` is false.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    last = max(max(table.samples, default=0) for _, table in tables)
    named = [f"sample_{number}" for number in range(last + 1)]
    writer.writerow(["image", "row", "column", "mean", "low", "high", "widening", *named])
    for name, table in tables:
        for row in range(table.num_rows):
            for number, column in enumerate(table.columns):
                between = table.interval(column, row)
                given = dict(zip(table.samples, table.values[:, row, number], strict=True))
                numbers = (table.mean[row, number], between.low, between.high, table.widening)
                cells = [f"{given[each]:.7g}" if each in given else "" for each in range(last + 1)]
                writer.writerow([name, row, column, *(f"{each:.7g}" for each in numbers), *cells])
    write_bytes_atomically(path, text.getvalue().encode(), overwrite=overwrite)
