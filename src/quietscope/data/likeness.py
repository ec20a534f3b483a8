"""Whether an image is like those that a model has learnt from: two small records, and one comparison of them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from quietscope.outside.bounded import Positive, Real, Word
from quietscope.outside.plain_data import validated

NOTEWORTHY = 3.0
"""Factor between two ranges, noise levels or pixel sizes from which a person should know of it."""

HOPELESS = 6.0
"""Factor between two ranges from which images have another scale, rather than another exposure."""

SCALES_APART = 100.0
"""Factor between two ranges of one data type from which images cannot have been recorded in the same units."""

OFFSETS_APART = 3.0
"""Widths of a range between two ranges of about that width from which images have different offsets."""

_TO_DEVIATION = 0.6745 * 2.0  # of normal noise: its median size, and what the difference of four pixels adds up to


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What one channel of an image, or of several, looks like.

    Attributes:
        dtype: Data type of the pixels, such as "uint16"; empty where unknown.
        low: Intensity that 1 % of the pixels lie below.
        middle: Median intensity.
        high: Intensity that 1 % of the pixels lie above.
        noise: Contrast of neighbouring pixels as a standard deviation, that of the noise where it is independent and
            the image is not textured; NaN where unknown.
        pixel_size_um: Micrometres per pixel along X; NaN where unknown.
    """

    dtype: Word = ""
    low: Real
    middle: Real
    high: Real
    noise: Real = math.nan
    pixel_size_um: Positive = math.nan

    @classmethod
    def of(cls, planes: Sequence[npt.NDArray[Any]], dtype: str, pixel_size_um: float = math.nan) -> Self:
        """Measure some planes, (Y, X) each, of one channel."""
        known = [np.where(np.isfinite(plane), plane, np.nan).astype(np.float64) for plane in planes]
        fine = [np.ravel(np.diff(np.diff(plane, axis=0), axis=1)) for plane in known]
        values, sizes = (_numbers(np.concatenate(each)) for each in ([np.ravel(plane) for plane in known], fine))
        low, middle, high = np.percentile(values, (1.0, 50.0, 99.0)) if values.size else (math.nan,) * 3
        return cls(
            dtype=dtype,
            low=float(low),
            middle=float(middle),
            high=float(high),
            noise=float(np.median(np.abs(sizes))) / _TO_DEVIATION if sizes.size else math.nan,
            pixel_size_um=pixel_size_um,
        )

    @classmethod
    def of_values(cls, values: Mapping[str, Any]) -> Self:
        """Return the record whose `values` these are; None stands for what is unknown, as earlier versions wrote it.

        Raises:
            MalformedError: If a value is missing, of another type, or out of bounds.
        """
        found: Self = validated(cls, {name: value for name, value in values.items() if value is not None})
        return found

    def values(self) -> dict[str, Any]:
        """Return it as values that JSON has, without what is unknown."""
        known = asdict(self).items()
        return {name: value for name, value in known if not (isinstance(value, float) and not math.isfinite(value))}

    def words(self) -> str:
        """Return intensities and type, for a person."""
        return f"{self.low:.4g} to {self.high:.4g} ({self.dtype})"

    @property
    def range(self) -> float:
        """Intensities from the dark to the bright end."""
        return self.high - self.low


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Something that two records do not have in common.

    Attributes:
        words: What, with both figures.
        is_hopeless: Whether a model of the one must be wrong on the other.
    """

    words: str
    is_hopeless: bool = False


def differences(learnt: Seen, image: Seen) -> tuple[Difference, ...]:
    """Compare an image with those that a model has learnt from.

    Args:
        learnt: What the model has learnt from.
        image: The image.

    Returns:
        What differs; nothing where the two are alike.
    """
    found = []
    ratio = _ratio(learnt.range, image.range)
    is_outside = image.middle < learnt.low or image.middle > learnt.high  # neither where nothing is known of it
    is_other_type = "" not in (learnt.dtype, image.dtype) and learnt.dtype != image.dtype
    integers = all(each.dtype.startswith(("uint", "int")) for each in (learnt, image))
    if is_outside or ratio > NOTEWORTHY:
        types = f" ({learnt.dtype} and {image.dtype})" if is_other_type else ""
        found.append(
            Difference(
                words=f"intensities of {learnt.low:.4g} to {learnt.high:.4g} were learnt from, and these are "
                f"{image.low:.4g} to {image.high:.4g}{types}",
                is_hopeless=_is_apart(learnt, image)
                or (ratio > HOPELESS and (is_outside or (is_other_type and integers))),
            )
        )
    if _ratio(learnt.noise, image.noise) > NOTEWORTHY:
        words = f"noise of about {learnt.noise:.3g} was learnt from, and here it is {image.noise:.3g}"
        found.append(Difference(words=words))
    if _ratio(learnt.pixel_size_um, image.pixel_size_um) > NOTEWORTHY / 2:
        sizes = f"{learnt.pixel_size_um:.3g} um were learnt from, and these are {image.pixel_size_um:.3g} um"
        found.append(Difference(words=f"pixels of {sizes}"))
    return tuple(found)


def of_one_scale(one: Seen, other: Seen) -> bool:
    """Whether two images can be learnt from together, in the same units.

    Images of one type differ by a factor of ten with exposure, and by more where a recording bleaches; those of two
    types (16 and 8 bits, 0 to 1) were mostly recorded or saved in different units. Ranges of about one width that lie
    several of it apart have different offsets: exposure would have widened the brighter one too.
    """
    ratio, gap = _ratio(one.range, other.range), max(other.low - one.high, one.low - other.high)
    if ratio < NOTEWORTHY and gap > OFFSETS_APART * max(one.range, other.range):
        return False
    return ratio <= (SCALES_APART if one.dtype == other.dtype else HOPELESS)


def of_one_unit(noisy: Seen, reference: Seen) -> bool:
    """Whether a clean reference, or another exposure, can be in the intensities of a noisy image.

    Its median lies among the noisy pixels then, however strong the noise is; and noise does not make a range a hundred
    times as wide.
    """
    return noisy.low <= reference.middle <= noisy.high and _ratio(noisy.range, reference.range) <= SCALES_APART


def _numbers(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return values[~np.isnan(values)]


def _is_apart(one: Seen, other: Seen) -> bool:
    """Whether the ranges have nothing in common, and are farther apart than the learnt one is wide."""
    return max(other.low - one.high, one.low - other.high) > one.range


def _ratio(one: float, other: float) -> float:
    """Return how many times the larger is as large; 1 where one is unknown or zero."""
    if not (one > 0.0 and other > 0.0):
        return 1.0
    return max(one / other, other / one)
