"""Sample data: the small real image that comes with the package."""

from typing import Any

import numpy as np

from quietscope.io import read_image
from quietscope.napari.layer_source import OWN
from quietscope.samples import sample_path


def _fields(name: str, title: str, fields: int) -> list[tuple[Any, ...]]:
    path = sample_path(name)
    pixels = np.asarray(read_image(path).data[:fields])
    labels = ["q", "y", "x"]
    if fields == 1:
        pixels, labels = pixels[0], labels[1:]
    attributes = {"name": title, "axis_labels": labels, "metadata": {OWN: {"path": str(path)}} if fields > 1 else {}}
    return [(pixels, attributes, "image")]


def noisy_field() -> list[tuple[Any, ...]]:
    """Return one noisy field of 512 x 512 pixels: zebrafish, confocal."""
    return _fields("confocal_fish_noisy", "zebrafish", 1)


def noisy_fields() -> list[tuple[Any, ...]]:
    """Return four noisy fields."""
    return _fields("confocal_fish_noisy", "zebrafish fields", 4)


def clean_fields() -> list[tuple[Any, ...]]:
    """Return the same four fields, each the mean of fifty frames, to compare with."""
    return _fields("confocal_fish_clean", "zebrafish fields, clean", 4)
