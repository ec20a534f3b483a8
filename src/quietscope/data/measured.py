"""Images of which some pixels were never measured: read with NaN there, filled for networks, put back into results."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from quietscope.data.gap_areas import REACH
from quietscope.data.gaps import Gaps, find_gaps
from quietscope.data.mask import Given, without_missing
from quietscope.data.pieces import pieces_of, upright
from quietscope.data.scaled import ScaledArray, Unscaled
from quietscope.errors import PixelError
from quietscope.io.image import ArrayLike, Image, Sink, whole_key
from quietscope.io.pixel_check import check_finite

OF_INTENSITIES = ("mean", "map", "deconvolved", "samples", "quantiles")
"""Kinds of results that pixels without a measurement keep their value in; in all others 0 stands for them."""


_KNOWN: WeakKeyDictionary[Image, Image | None] = WeakKeyDictionary()
"""What was found in files, so that no file is looked through twice in a run; None where all was measured."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """A part of an image.

    Attributes:
        pixels: As they are stored.
        areas: True in areas that were never measured, same shape.
        absurd: True at single pixels that are absurd, same shape.
    """

    pixels: npt.NDArray[Any]
    areas: npt.NDArray[np.bool_]
    absurd: npt.NDArray[np.bool_]

    def at(self, key: tuple[int | slice, ...]) -> "Block":
        """Return a part of it."""
        return Block(pixels=self.pixels[key], areas=self.areas[key], absurd=self.absurd[key])


class MeasuredArray:
    """An array in which NaN stands for pixels that were never measured, or not rightly.

    Args:
        original: The array as it is stored.
        axes: One letter per dimension.
        gaps: What is missing, one record per channel.
        name: What the image is called, for messages.
        given: What a user has said to be missing; None for nothing.
    """

    def __init__(
        self, original: ArrayLike, axes: str, gaps: Sequence[Gaps], name: str, given: Given | None = None
    ) -> None:
        self.original, self.axes, self.gaps, self.name, self.given = original, axes, tuple(gaps), name, given
        self.shape: tuple[int, ...] = tuple(original.shape)
        self.dtype: np.dtype[Any] = np.promote_types(original.dtype, np.float32)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __getitem__(self, key: Any) -> npt.NDArray[Any]:
        """Read a block selected by integers and slices, NaN where nothing was measured.

        Raises:
            PixelError: If a stored pixel is NaN or infinite.
        """
        block = self.read(key)
        values: npt.NDArray[Any] = np.where(block.areas | block.absurd, np.nan, block.pixels).astype(self.dtype)
        return values

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """Read all pixels into memory."""
        return np.asarray(self[...], dtype=dtype)

    def read(self, key: Any) -> Block:
        """Read a block, with what is missing in it; surroundings as far as they matter are read too.

        Raises:
            PixelError: If a stored pixel is NaN or infinite.
        """
        whole = whole_key(key, self.ndim)
        spans = [_span(part, size) for part, size in zip(whole, self.shape, strict=True)]
        wide = [
            slice(max(0, span.start - REACH), min(size, span.stop + REACH)) if letter in "YX" else span
            for letter, span, size in zip(self.axes, spans, self.shape, strict=True)
        ]
        block = self._search(np.asarray(self.original[tuple(wide)]), wide)
        inner = [
            slice(span.start - outer.start, span.stop - outer.start) for span, outer in zip(spans, wide, strict=True)
        ]
        steps = tuple(slice(None, None, part.step) if isinstance(part, slice) else 0 for part in whole)
        return block.at(tuple(inner)).at(steps)

    def filled(self, key: Any) -> npt.NDArray[Any]:
        """Read a block for a network: the channel's mean in areas, the median of its neighbours at an absurd pixel."""
        from scipy.ndimage import median_filter

        block = self.read(key)
        whole = whole_key(key, self.ndim)
        spans = [_span(part, size) for part, size in zip(whole, self.shape, strict=True)]
        kept = tuple(slice(None) if isinstance(part, slice) else 0 for part in whole)
        means = np.broadcast_to(self._means(spans), [span.stop - span.start for span in spans])[kept]
        pixels = np.where(block.areas, means, block.pixels)
        if block.absurd.any():
            left = [letter for letter, part in zip(self.axes, whole, strict=True) if isinstance(part, slice)]
            window = [3 if letter in "YX" else 1 for letter in left]
            pixels = np.where(block.absurd, median_filter(pixels, window), pixels)
        return pixels.astype(self.dtype)

    def _search(self, pixels: npt.NDArray[Any], spans: Sequence[slice]) -> Block:
        missing = np.zeros(pixels.shape, dtype=bool) if self.given is None else self.given.missing(pixels, spans)
        block = Block(pixels=pixels, areas=missing, absurd=np.zeros(pixels.shape, dtype=bool))
        for place in _planes(self.axes, pixels.shape):
            gaps = self.gaps[self._channel(place, spans)]
            plane, areas = upright(pixels[place], self.axes), upright(missing[place], self.axes)
            if self.given is not None:
                plane = without_missing(plane, areas)
            areas = areas | gaps.areas(plane)
            block.areas[place] = upright(areas, self.axes)
            block.absurd[place] = upright(gaps.absurd_in(plane, areas), self.axes)
        left_out = block.areas | block.absurd
        check_finite(pixels[~left_out] if left_out.any() else pixels, self.name)
        return block

    def _channel(self, place: Sequence[int | slice], spans: Sequence[slice]) -> int:
        """Return the number of the channel that a plane belongs to."""
        number = 0
        for letter, at, span, size in zip(self.axes, place, spans, self.shape, strict=True):
            if letter in "CS":
                assert isinstance(at, int)
                number = number * size + span.start + at
        return number

    def _means(self, spans: Sequence[slice]) -> npt.NDArray[Any]:
        """Return the mean of the channel of every pixel of a block, to be broadcast to its shape."""
        sizes = [size if letter in "CS" else 1 for letter, size in zip(self.axes, self.shape, strict=True)]
        means = np.array([each.fill for each in self.gaps]).reshape(sizes)
        return means[
            tuple(span if letter in "CS" else slice(None) for letter, span in zip(self.axes, spans, strict=True))
        ]


