"""What ``quietscope segment`` wrote, as a layer of labels: green where an object is sure, red where it is not."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.errors import ImageFileError
from quietscope.io import Image
from quietscope.io.segment_names import LABELS, OBJECTS

_OPACITY = 0.6


def is_segmentation(path: Path) -> bool:
    """Tell the labels of ``quietscope segment`` by their name and the table beside them."""
    return path.name == LABELS and path.with_name(OBJECTS).is_file()


def objects_layer(image: Image, path: Path, attributes: dict[str, Any]) -> tuple[Any, ...]:
    """Return labels as a layer that knows of every object what the table says.

    Objects of other frames are other objects: their labels go on where those of the frame before ended.

    Args:
        image: The labels.
        path: Their file.
        attributes: How an image of the same axes would lie.

    Returns:
        Labels, attributes and "labels".

    Raises:
        ImageFileError: If the table is not that of the labels.
    """
    from napari.utils.colormaps import DirectLabelColormap

    labels = np.asarray(image.data).astype(np.int64)
    columns = _columns(path.with_name(OBJECTS))
    places = [letter for letter in image.axes if letter not in "ZYX" or letter in columns]
    first = _count_on(labels, columns, places)
    probability = columns["probability"]
    colours: dict[int | None, Any] = {None: np.zeros(4), 0: np.zeros(4)}
    for number, sure in zip(first, probability, strict=True):
        colours[int(number)] = np.array([1.0 - sure, sure, 0.0, 1.0])
    told = {
        "name": f"{path.parent.name} objects",
        **{name: attributes[name] for name in ("scale", "units", "axis_labels", "metadata")},
        "opacity": _OPACITY,
        "colormap": DirectLabelColormap(color_dict=colours),
        "features": {"index": first, **columns},
    }
    return labels, told, "labels"


def _columns(table: Path) -> dict[str, npt.NDArray[Any]]:
    """Return the columns of a table, NaN where a cell is empty."""
    try:
        with table.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
            names = reader.fieldnames or ()
        found = {name: np.array([float(row[name] or "nan") for row in rows]) for name in names}
        return {**found, "object": found["object"].astype(np.int64), "probability": found["probability"]}
    except (OSError, UnicodeDecodeError, csv.Error, ValueError, TypeError, KeyError) as error:
        got = f"{table} ({' '.join(str(error).split())[:80]})"
        raise ImageFileError("the table of `quietscope segment` beside its labels", got, "segment anew") from error


def _count_on(
    labels: npt.NDArray[np.int64], columns: dict[str, npt.NDArray[Any]], places: list[str]
) -> npt.NDArray[np.int64]:
    """Number the objects of all frames on, in place; returns the number of every line of the table."""
    shape = labels.shape[: len(places)]
    most = int(labels.max(initial=0))
    offset = most * np.arange(int(np.prod(shape)), dtype=np.int64).reshape(shape)
    labels += np.where(labels > 0, offset.reshape(shape + (1,) * (labels.ndim - len(places))), 0)
    try:
        frame = tuple(columns[letter].astype(np.int64) for letter in places)
        return np.asarray(columns["object"] + (offset[frame] if places else 0), np.int64)
    except (KeyError, IndexError) as error:
        raise ImageFileError("a table of the frames of the labels", "one of other frames", "segment anew") from error
