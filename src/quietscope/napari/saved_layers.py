"""Writers: layers into what the command line writes, with pixel size, interval and names of channels."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from napari.utils.notifications import show_error

from quietscope.errors import AxesError, QuietScopeError, SizeError
from quietscope.io import write_image
from quietscope.napari.window_words import as_said, for_the_window


def write_layer(path: str, data: Any, attributes: Mapping[str, Any]) -> list[str]:
    """Write one layer, as napari asks for it.

    Args:
        path: The file.
        data: Its pixels.
        attributes: Its attributes.

    Returns:
        The file that was written; none where it could not be, which is told in one line.
    """
    return _write(path, [(data, attributes)])


def write_layers(path: str, layers: Sequence[tuple[Any, Mapping[str, Any], str]]) -> list[str]:
    """Write several layers of one size as the channels of one image, as napari asks for it.

    Args:
        path: The file.
        layers: Pixels, attributes and kind of each.

    Returns:
        The file that was written; none where it could not be, which is told in one line.
    """
    return _write(path, [(data, attributes) for data, attributes, _ in layers])


def _write(path: str, layers: Sequence[tuple[Any, Mapping[str, Any]]]) -> list[str]:
    try:
        with for_the_window():
            _written(path, layers)
    except QuietScopeError as error:
        show_error(as_said(error))
        return []
    return [path]


def _written(path: str, layers: Sequence[tuple[Any, Mapping[str, Any]]]) -> None:
    pixels = [np.asarray(data[0] if _is_pyramid(data) else data) for data, _ in layers]
    axes, known = _told(pixels[0], layers[0][1])
    if len(layers) == 1:
        write_image(path, pixels[0], axes, overwrite=True, **known)
    else:
        _check_alike(pixels, layers, axes)
        names = tuple(str(attributes["name"]) for _, attributes in layers)
        write_image(path, np.stack(pixels), "C" + axes, channel_names=names, overwrite=True, **known)


def _is_pyramid(data: Any) -> bool:
    return not hasattr(data, "dtype")


def _check_alike(pixels: Sequence[np.ndarray], layers: Sequence[tuple[Any, Mapping[str, Any]]], axes: str) -> None:
    if "C" in axes or "S" in axes:
        raise AxesError("layers of one channel each", f"axes {axes!r}", "save them one by one")
    for each, (_, attributes) in zip(pixels, layers, strict=True):
        if each.shape != pixels[0].shape:
            raise SizeError(
                f"layers of one size, {' x '.join(map(str, pixels[0].shape))}",
                f"{' x '.join(map(str, each.shape))} in {attributes['name']!r}",
                "save them one by one",
            )


def _told(pixels: np.ndarray, attributes: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return axes, and what else is known of a layer, from what napari tells a writer."""
    from types import SimpleNamespace

    from quietscope.napari.layer_source import axes_of, known_of

    labels = attributes.get("axis_labels") or [str(n) for n in range(pixels.ndim)]
    layer = SimpleNamespace(
        axis_labels=labels, units=attributes.get("units") or ["pixel"] * len(labels), scale=attributes["scale"]
    )
    named = axes_of(layer)
    if attributes.get("rgb"):
        named = (named or "QYX"[-(pixels.ndim - 1) :]) + "S"
    axes = named or {2: "YX", 3: "QYX", 4: "TZYX", 5: "TCZYX"}.get(pixels.ndim, "")
    return axes, known_of(layer, axes.removesuffix("S") if attributes.get("rgb") else axes)
