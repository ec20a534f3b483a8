"""The regions of a run's images that noise does not explain, as a table that other programs read."""

import csv
import io
import os
from collections.abc import Iterable
from pathlib import Path

from quietscope.io.atomic import write_bytes_atomically
from quietscope.metrics.unexplained import Region, Unexplained

COLUMNS = ("plane", "channel", "y", "x", "side", "kind", "evidence", "size")


def write_regions(
    path: str | os.PathLike[str], found: Iterable[tuple[str, Unexplained]], *, overwrite: bool = False
) -> None:
    """Write regions as CSV, a line each, under a line of headings.

    Columns are those of `quietscope.metrics.unexplained.Region`, behind the name of the image; `plane` is like ``T=3
    Z=5``, all indices count from 0, and y, x and side are in pixels.

    Args:
        path: File to write.
        found: Names of images, and what was found in them.
        overwrite: Whether an existing file may be replaced.

    Raises:
        OutputError: If the file exists and must not be replaced, or cannot be written.
    """
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(("image", *COLUMNS))
    for name, each in found:
        table.writerows([safe_cell(name), *cells_of(region)] for region in each.regions)
    write_bytes_atomically(Path(path), text.getvalue().encode("utf-8", "backslashreplace"), overwrite=overwrite)


def cells_of(region: Region) -> list[str]:
    """Return a region as the cells of `COLUMNS`."""
    plane = " ".join(f"{letter}={index}" for letter, index in region.plane.items())
    place = [str(number) for number in (region.channel, region.y, region.x, region.side)]
    return [plane, *place, region.kind, f"{region.evidence:.2f}", f"{region.size:.4g}"]


def safe_cell(name: str) -> str:
    """Return a name that no spreadsheet takes for a formula."""
    return f"'{name}" if name[:1] in ("=", "+", "-", "@", "\t", "\r") else name