@dataclass(frozen=True)
class Filled:
    """A measured array as a network reads it, without NaN."""

    measured: MeasuredArray

    @property
    def shape(self) -> tuple[int, ...]:
        """Size along every axis."""
        return self.measured.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """NumPy data type."""
        return self.measured.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.measured.ndim

    def __getitem__(self, key: Any) -> npt.NDArray[Any]:
        """Read a block."""
        return self.measured.filled(key)


@dataclass(frozen=True)
class Restored:
    """A sink that puts back what was never measured: the stored value into intensities, 0 into all else.

    An absurd pixel is not put back: the estimate from its surroundings is the better one.
    """

    measured: MeasuredArray
    sink: Sink
    keeps_value: bool

    def __setitem__(self, key: Any, block: Any, /) -> None:
        """Write a block at integers and slices; a leading axis, of samples or quantiles, may come first."""
        found = self.measured.read(tuple(key)[-self.measured.ndim :])
        dtype = np.asarray(block).dtype
        values = _within(found.pixels, dtype) if self.keeps_value else np.zeros((), dtype=np.float32)
        self.sink[key] = np.where(found.areas, values, np.asarray(block)).astype(dtype)


def _within(pixels: npt.NDArray[Any], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Return pixels with NaN in place of numbers that a type is too small for, such as 1e300 in float32."""
    if dtype.kind != "f" or np.can_cast(pixels.dtype, dtype):
        return pixels
    return np.where(np.isfinite(pixels) & (np.abs(pixels) > np.finfo(dtype).max), np.nan, pixels)


def in_intensities(array: Any) -> Any:
    """Return an array in the units of its file, whatever units it is read in."""
    return array.inner if isinstance(array, ScaledArray) else array


def measured_in(array: Any) -> MeasuredArray | None:
    """Return the array in which NaN stands for pixels that were never measured; None where all of them were."""
    found = in_intensities(array)
    return found if isinstance(found, MeasuredArray) else None


def stored(array: Any) -> Any:
    """Return an array as it is stored, whether or not NaN stands for something in it."""
    found = in_intensities(array)
    return found.original if isinstance(found, MeasuredArray) else found


def as_measured(image: Image) -> Image:
    """Look for pixels that were never measured.

    Args:
        image: The image.

    Returns:
        The image with NaN in their place, `data` being a `MeasuredArray`; the very same image if there are none.

    Raises:
        SizeError: If the image has a mask that does not fit it.
        PixelError: If nothing is left by it.
    """
    if isinstance(image.data, MeasuredArray | ScaledArray):
        return image
    if image.path is None:  # an array may be another one the next time
        return _looked_through(image)
    if image not in _KNOWN:
        found = _looked_through(image)
        _KNOWN[image] = None if found is image else found
    return _KNOWN[image] or image


def _looked_through(image: Image) -> Image:
    axes, given = image.layout().axes, Given.of(image)
    pieces = pieces_of(image)
    gaps, name = [find_gaps(each) for each in pieces], str(image.path or "the image")
    if given is None and all(each.is_empty for each in gaps):
        return image
    for number, each in enumerate(pieces if given is not None else ()):
        if each.are_missing():
            raise PixelError(
                f"pixels of channel {number} of {name} that were measured", "none", "pass another image or another mask"
            )
    return replace(image, data=MeasuredArray(image.data, axes, gaps, name, given))


def only(image: Image, *, areas: bool = False, sentinels: bool = False, absurd: bool = False) -> Image:
    """Keep a part of what `as_measured` has found, for images that must not be trusted with all of it.

    A clean reference may be a drawing, whose background is one value and ends sharply; and an absurd pixel of a result
    is a fault of whatever made it, which must not be excused.

    Args:
        image: The image.
        areas: Whether areas of any value count as never measured; those of a mask always do.
        sentinels: Whether values far outside all others do, at least.
        absurd: Whether single absurd pixels do.

    Returns:
        The image; as it is stored if nothing is left.
    """
    data = image.data
    if not isinstance(data, MeasuredArray):
        return image
    none: dict[str, Any] = {} if areas else {"values": ()}
    none |= {} if areas or sentinels else {"sentinels": (), "share": 0.0, "blank": 0}
    none |= {} if absurd else {"low": -np.inf, "high": np.inf, "absurd": 0}
    gaps = [replace(each, **none) for each in data.gaps]
    if data.given is None and all(each.is_empty for each in gaps):
        return replace(image, data=data.original)
    return replace(image, data=MeasuredArray(data.original, data.axes, gaps, data.name, data.given))


def is_smooth_and_rounded(image: Image) -> bool:
    """Tell by one plane whether most neighbours differ by the whole numbers 0 or 1: constant areas are then no gaps."""
    plane = pieces_of(image, 1)[0][0]
    with np.errstate(over="ignore", invalid="ignore"):
        steps = np.abs(np.diff(plane.astype(np.float64), axis=0))
    steps = steps[np.isfinite(steps)]
    return bool(np.all(steps == np.round(steps))) and float(np.mean(steps <= 1.0)) > 0.5 if steps.size else False


def for_network(image: Image) -> Image:
    """Return an image as a network reads it, with something harmless where nothing was measured; others as they are."""
    found = measured_in(image.data)
    if found is None:
        return image
    filled = Filled(found)
    return replace(image, data=image.data.around(filled) if isinstance(image.data, ScaledArray) else filled)


def restoring(image: Image, sinks: Mapping[str, Sink]) -> dict[str, Sink]:
    """Return sinks, by kind of result, that put back what was never measured of an image, and its intensities.

    The same sinks for an image all of which was measured, and which is read as it is stored.
    """
    found, received = measured_in(image.data), dict(sinks)
    if found is not None:
        received = {kind: Restored(found, sink, kind in OF_INTENSITIES) for kind, sink in received.items()}
    if isinstance(image.data, ScaledArray):
        placed = image.data.placed
        received = {kind: Unscaled(placed, sink, kind not in OF_INTENSITIES) for kind, sink in received.items()}
    return received


def gap_notes(images: Sequence[Image], *, with_given: bool = True) -> Iterator[str]:
    """Tell in one line for each image and channel what was never measured of it, also what a user has said of it."""
    for number, image in enumerate(images):
        found = measured_in(image.data)
        if found is None:
            continue
        name = f"{image.path.name}: " if image.path is not None else f"image {number}: " if len(images) > 1 else ""
        if found.given is not None and with_given:
            yield f"{name}{found.given.words}."
        for channel, gaps in enumerate(found.gaps):
            if not gaps.is_empty:
                where = f"channel {channel}: " if len(found.gaps) > 1 else ""
                yield f"{name}{where}{gaps.words()}."


def _planes(axes: str, shape: Sequence[int]) -> Iterator[tuple[int | slice, ...]]:
    """Return the keys of all planes of a block."""
    yield from product(
        *([slice(None)] if letter in "YX" else range(size) for letter, size in zip(axes, shape, strict=True))
    )


def _span(part: int | slice, size: int) -> slice:
    """Return the pixels that a part of a key reaches over."""
    if isinstance(part, slice):
        start, stop, step = part.indices(size)
        assert step > 0, part
        return slice(start, max(start, stop))
    return slice(part % size, part % size + 1)
