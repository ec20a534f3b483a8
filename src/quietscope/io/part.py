"""A part of an image: some of its channels, time points and planes, and a region of each; pixels are read lazily."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.errors import AxesError, ChannelError, SizeError
from quietscope.io.details import Details
from quietscope.io.image import ArrayLike, Image, whole_key
from quietscope.wording import typed


@dataclass(frozen=True, kw_only=True)
class Part:
    """What is wanted of images; by default all of it.

    Attributes:
        channels: Channels by number, from 0, or by name, in the order in which they are wanted; empty for all.
        frames: Time points, or places along the one axis that counts frames where there is no time; None for all.
        planes: Planes of a stack, along Z; None for all.
        region: Rows and columns; None for all.
    """

    channels: tuple[int | str, ...] = ()
    frames: slice | None = None
    planes: slice | None = None
    region: tuple[slice, slice] | None = None

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left out."""
        return self == Part()

    def of(self, image: Image) -> Image:
        """Return the part of an image; no pixel is read.

        Args:
            image: The image.

        Returns:
            The part, with the axes of the image, but for colours, which are channels once some are picked; the very
            image where nothing is left out.

        Raises:
            AxesError: If the image lacks an axis of which a part is wanted.
            ChannelError: If it lacks a channel.
            SizeError: If nothing is left along an axis.
        """
        if self.is_whole:
            return image
        sizes, wanted = dict(zip(image.axes, image.shape, strict=True)), self._wanted(image)
        names = tuple(image.channel_names[n] for n in wanted["C"]) if "C" in wanted and image.channel_names else None
        return replace(
            image,
            axes=image.axes.replace("S", "C") if "S" in wanted else image.axes,
            data=PartArray(image.data, self.places(image)),
            channel_names=image.channel_names if names is None else names,
            mask=_mask(image, wanted),
            frame_interval_s=_scaled(image.frame_interval_s, wanted.get("T")),
            pixel_size_um=_sizes(image.pixel_size_um, wanted),
            details=_details(image, wanted, sizes.get("C", 1)),
        )

    def places(self, image: Image) -> list[Sequence[int]]:
        """Return which places along every axis of an image are wanted.

        Raises:
            QuietScopeError: As `of` does.
        """
        wanted = self._wanted(image)
        return [wanted.get(letter, range(size)) for letter, size in zip(image.axes, image.shape, strict=True)]

    def _wanted(self, image: Image) -> dict[str, Sequence[int]]:
        """Return the wanted places along those axes of which not all is wanted."""
        sizes = dict(zip(image.axes, image.shape, strict=True))
        wanted: dict[str, Sequence[int]] = {}
        if self.channels:
            letter = "S" if "C" not in sizes else "C"  # of colours, as red, green and blue
            wanted[letter] = _channels(self.channels, image, letter, sizes)
        rows, columns = self.region or (None, None)
        asked = {"frames": ("T", self.frames), "planes": ("Z", self.planes)}
        asked |= {"rows": ("Y", rows), "columns": ("X", columns)}
        for what, (letter, chosen) in asked.items():
            if chosen is not None:
                axis = _counting(image, letter) if letter == "T" else letter
                wanted[axis] = _chosen(what, axis, chosen, sizes)
        return wanted


ALL = Part()
"""The part that is all of an image."""


class PartArray:
    """Some of the places along every axis of an array, read when they are indexed.

    Args:
        data: The array.
        places: Which places are wanted along every axis: a range in steps above zero, or any numbers.
    """

    def __init__(self, data: ArrayLike, places: Sequence[Sequence[int]]) -> None:
        self._data, self._places = data, tuple(places)
        self.shape = tuple(map(len, places))
        self.dtype, self.ndim = data.dtype, len(self._places)

    def __getitem__(self, key: Any, /) -> npt.NDArray[Any]:
        """Read the pixels selected by integers, slices and ellipses."""
        np.broadcast_to(0, self.shape)[key]  # raises NumPy's own error for a wrong index
        parts = [places[part] for places, part in zip(self._places, whole_key(key, self.ndim), strict=True)]
        return self._read(parts)

    def _read(self, parts: list[Any]) -> npt.NDArray[Any]:
        """Read places given as numbers, ranges, or tuples, which are read one after another."""
        at = next((n for n, part in enumerate(parts) if isinstance(part, tuple)), None)
        if at is None:
            return np.asarray(self._data[tuple(_slice(part) if isinstance(part, range) else part for part in parts)])
        axis = sum(not isinstance(part, int) for part in parts[:at])
        read = [self._read([*parts[:at], number, *parts[at + 1 :]]) for number in parts[at]]
        if read:
            return np.stack(read, axis=axis)
        return self._read([*parts[:at], range(0), *parts[at + 1 :]])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """Read all pixels into memory."""
        return np.asarray(self[...], dtype=dtype)


