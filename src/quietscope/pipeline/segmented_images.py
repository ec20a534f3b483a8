"""What `quietscope segment` has left in the folder of a run, for the report of the run."""

import csv
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from quietscope.consensus.counting import sure_and_doubtful
from quietscope.errors import OutputError
from quietscope.io.segment_names import COUNTS, OBJECTS, OVERLAY
from quietscope.outside.regular_file import read_bounded
from quietscope.outside.shown import shown
from quietscope.report.sheet.overlay_picture import overlay_picture
from quietscope.report.sheet.run_record import Picture, SegmentedImage

MOST_IMAGES, MOST_FRAMES, MOST_PICTURES, MOST_BYTES = 50, 50, 3, 1 << 26
"""Images, frames of each, and pictures that the report shows, and the largest table that is read."""

Place = tuple[str, ...]


def segmented_images(folder: Path) -> tuple[tuple[SegmentedImage, ...], tuple[str, ...]]:
    """Return what was segmented into a folder and those below it.

    Args:
        folder: The folder of a run.

    Returns:
        The images in the order of their folders, and what of them cannot be shown.
    """
    found: list[SegmentedImage] = []
    missing: list[str] = []
    for number, place in enumerate(_folders_in(folder)):
        if number >= MOST_IMAGES:
            missing.append(f"Objects of further images: those of {MOST_IMAGES} are shown.")
            break
        name = shown(place.relative_to(folder).as_posix())
        try:
            found.append(_image_in(place, name, with_picture=len(found) < MOST_PICTURES))
        except (OSError, OutputError, csv.Error, LookupError, ValueError) as error:
            missing.append(f"Objects in {name}: its tables cannot be read ({shown(str(error))}).")
    return tuple(found), tuple(missing)


def _folders_in(folder: Path) -> Iterator[Path]:
    """Yield the folders that hold counts and objects; images that are folders are not looked into."""
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.endswith(".zarr"))
        if {COUNTS, OBJECTS} <= set(files):
            yield Path(place)


def _image_in(place: Path, name: str, *, with_picture: bool) -> SegmentedImage:
    probabilities: dict[Place, list[float]] = defaultdict(list)
    for row in _rows(place / OBJECTS):
        probabilities[_place(row, "object")].append(float(row["probability"]))
    lines = []
    for row in _rows(place / COUNTS)[:MOST_FRAMES]:
        sure = probabilities[_place(row, "count")]
        between = f"{row['count_low']} to {row['count_high']}"
        many = sure_and_doubtful(sure)
        frame = ", ".join(_place(row, "count")) or "the image"
        lines.append((frame, row["count"], between, *map(str, many)))
    return SegmentedImage(name=name, counts=tuple(lines), overlay=_picture(place) if with_picture else None)


def _picture(place: Path) -> Picture | None:
    try:
        return overlay_picture(place / OVERLAY)[0]
    except (OSError, ValueError):
        return None


def _rows(path: Path) -> list[dict[str, str]]:
    text = read_bounded(path, MOST_BYTES, OutputError, "a table").decode("utf-8-sig")
    return [{name: value or "" for name, value in row.items() if name} for row in csv.DictReader(text.splitlines())]


def _place(row: dict[str, str], until: str) -> Place:
    """Return where a line of a table belongs: what its columns have before one that all such tables have."""
    names = list(row)
    return tuple(f"{name} {row[name]}" for name in names[: names.index(until)])
