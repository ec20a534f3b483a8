"""Objects as a layer of labels, of a file or just found: green where an object is sure, red where it is not."""

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from quietscope.errors import ImageFileError
from quietscope.io import Image
from quietscope.io.segment_names import LABELS, OBJECTS
from quietscope.napari.layer_results import TITLES, placed_like
from quietscope.napari.layer_source import OWN

if TYPE_CHECKING:
    from quietscope.consensus import Segmented

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
    labels = np.asarray(image.data).astype(np.int64)
    columns = _columns_of(path.with_name(OBJECTS))
    places = [letter for letter in image.axes if letter not in "ZYX" or letter in columns]
    first = _count_on(labels, columns, places)
    told = {
        "name": f"{path.parent.name} {TITLES['objects']}",
        **{name: attributes[name] for name in ("scale", "units", "axis_labels", "metadata")},
        **_look(first, columns),
    }
    return labels, told, "labels"


def found_layer(
    layer: Any, found: "Segmented", image_axes: str, start: Mapping[str, int], told: Mapping[str, Any]
) -> Any:
    """Return objects that were found in a layer, or in a frame of it, as a layer that lies there.

    Args:
        layer: The noisy layer.
        found: What was found.
        image_axes: Axes of the layer.
        start: Where the first frame lies, by letters of the axes that count frames, and the channel by "C".
        told: What is noted of them, beside that they are objects and of which layer.

    Returns:
        A labels layer, in no viewer yet; its features are the table that ``quietscope segment`` writes.
    """
    from napari.layers import Labels

    from quietscope.consensus.segment_files import objects_csv

    labels = found.labels.astype(np.int64)
    columns = _columns(io.StringIO(objects_csv(found)))
    places = [letter for letter in found.axes if letter not in found.spatial]
    first = _count_on(labels, columns, places)
    columns |= {letter: columns[letter] + start.get(letter, 0) for letter in places}
    if "C" in image_axes:
        labels = np.expand_dims(labels, image_axes.index("C"))
    return Labels(
        labels,
        name=f"{layer.name} {TITLES['objects']}",
        metadata={OWN: {"kind": "objects", "of": layer.name, **told}},
        **placed_like(layer, [start.get(letter, 0) for letter in image_axes]),
        **_look(first, columns),
    )


def _look(first: npt.NDArray[np.int64], columns: dict[str, npt.NDArray[Any]]) -> dict[str, Any]:
    """Return how objects are shown, and what the layer knows of each."""
    from napari.utils.colormaps import DirectLabelColormap

    colours: dict[int | None, Any] = {None: np.zeros(4), 0: np.zeros(4)}
    for number, sure in zip(first, columns["probability"], strict=True):
        colours[int(number)] = np.array([1.0 - sure, sure, 0.0, 1.0])
    return {
        "opacity": _OPACITY,
        "colormap": DirectLabelColormap(color_dict=colours),
        "features": {"index": first, **columns},
    }


def _columns_of(table: Path) -> dict[str, npt.NDArray[Any]]:
    """Return the columns of a table in a file.

    Raises:
        ImageFileError: If it is no such table.
    """
    try:
        with table.open(newline="", encoding="utf-8") as file:
            return _columns(file)
    except (OSError, UnicodeDecodeError, csv.Error, ValueError, TypeError, KeyError) as error:
        got = f"{table} ({' '.join(str(error).split())[:80]})"
        raise ImageFileError("the table of `quietscope segment` beside its labels", got, "segment anew") from error


def _columns(lines: Iterable[str]) -> dict[str, npt.NDArray[Any]]:
    """Return the columns of a table, NaN where a cell is empty."""
    reader = csv.DictReader(lines)
    rows = list(reader)
    found = {name: np.array([float(row[name] or "nan") for row in rows]) for name in reader.fieldnames or ()}
    return {**found, "object": found["object"].astype(np.int64), "probability": found["probability"]}


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
