"""Readers: whatever the command line reads, as layers with scale, units and axes; a dropped model is used."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from napari.utils.notifications import show_error

from quietscope.errors import QuietScopeError
from quietscope.io import FORMATS, Image, read_image
from quietscope.napari.layer_source import OWN
from quietscope.napari.segmented_objects import is_segmentation, objects_layer
from quietscope.napari.window_words import as_said, for_the_window

LayerData: TypeAlias = tuple[Any, ...]
NO_LAYER: list[LayerData] = [(None,)]
"""What tells napari that a file was taken, and is no layer."""

_LARGE = 1 << 26
"""Pixels above which a file is read when it is looked at, not when it is opened."""


def read_images(path: str | Sequence[str]) -> Callable[[str | Sequence[str]], list[LayerData]] | None:
    """Return the function that reads a file or folder, as napari asks for it; None for what is no image.

    Args:
        path: The path, or several, which are read one by one.
    """
    names = [path] if isinstance(path, str) else list(path)
    endings = tuple(suffix for each in FORMATS.values() for suffix in each.suffixes)
    return _read if names and all(name.lower().rstrip(os.sep).endswith(endings) for name in names) else None


def read_model(path: str | Sequence[str]) -> Callable[[str | Sequence[str]], list[LayerData]] | None:
    """Return the function that uses a model file, as napari asks for it."""
    return _use_model


def _read(path: str | Sequence[str]) -> list[LayerData]:
    names = [path] if isinstance(path, str) else list(path)
    try:
        with for_the_window():
            return [layer for name in names for layer in _layers_in(Path(name))]
    except QuietScopeError as error:
        show_error(as_said(error))
        return NO_LAYER


def _layers_in(path: Path) -> list[LayerData]:
    image = read_image(path)
    layers = layers_of(image)
    return [objects_layer(image, path, layers[0][1])] if is_segmentation(path) else layers


def layers_of(image: Image) -> list[LayerData]:
    """Return an image as layers, one for each channel.

    Args:
        image: The image.

    Returns:
        Pixels, attributes and "image" for each.
    """
    axes, name = image.axes, "image" if image.path is None else image.path.name
    size = {letter: image.pixel_size_um.get(letter) for letter in axes}
    size |= {"T": image.frame_interval_s}
    own = {} if image.path is None else {OWN: {"path": str(image.path)}}
    is_colour = "S" in axes and dict(zip(axes, image.shape, strict=True))["S"] in (3, 4) and axes.endswith("S")
    kept = [letter for letter in axes if letter not in ("C", *("S" * is_colour))]
    units = {"T": "second" if size["T"] else "pixel", **{c: "micrometer" if size.get(c) else "pixel" for c in "ZYX"}}
    attributes: dict[str, Any] = {
        "name": name,
        "scale": [size.get(letter) or 1.0 for letter in kept],
        "units": [units.get(letter, "pixel") for letter in kept],
        "axis_labels": [letter.lower() for letter in kept],
        "metadata": own,
    }
    pixels = _pixels(image)
    if "C" not in axes:
        return [(pixels, {**attributes, "rgb": is_colour}, "image")]
    at = axes.index("C")
    colours = image.details.colors_of(image.shape[at])
    found: list[LayerData] = []
    for channel in range(image.shape[at]):
        told: dict[str, Any] = {**attributes, "name": f"{name} {_channel_name(image, channel)}", "rgb": is_colour}
        if image.shape[at] > 1:
            told["blending"] = "additive"
            told["metadata"] = {OWN: {**own.get(OWN, {}), "channel": channel}}
        if colours:
            told["colormap"] = _from_black(colours[channel])
        key = tuple(channel if letter == "C" else slice(None) for letter in axes)
        found.append((pixels[key], told, "image"))
    return found


def _from_black(colour: str) -> Any:
    """Return the colours from black to one, RRGGBB."""
    from napari.utils import Colormap

    return Colormap([[0.0, 0.0, 0.0], [int(colour[n : n + 2], 16) / 255 for n in (0, 2, 4)]], name=f"#{colour}")


def _channel_name(image: Image, channel: int) -> str:
    return image.channel_names[channel] if channel < len(image.channel_names) else f"channel {channel}"


def _pixels(image: Image) -> Any:
    """Return the pixels: in memory where they are few, else read when they are looked at, plane by plane."""
    if np.prod(image.shape) <= _LARGE:
        return np.asarray(image)
    import dask.array

    chunks = tuple(size if letter in "YX" else 1 for letter, size in zip(image.axes, image.shape, strict=True))
    return dask.array.from_array(image.data, chunks=chunks)


def _use_model(path: str | Sequence[str]) -> list[LayerData]:
    from napari import current_viewer

    from quietscope.napari.dock import NAME, open_docks

    names = [path] if isinstance(path, str) else list(path)
    viewer = current_viewer()
    docks = [] if viewer is None else open_docks(viewer)
    if viewer is not None and not docks:
        viewer.window.add_plugin_dock_widget("quietscope", NAME)
        docks = open_docks(viewer)
    for dock in docks:
        dock.take_model(Path(names[0]))
    return NO_LAYER
