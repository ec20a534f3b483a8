"""Regions of a result that noise does not explain: what was taken away is no noise there, or something was made up.

Where the result s is the signal, the residual ``w = (x - s) / sigma(s)`` of the noisy image x is noise: mean zero,
variance one, independent of s and, unless the noise is correlated itself, from pixel to pixel. Squares Q of n pixels,
4 to 32 on a side, are tested for that by four numbers, each of which is about standard normal for noise:

* bias, ``sum_Q w / sqrt(n)``: positive where the result is too dark, negative where it is too bright;
* contrast, ``sum_Q w u / sqrt(sum_Q u^2)`` with the fine contrast ``u = (s - mean of s over 5 x 5) / sigma``: positive
  where the result is blurred, negative where it shows what the noisy pixels do not have;
* correlation, ``sum_Q w (w_1 + w_2) / sqrt(2 n)`` with the next two pixels along X or along Y;
* variance, ``(mean_Q w^2 / v - 1) sqrt(n / (k - 1))``, v and k variance and kurtosis of all places as bright.

Noise limits what can be found. A contrast of c deviations on n pixels that fill a square is found by half where
``c sqrt(n)`` is about 5.5 (one image of 512 x 512 pixels); round spots, which no square fits, where
``sqrt(sum c^2)`` is 8 to 10, and wide ones from about 12, see `benchmarks/regions.py`.

What is usual in the image is no finding: each number is divided by its usual spread where that is above one, as it is
for correlated noise, and an axis along which the whole residual is correlated is not judged by its correlation.
Probabilities heed the skewness and the tails of the noise (Pearson's type III distribution), single pixels count up to
5 deviations, and the limit is divided by the number of tests (Bonferroni): in a perfect image of any size 0.003 squares
are found on average.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, Self, TypeAlias

Kind: TypeAlias = Literal["too dark", "too bright", "blurred", "made up", "correlated", "scattered", "noise left"]
"""What is wrong with a square: its mean; fine contrast that is lost, or that the noisy image has not; a residual that
is correlated, or varies more or less than that of places as bright."""

MOST_LISTED = 10_000
"""Squares that are kept with their places, the surest; all are counted."""


@dataclass(frozen=True, kw_only=True)
class Square:
    """A square of a result that noise does not explain.

    Attributes:
        y: First row.
        x: First column.
        side: Side in pixels; the square may reach beyond the image.
        kind: What is wrong with it.
        evidence: Minus the decimal logarithm of the probability that noise alone does as much, such as 7 for one in
            ten million.
        size: How much it is. Of "too dark" and "too bright": mean of the residual in deviations of the noise. Of
            "blurred" and "made up": share of the fine contrast. Of "correlated": the correlation. Of "scattered" and
            "noise left": variance of the residual over that of places as bright.
    """

    y: int
    x: int
    side: int
    kind: Kind
    evidence: float
    size: float


@dataclass(frozen=True, kw_only=True)
class Region(Square):
    """A square of an image that noise does not explain.

    Attributes:
        plane: Index along each axis of the image that is neither a channel nor Y nor X.
        channel: Number of the channel, from 0.
    """

    plane: Mapping[str, int] = field(default_factory=dict)
    channel: int = 0

    def values(self) -> dict[str, Any]:
        """Return all of it as values that JSON has."""
        return {**asdict(self), "evidence": round(self.evidence, 2), "size": round(self.size, 4)}


@dataclass(frozen=True, kw_only=True)
class Unexplained:
    """What of an image noise does not explain.

    Attributes:
        count: Number of squares; no two of them overlap.
        share: Share of the image's area that they cover, 0 to 1.
        kinds: How many there are of each kind.
        regions: The squares, the surest first, at most `MOST_LISTED`.
        is_tested: Whether there were results to be tested.
        searched: Share of the image that was searched, 0 to 1; `share` is that of what was.
    """

    count: int = 0
    share: float = 0.0
    kinds: Mapping[Kind, int] = field(default_factory=dict)
    regions: tuple[Region, ...] = field(default=(), repr=False)
    is_tested: bool = True
    searched: float = 1.0

    def with_more(self, regions: Sequence[Region], num_pixels: int) -> Self:
        """Return it with the findings in a further part of an image of so many pixels."""
        area, kinds = sum(each.side**2 for each in regions), Counter(each.kind for each in regions)
        more = Unexplained(count=len(regions), share=area / max(num_pixels, 1), kinds=kinds, regions=tuple(regions))
        return self.joined(more)

    def joined(self, other: "Unexplained") -> Self:
        """Return it with what was found in another part of the same image, whose share is also that of the image."""
        kinds = Counter(self.kinds)
        kinds.update(other.kinds)
        return replace(
            self,
            count=self.count + other.count,
            share=min(self.share + other.share, 1.0),
            kinds=dict(sorted(kinds.items(), key=lambda each: (-each[1], each[0]))),
            regions=tuple(sorted((*self.regions, *other.regions), key=_order)[:MOST_LISTED]),
        )

    def of_a_part(self, searched: float) -> Self:
        """Return what was found as that of an image of which only a share was searched, above 0 and up to 1."""
        return replace(self, share=min(self.share / searched, 1.0), searched=searched)

    @property
    def words(self) -> str:
        """What was found in one line: ``3, 0.05 % of the image (2 too dark, 1 made up)``."""
        if not self.is_tested:
            return "not looked for, for want of a denoised mean"
        where = (
            "the image"
            if self.searched == 1.0
            else f"the {100.0 * self.searched:.2g} % of the image that were searched"
        )
        if not self.count:
            return "none" if self.searched == 1.0 else f"none in {where}"
        share = max(100.0 * self.share, 0.001)
        digits = max(0, 1 - math.floor(math.log10(share)))
        kinds = ", ".join(f"{number:,} {kind}" for kind, number in self.kinds.items())
        return f"{self.count:,}, {share:.{digits}f} % of {where} ({kinds})"

    def values(self) -> dict[str, Any]:
        """Return all of it as values that JSON has; None where nothing was tested."""
        return {
            "count": self.count if self.is_tested else None,
            "share": self.share,
            "searched": self.searched,
            "kinds": dict(self.kinds),
            "regions": [each.values() for each in self.regions],
        }

    @classmethod
    def of_values(cls, values: Mapping[str, Any]) -> Self:
        """Return what these `values` say."""
        return cls(
            count=values["count"] or 0,
            share=values["share"],
            kinds=dict(values["kinds"]),
            regions=tuple(Region(**each) for each in values["regions"]),
            is_tested=values["count"] is not None,
            searched=values.get("searched", 1.0),  # earlier versions searched all
        )


NOT_TESTED = Unexplained(is_tested=False)


def _order(region: Region) -> tuple[Any, ...]:
    """The surest first; of equals, those that come first in the image."""
    return (-region.evidence, region.channel, *region.plane.values(), region.y, region.x)
