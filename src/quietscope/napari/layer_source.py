"""Layers of napari as images: their pixels, axes and sizes; what is no grey image is refused in one line."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from quietscope.errors import AxesError, ImageFileError, SizeError
from quietscope.io import Image, as_image
from quietscope.wording import typed

OWN = "quietscope"
"""The key, in the metadata of a layer, of what QuietScope has noted there."""

_WORDS = {"time": "T", "depth": "Z", "plane": "Z", "channel": "C", "channels": "C", "frame": "T", "position": "P"}
_GUESSED = {2: "YX", 3: "QYX"}


@dataclass(frozen=True, kw_only=True)
class Source:
    """What is worked on: one layer, or several as images of one kind, or as the channels of one image.

    Attributes:
        layers: The layers.
        axes: Their axes as a person has named them; empty for what the layers say.
        are_channels: Whether the layers are the channels of one image.
        has_gaps: Whether NaN stands for pixels that were never measured.
    """

    layers: tuple[Any, ...]
    axes: str = ""
    are_channels: bool = False
    has_gaps: bool = False

    @property
    def name(self) -> str:
        """Name of the first layer."""
        return str(self.layers[0].name)

    def images(self) -> tuple[Image, ...]:
        """Return the images, whose pixels stay where they are.

        Raises:
            QuietScopeError: If there is none, or one is no grey image, or its axes are not known.
        """
        if not self.layers:
            raise ImageFileError(
                "a layer with a noisy image", "none", "open an image, or take File > Open Sample > QuietScope"
            )
        mask = "nan" if self.has_gaps else None
        opened = [replace(image_of(layer, self.axes), mask=mask) for layer in self.layers]
        return (_stacked(opened, self.layers),) if self.are_channels and len(opened) > 1 else tuple(opened)

    def paths(self) -> tuple[str, ...]:
        """Return what to type for the layers: their files, or what they would be called in files."""
        found = dict.fromkeys(file_of(layer) or unsaved_name(layer) for layer in self.layers)
        return tuple(found)

    @property
    def channels(self) -> tuple[int, ...]:
        """Which channels of their file the layers are, where it is one file that has others, too; nothing elsewhere."""
        noted = [layer.metadata.get(OWN, {}) for layer in self.layers]
        numbers = [own.get("channel") if isinstance(own, dict) else None for own in noted]
        is_one = len(self.paths()) == 1 and (len(numbers) == 1 or self.are_channels)
        known = tuple(number for number in numbers if number is not None)
        return known if is_one and len(known) == len(numbers) else ()

    @property
    def unsaved(self) -> tuple[str, ...]:
        """Names of layers that are in no file."""
        return tuple(str(layer.name) for layer in self.layers if file_of(layer) is None)


def image_of(layer: Any, axes: str = "") -> Image:
    """Return the image of a layer; its pixels are read where they are.

    Args:
        layer: The layer.
        axes: One letter per dimension; what the layer says if empty.

    Returns:
        The image. Of several resolutions it is the finest.

    Raises:
        QuietScopeError: If the layer is no grey image, or nobody says what its axes are.
    """
    kind = type(layer).__name__
    if kind != "Image":
        raise ImageFileError("an image layer", f"the {kind.lower()} layer {layer.name!r}", "choose an image layer")
    if layer.rgb:
        raise ImageFileError(
            "an image of grey values",
            f"the colour picture {layer.name!r} (RGB)",
            "right-click the layer, choose Split RGB, and take one of its channels",
        )
    data = layer.data[0] if layer.multiscale else layer.data
    named = axes or axes_of(layer)
    if not named and data.ndim not in _GUESSED:
        example = {4: "TZYX", 5: "TCZYX"}.get(data.ndim, "TCYX")
        raise AxesError(
            f"a name for each of the {data.ndim} axes of {layer.name!r}",
            "none",
            f"name them, e.g. `{typed(axes=example)}`",
        )
    image = as_image(data, named or _GUESSED[data.ndim])
    image = replace(image, **known_of(layer, image.axes))
    return image if not file_of(layer) else replace(image, path=Path(str(file_of(layer))))


def axes_of(layer: Any) -> str:
    """Return the axes of a layer, one letter per dimension; nothing where the layer does not name them all."""
    labels = [str(label).strip().lower() for label in layer.axis_labels]
    letters = [_WORDS.get(label, label.upper()) for label in labels]
    named = "".join(letters)
    is_named = len(set(letters)) == len(letters) and {"Y", "X"} <= set(letters)
    return named if is_named and re.fullmatch("[A-Z]+", named) and len(named) == len(labels) else ""


def file_of(layer: Any) -> str | None:
    """Return the file that a layer was read from; None where it is in none."""
    own = layer.metadata.get(OWN, {})
    path = own.get("path") if isinstance(own, dict) else None
    return str(path or layer.source.path) if path or layer.source.path else None


def unsaved_name(layer: Any) -> str:
    """Return the name of a file that a layer would be saved under."""
    return f"{re.sub(r'[^A-Za-z0-9_.-]+', '_', str(layer.name)).strip('_') or 'image'}.ome.tif"


def is_own_result(layer: Any) -> bool:
    """Tell whether QuietScope has made a layer."""
    own = layer.metadata.get(OWN)
    return isinstance(own, dict) and "kind" in own


def visible_box(layer: Any, image: Image, shown: Sequence[int], dims: int, most: int) -> tuple[slice, ...]:
    """Return the part of an image that is seen now, one slice per axis.

    Args:
        layer: The layer, with the corners of what its canvas shows.
        image: The image of the layer; a further axis at its front holds channels.
        shown: Where the sliders of the layer's dimensions stand, in pixels.
        dims: 2 where planes are denoised, 3 for volumes.
        most: Pixels along Y and X at most, and a sixteenth of it along the depth; what is in the middle is taken.

    Returns:
        The part: all channels, one place along the axes that count frames.
    """
    ahead = image.ndim - len(shown)
    corners = _corners(layer)
    depth = ("Z" if "Z" in image.axes else "T") if dims == 3 else ""
    box: list[slice] = []
    for number, (letter, size) in enumerate(zip(image.axes, image.shape, strict=True)):
        at = number - ahead
        if letter in "CS" or at < 0:
            box.append(slice(0, size))
        elif letter in "YX":
            low, high = (int(corners[0, at]), int(corners[1, at]) + 1) if np.any(corners[1]) else (0, size)
            box.append(_middle(max(0, low), min(size, high), size, most))
        else:
            place = min(max(int(shown[at]), 0), size - 1)
            half = max(most // 32, 1) if letter == depth else 0
            box.append(slice(max(0, place - half), min(size, place + half + 1)))
    return tuple(box)


def _corners(layer: Any) -> np.ndarray:
    """Return the first and last pixel that a canvas shows of a layer, (2, N), of its finest resolution."""
    corners = np.asarray(layer.corner_pixels)
    if layer.multiscale:
        corners = np.round(corners * np.asarray(layer.downsample_factors[layer.data_level])).astype(int)
    return corners


def place_in(viewer: Any, layer: Any) -> tuple[int, ...]:
    """Return where the sliders of a viewer stand, in pixels of a layer."""
    point = np.asarray(viewer.dims.point)[-layer.ndim :]
    return tuple(round(float(value)) for value in layer.world_to_data(point))


def part_of(image: Image, box: Sequence[slice]) -> Image:
    """Read a part of the image of a layer into an image of its own."""
    return replace(image, data=np.array(image.data[tuple(box)]))


def _middle(low: int, high: int, size: int, most: int) -> slice:
    if high - low < 32:  # hardly anything is seen: what lies around it, too
        low, high = max(0, low - 16), min(size, high + 16)
    if high - low > most:
        low += (high - low - most) // 2
        high = low + most
    return slice(low, high)


def known_of(layer: Any, axes: str) -> dict[str, Any]:
    """Return sizes of pixels, time between frames and names of channels, as far as a layer tells them."""
    sizes = {
        letter: _in(unit, "micrometer", scale)
        for letter, unit, scale in zip(axes, layer.units, layer.scale, strict=True)
        if letter in "ZYX"
    }
    interval = [
        _in(unit, "second", scale)
        for letter, unit, scale in zip(axes, layer.units, layer.scale, strict=True)
        if letter == "T"
    ]
    found: dict[str, Any] = {"pixel_size_um": {letter: size for letter, size in sizes.items() if size is not None}}
    if interval and interval[0] is not None:
        found["frame_interval_s"] = interval[0]
    return found


def _in(unit: Any, wanted: str, scale: float) -> float | None:
    """Return a length of the layer in a unit; None where it is in pixels, or in what is no length of that kind."""
    try:
        value = float((scale * unit).to(wanted).magnitude)
    except Exception:  # the library of units has an error of its own for each way in which units do not fit
        return None
    return round(value, 12)


def _stacked(images: Sequence[Image], layers: Sequence[Any]) -> Image:
    """Return one image whose channels are the layers, in their order."""
    first = images[0]
    if "C" in first.axes or "S" in first.axes:
        raise AxesError("layers of one channel each", f"axes {first.axes!r}", "untick the channels")
    for image, layer in zip(images, layers, strict=True):
        if (image.shape, image.axes) != (first.shape, first.axes):
            sizes = " x ".join(map(str, image.shape))
            raise SizeError(
                f"channels of one size, {' x '.join(map(str, first.shape))}",
                f"{sizes} in {layer.name!r}",
                "choose others",
            )
    import dask.array

    lazy = any(not isinstance(image.data, np.ndarray) for image in images)
    arrays = [
        dask.array.from_array(image.data) if lazy and isinstance(image.data, np.ndarray) else image.data
        for image in images
    ]
    data = dask.array.stack(arrays) if lazy else np.stack([np.asarray(each) for each in arrays])
    return replace(first, data=data, axes="C" + first.axes, channel_names=tuple(str(layer.name) for layer in layers))
