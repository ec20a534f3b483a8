"""Pixels that were never measured: padding, sentinels, dead lines, blank frames, and single absurd values.

A detector has noise, so that no two neighbouring pixels agree for long. An area in which all pixels hold exactly one
value was therefore never measured, with two exceptions that this module must leave alone: a dark background that the
recording has clipped, or in which no photon arrived, and structure that saturates. They are told apart by their border:

* Clipped and saturated areas end gradually. Close outside them there are many more pixels of the same value, or
  brightness goes on rising for several pixels, because no microscope draws an edge more sharply than that.
* Padding ends at once: two pixels outside it the image is as bright as five pixels outside it.
* Where few photons arrive, chance decides close to the border which pixels are dark: it is ragged. That of padding is
  clean.

Many pixels of one value far outside the range of all others (-9999, -3.4e38), with nothing in between, need no such
test. A single pixel that far out, with neighbours that are not, is what the division by a flat field or a cosmic ray
leaves; it is no measurement either.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from quietscope.data.gap_areas import MOST_NEAR, SQUARE, Border, Mask, Plane, areas_of

FAR = 50.0
"""Spreads of the pixels beyond their 0.1 % and 99.9 % quantiles from which a value is absurd: eight times the whole
range of the image."""

MOST_ABSURD = 1e-3
"""Largest share of single absurd pixels; more of them are something else, such as hot pixels of a sensor."""

STANDS_OUT = 0.1
"""Height of the highest neighbour of an absurd pixel, as a share of its own, below which it stands alone. Structure
that a microscope shows has higher neighbours."""

_MOST_VALUES = 3
_MOST_BEYOND = 1 << 14
_MOST_SAMPLED = 1 << 14
_MOST_LOOKED_AT = 16
_ENDS = (0.001, 0.999)
_SIGMAS_BETWEEN_ENDS = 6.18


@dataclass(frozen=True, kw_only=True)
class Gaps:
    """Which pixels of one channel were never measured.

    Attributes:
        values: Intensities that fill areas without any measurement.
        sentinels: Intensities that stand for no measurement wherever they are.
        low: Intensity below which a pixel is absurd; minus infinity for none.
        high: Intensity above which a pixel is absurd; infinity for none.
        fill: Mean of the measured pixels.
        share: Share of the looked at pixels that lie in such areas, 0 to 1.
        blank: Number of looked at frames that hold nothing else.
        absurd: Number of absurd pixels among the looked at.
        example: One of them; NaN where there is none.
    """

    values: tuple[float, ...] = ()
    sentinels: tuple[float, ...] = ()
    low: float = -np.inf
    high: float = np.inf
    fill: float = 0.0
    share: float = 0.0
    blank: int = 0
    absurd: int = 0
    example: float = np.nan

    @property
    def is_empty(self) -> bool:
        """Whether every pixel was measured."""
        return not self.values and not self.sentinels and np.isinf(self.low) and np.isinf(self.high)

    def areas(self, plane: Plane) -> Mask:
        """Return where a plane (Y, X) was never measured; right up to `REACH` pixels from an edge that was cut."""
        found = np.zeros(plane.shape, dtype=bool)
        for value in self.values:
            found |= areas_of(plane, value)
        for value in self.sentinels:
            found |= plane == value
        return found

    def absurd_in(self, plane: Plane, areas: Mask) -> Mask:
        """Return where single pixels of a plane (Y, X) are absurd; `areas` are those never measured, same shape."""
        if np.isinf(self.low) and np.isinf(self.high):
            return np.zeros(plane.shape, dtype=bool)
        return _alone(plane, (plane < self.low) | (plane > self.high), areas)

    def words(self) -> str:
        """Return in one line what was found."""
        parts = []
        if self.values or self.sentinels:
            named = " and ".join(f"{value:.6g}" for value in (*self.values, *self.sentinels))
            frames = f", {self.blank} whole frames among them" if self.blank > 1 else ", one whole frame among them"
            where = frames if self.blank else ""
            parts.append(
                f"{self.share:.2%} of the pixels are exactly {named}{where}: they were never measured, are left out of "
                f"noise, statistics and training, and {self._outcome}"
            )
        if self.absurd:
            number = "one pixel is" if self.absurd == 1 else f"{self.absurd} single pixels are"
            parts.append(
                f"{number} absurd ({self.example:.6g}), far outside all others: left out, and replaced by an estimate"
            )
        return "; ".join(parts)

    @property
    def _outcome(self) -> str:
        """What comes of areas in results."""
        beyond = any(abs(value) > float(np.finfo(np.float32).max) for value in (*self.values, *self.sentinels))
        return "are NaN in results, whose float32 has no such number" if beyond else "stay as they are"


@np.errstate(over="ignore", invalid="ignore")  # a sentinel may be the largest number that there is
def find_gaps(planes: Sequence[Plane]) -> Gaps:
    """Look for what was never measured in planes of one channel.

    Args:
        planes: Planes (Y, X), any sizes; each is read when it is indexed, suspicious ones twice or more.

    Returns:
        What was found; an empty record for a healthy image.
    """
    first = _FirstLook.at(planes)
    if not first.sampled:
        return Gaps()
    everything = np.concatenate(first.sampled)
    looked_at = [planes[number] for number in _spread(sorted(first.suspicious), _MOST_LOOKED_AT)]
    candidates = [value for value, _ in Counter(first.suspects).most_common(2 * _MOST_VALUES)]
    borders = sorted((Border.of(looked_at, value) for value in candidates), key=lambda each: -each.area)
    values = {border.value for border in borders[:_MOST_VALUES] if border.area and border.is_sharp}
    values |= {value for value, _ in first.blank if np.mean(everything == value) < MOST_NEAR}
    sentinels = {value for value in first.outermost if _is_sentinel(everything, value)}
    areas = Gaps(values=tuple(sorted(values - sentinels)), sentinels=tuple(sorted(sentinels)))
    blank = [size for value, size in first.blank if value in values | sentinels]
    constant = replace(areas, sentinels=())
    found = sum(int(np.count_nonzero(constant.areas(plane))) for plane in looked_at) if areas.values else 0
    covered = found * sum(first.suspicious.values()) / max(1, sum(plane.size for plane in looked_at))
    filled = first.size - sum(size for _, size in first.blank)
    covered += filled * float(np.mean(np.isin(everything, areas.sentinels)))
    measured = everything[~np.isin(everything, (*areas.values, *areas.sentinels))]
    if not measured.size:  # two flat values and nothing else: a drawing, in which nothing tells what was measured
        return Gaps()
    low, high, absurd = _absurd(planes, first, measured, areas)
    inside = measured[(measured >= low) & (measured <= high)]
    return replace(
        areas,
        low=low,
        high=high,
        fill=float(inside.mean()),
        share=(sum(blank) + covered) / first.size,
        blank=len(blank),
        absurd=len(absurd),
        example=absurd[0] if absurd else np.nan,
    )


@dataclass(kw_only=True)
class _FirstLook:
    """What one way through all planes tells.

    Attributes:
        size: Number of pixels.
        sampled: Some pixels of each plane that is not blank.
        blank: Value and number of pixels of each plane that is.
        suspects: How many planes hold a value in runs of neighbouring pixels.
        suspicious: Number and size of the planes that do.
        ends: Number of each plane that is not blank, with its lowest and highest pixel.
    """

    size: int = 0
    sampled: list[Plane] = field(default_factory=list)
    blank: list[tuple[float, int]] = field(default_factory=list)
    suspects: Counter[float] = field(default_factory=Counter)
    suspicious: dict[int, int] = field(default_factory=dict)
    ends: list[tuple[int, float, float]] = field(default_factory=list)

    @property
    def outermost(self) -> tuple[float, float]:
        """The lowest and the highest pixel."""
        return min(low for _, low, _ in self.ends), max(high for _, _, high in self.ends)

    @classmethod
    def at(cls, planes: Sequence[Plane]) -> "_FirstLook":
        """Go through planes once."""
        self = cls()
        for number in range(len(planes)):
            self._add(number, planes[number])
        return self

    def _add(self, number: int, plane: Plane) -> None:
        low, high = (float(plane.min()), float(plane.max())) if plane.size else (np.nan, np.nan)
        if not np.isfinite([low, high]).all():
            return  # refused where it is read
        self.size += plane.size
        if low == high:
            self.blank.append((low, plane.size))
            return
        flat = plane.ravel()
        self.sampled.append(flat[:: 1 + flat.size // _MOST_SAMPLED].astype(np.float64))
        self.ends.append((number, low, high))
        found = set(_suspicious_values(plane))
        self.suspects.update(found)
        if found:
            self.suspicious[number] = plane.size


def _absurd(
    planes: Sequence[Plane], first: _FirstLook, measured: Plane, areas: Gaps
) -> tuple[float, float, list[float]]:
    """Return the range beyond which single pixels are absurd, infinite where none is, and some of these pixels."""
    bottom, top = np.quantile(measured, _ENDS)
    spread = (top - bottom) / _SIGMAS_BETWEEN_ENDS
    low, high = float(bottom - FAR * spread), float(top + FAR * spread)
    far = [number for number, least, most in first.ends if least < low or most > high]
    found: list[float] = []
    for number in _spread(far, _MOST_LOOKED_AT) if spread > 0.0 else ():
        plane = planes[number]
        beyond = (plane < low) | (plane > high)
        found.extend(np.asarray(plane[_alone(plane, beyond, areas.areas(plane))], np.float64).tolist())
    if not 0 < len(found) <= max(1.0, MOST_ABSURD * first.size):
        return -np.inf, np.inf, []
    return low, high, found


def _is_sentinel(everything: Plane, value: float) -> bool:
    """Return whether many pixels of a sample have a value that is as far out as an absurd one, with none on the way."""
    rest = everything[everything != value]
    count = everything.size - rest.size
    if not rest.size or count <= MOST_ABSURD * everything.size:
        return False
    ends = np.quantile(rest, _ENDS)
    nearest = float(ends[0] if value < ends[0] else ends[1])
    is_far = abs(value - nearest) > FAR * (ends[1] - ends[0]) / _SIGMAS_BETWEEN_ENDS > 0.0
    on_the_way = np.count_nonzero(np.abs(rest - value) < abs(nearest - value) / 2)
    return bool(is_far and on_the_way <= MOST_ABSURD * count)


def _spread(numbers: Sequence[int], most: int) -> list[int]:
    """Return at most so many of some numbers, evenly spread."""
    return [numbers[int(at)] for at in np.linspace(0, len(numbers) - 1, min(len(numbers), most)).round()]


def _suspicious_values(plane: Plane) -> Iterator[float]:
    """Return values that a plane holds in runs of neighbouring pixels: those of every eighth row, column and pixel."""
    for lines in (plane[::SQUARE], plane[:, ::SQUARE], plane[::SQUARE].T):
        length = min(SQUARE // 2, lines.shape[1])
        whole = lines[:, : lines.shape[1] // length * length]
        runs = whole.reshape(-1, length)
        constant = (runs == runs[:, :1]).all(axis=1)
        if length > 1 and constant.any():
            values, counts = np.unique(runs[constant, 0], return_counts=True)
            order = np.argsort(counts)[::-1][:_MOST_VALUES]
            yield from (float(value) for value in values[order])


def _alone(plane: Plane, beyond: Mask, missing: Mask) -> Mask:
    """Return those pixels of a plane beyond its range that have no high neighbour, other than missing ones."""
    found = np.zeros(plane.shape, dtype=bool)
    height, width = plane.shape
    places = np.argwhere(beyond & ~missing)
    for y, x in places if len(places) <= _MOST_BEYOND else ():
        box = (slice(max(0, y - 1), min(height, y + 2)), slice(max(0, x - 1), min(width, x + 2)))
        around = plane[box].astype(np.float64)
        others = around[~missing[box] & (around != around[y - box[0].start, x - box[1].start])]
        value = float(plane[y, x])
        if others.size and np.abs(others - np.median(others)).max() < STANDS_OUT * abs(value - np.median(others)):
            found[y, x] = True
    return found