def _slice(places: range) -> slice:
    """Return the slice that reads a range of places, none of which is below zero."""
    stop = places.stop if places.stop >= 0 else None
    return slice(places.start, stop, places.step) if places else slice(0, 0)


def _channels(wanted: Sequence[int | str], image: Image, axis: str, sizes: Mapping[str, int]) -> tuple[int, ...]:
    if axis not in sizes:
        raise AxesError("an image with channels", f"axes {image.axes!r}", f"leave out `{typed('channels')}`")
    names = image.channel_names
    found = []
    for each in wanted:
        number = names.index(each) if isinstance(each, str) and each in names else each
        if not isinstance(number, int) or not 0 <= number < sizes[axis]:
            known = f" ({', '.join(names)})" if names else ""
            raise ChannelError(
                f"channels from 0 to {sizes[axis] - 1}{known}", repr(each), f"pass e.g. `{typed(channels=0)}`"
            )
        found.append(number)
    return tuple(found)


def _counting(image: Image, time: str) -> str:
    """Return the axis that counts frames: time, or else the only one that is neither that nor a depth."""
    others = [letter for letter in image.layout().frame_axes if letter != "Z"]
    return others[0] if time not in image.axes and len(others) == 1 else time


def _chosen(what: str, letter: str, chosen: slice, sizes: Mapping[str, int]) -> range:
    if letter not in sizes:
        axes = "".join(sizes)
        raise AxesError(f"an image with an axis {letter}", f"axes {axes!r}", f"leave out `{typed(what)}`")
    found = range(sizes[letter])[chosen]
    beyond = chosen.stop is not None and chosen.stop > sizes[letter]
    if not found or found.step < 1 or beyond:
        said = ":".join("" if each is None else str(each) for each in (chosen.start, chosen.stop, chosen.step))
        raise SizeError(f"{what} within 0:{sizes[letter]} along {letter}", said.removesuffix(":"), "count from 0")
    return found


def _mask(image: Image, wanted: Mapping[str, Sequence[int]]) -> Any:
    """Return the same part of what was said to be measured."""
    if image.mask is None or isinstance(image.mask, str):
        return image.mask
    mask = np.asarray(image.mask)
    letters = image.axes if mask.ndim == image.ndim else "ZYX"[-mask.ndim :]
    for axis, letter in enumerate(letters):
        if letter in wanted and mask.shape[axis] > 1:
            mask = mask.take(list(wanted[letter]), axis=axis)
    return mask


def _scaled(size: float | None, places: Sequence[int] | None) -> float | None:
    """Return the distance of neighbours where some places were left out between them."""
    return size * places.step if size is not None and isinstance(places, range) else size


def _sizes(sizes: Mapping[str, float], wanted: Mapping[str, Sequence[int]]) -> dict[str, float]:
    return {letter: float(_scaled(size, wanted.get(letter)) or size) for letter, size in sizes.items()}


def _details(image: Image, wanted: Mapping[str, Sequence[int]], num_channels: int) -> Details:
    """Return what still holds of the part: nothing that names planes or places of the whole."""
    told, chosen = image.details, wanted.get("C", range(num_channels))

    def some(values: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(values[n] for n in chosen) if len(values) == num_channels else values

    ranges = told.ranges
    if len(ranges) == 2 * num_channels:
        ranges = tuple(end for n in chosen for end in ranges[2 * n : 2 * n + 2])
    position = {
        letter: place + wanted[letter][0] * image.pixel_size_um.get(letter, 0.0) if letter in wanted else place
        for letter, place in told.position_um.items()
    }
    return replace(
        told,
        colors=some(told.colors),
        emission_nm=some(told.emission_nm),
        luts=some(told.luts),
        ranges=ranges,
        position_um=position,
        labels=(),
        overlays=(),
        roi=b"",
        ome="",
        ome_words=(),
    )
