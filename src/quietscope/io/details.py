"""What a file tells of an image besides its pixels, axes and sizes: colours, times, places, and what is drawn on it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import TypedDict

import numpy as np

from quietscope.io.units import micrometres

LUT_BYTES = 3 * 256
_COLOR = re.compile(r"#?([0-9A-Fa-f]{6})(?:[0-9A-Fa-f]{2})?")
_NO_NAME = re.compile(r"Image:?\s*\d*", re.IGNORECASE)  # what programs write where a person has given no name


@dataclass(frozen=True, kw_only=True)
class Details:
    """What is carried from an image to what is made of it, as far as the format of the result has a place for it.

    Attributes:
        name: Name of the image, which need not be that of its file.
        acquired: When it was taken, ISO 8601.
        colors: Colour of each channel, RRGGBB; empty where unknown.
        emission_nm: Wavelength that each channel was taken at, nanometres, None where unknown; empty if all are.
        position_um: Where the stage stood, micrometres, for those of X, Y and Z that are known.
        luts: ImageJ's look-up table of each channel, 256 bytes each for red, green and blue.
        ranges: Lowest and highest intensity shown of one channel after the other.
        labels: ImageJ's label of each plane, channels fastest, then Z, then time.
        overlays: ImageJ's overlays, in its own encoding.
        roi: ImageJ's selection, in its own encoding.
        info: ImageJ's text about the image.
        ome: OME-XML document of the image, for annotations, regions, planes and instrument.
        ome_index: Which image of that document this is.
        ome_words: What in it no other format has a place for.
    """

    name: str = ""
    acquired: str = ""
    colors: tuple[str, ...] = ()
    emission_nm: tuple[float | None, ...] = ()
    position_um: Mapping[str, float] = field(default_factory=dict)
    luts: tuple[bytes, ...] = ()
    ranges: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    overlays: tuple[bytes, ...] = ()
    roi: bytes = b""
    info: str = ""
    ome: str = field(default="", repr=False)
    ome_index: int = 0
    ome_words: tuple[str, ...] = ()

    def of_quantiles(self, probabilities: Sequence[float]) -> "Details":
        """Return the same of quantiles of the image, whose name says which they are: `cells, quantiles 0.05 and 0.95`.

        Args:
            probabilities: One per entry of the leading axis, 0 to 1.
        """
        words = [f"{each:.6g}" for each in probabilities]
        listed = " and ".join([*([", ".join(words[:-1])] if words[:-1] else []), words[-1]])
        told = f"quantile{'s' * (len(words) > 1)} {listed}"
        return replace(self, name=f"{self.name}, {told}" if self.name else told)

    def colors_of(self, num_channels: int) -> tuple[str, ...]:
        """Return one colour per channel, of look-up tables where these go evenly from black to it; else nothing."""
        ramps = [_end_of_ramp(lut) for lut in self.luts]
        known = self.colors or (tuple(color for color in ramps if color) if all(ramps) else ())
        return known if len(known) == num_channels else ()

    def luts_of(self, num_channels: int) -> tuple[bytes, ...]:
        """Return one look-up table per channel, from black to its colour where there are none; else nothing."""
        known = self.luts or tuple(_ramp(color) for color in self.colors)
        return known if len(known) == num_channels else ()


NO_DETAILS = Details()


class Told(TypedDict, total=False):
    """Those fields of an `Image` that a file tells beside its pixels and axes."""

    pixel_size_um: dict[str, float]
    channel_names: tuple[str, ...]
    frame_interval_s: float | None
    details: Details


_WORDS: Mapping[str, str] = {
    "pixel_size_um": "pixel size",
    "channel_names": "channel names",
    "frame_interval_s": "time interval",
    "name": "image name",
    "acquired": "acquisition date",
    "colors": "channel colours",
    "emission_nm": "emission wavelengths",
    "position_um": "stage position",
    "luts": "look-up tables",
    "labels": "labels of planes",
    "overlays": "overlays",
    "roi": "region of interest (ROI)",
    "info": "ImageJ's info text",
}
"""What a person calls each thing that may be left out. Ranges are not told: a result has a range of its own."""


def words_left(facts: Mapping[str, object], details: Details, kept: Iterable[str]) -> tuple[str, ...]:
    """Say what of an image a format has no place for.

    Args:
        facts: What is known besides the details, by name: pixel size, channel names, time interval.
        details: The details.
        kept: Names of facts and fields of `Details` that the format keeps.

    Returns:
        Words for each thing that is known and not kept.
    """
    held = set(kept)
    known = {name for name, value in facts.items() if value} | {name for name in _WORDS if getattr(details, name, None)}
    if "colors" in held and details.colors_of(len(details.luts)):
        held.add("luts")  # a colour says all that an even table does
    left = tuple(words for name, words in _WORDS.items() if name in known - held)
    return left + (() if "ome" in held else details.ome_words)


def valid_colors(values: Iterable[object]) -> tuple[str, ...]:
    """Return colours as RRGGBB where all of them are colours, and nothing otherwise."""
    matches = [_COLOR.fullmatch(str(value).strip()) for value in values]
    return tuple(match[1].upper() for match in matches if match) if matches and all(matches) else ()


def valid_wavelengths(values: Iterable[tuple[object, str]]) -> tuple[float | None, ...]:
    """Return wavelengths in nanometres from pairs of number and unit, None where unknown; nothing if all are."""
    known = [micrometres(value, unit) for value, unit in values]
    return tuple(None if each is None else each * 1e3 for each in known) if any(known) else ()


def valid_name(value: object) -> str:
    """Return the name of an image in one line, without characters that only machines read; of no more than 256."""
    name = "".join(letter for letter in str(value or "") if letter.isprintable())[:256].strip()
    return "" if _NO_NAME.fullmatch(name) else name


def valid_ranges(values: Iterable[object]) -> tuple[float, ...]:
    """Return pairs of lowest and highest intensity where all are numbers that go up, and nothing otherwise."""
    try:
        numbers = tuple(float(str(value)) for value in values)
    except ValueError:
        return ()
    pairs = list(zip(numbers[::2], numbers[1::2], strict=False))
    fine = len(numbers) == 2 * len(pairs) and all(
        isfinite(low) and isfinite(high) and low < high for low, high in pairs
    )
    return numbers if fine else ()


def _ramp(color: str) -> bytes:
    """Return the look-up table from black to a colour."""
    ends = np.frombuffer(bytes.fromhex(color), np.uint8).astype(np.float64)
    return np.rint(ends[:, None] * np.linspace(0, 1, 256)).astype(np.uint8).tobytes()


def _end_of_ramp(lut: bytes) -> str:
    """Return the colour that a look-up table goes evenly to from black; empty where it does anything else."""
    if len(lut) != LUT_BYTES:
        return ""
    table = np.frombuffer(lut, np.uint8).reshape(3, 256).astype(np.int64)
    color = bytes(table[:, -1].astype(np.uint8)).hex().upper()
    even = np.frombuffer(_ramp(color), np.uint8).reshape(3, 256)
    return color if np.abs(table - even).max() <= 1 else ""
