"""A sink that measures the residual of what passes by on its way into a file or an array."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Self

import numpy as np

from quietscope.axes import reorder
from quietscope.errors import SizeError
from quietscope.io.image import Image, Sink
from quietscope.metrics.coverage import Exposure
from quietscope.metrics.region_tests import findings
from quietscope.metrics.residual import ResidualSums
from quietscope.metrics.squares import Cells, measure
from quietscope.metrics.unexplained import NOT_TESTED, Region, Unexplained
from quietscope.metrics.verdict import Effort, Verdict, judge
from quietscope.tiling.bands import ROWS, Band, Bands

JUDGED = ("mean", "map")
"""Kinds of results that a verdict can rest on; the first that there is counts."""

PIXELS_AT_ONCE = 1 << 20
"""Pixels of a channel that are searched together for what noise does not explain: enough to tell what is usual."""


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What was found in a part of an image, or in all of it.

    Attributes:
        channels: Sums over the residual of each channel, by number.
        unexplained: What noise does not explain.
    """

    channels: Mapping[int, ResidualSums]
    unexplained: Unexplained

    def verdict(self, effort: Effort | None = None, *, is_own: bool = True) -> Verdict:
        """Judge what was found, see `quietscope.metrics.verdict.judge`."""
        sums = [self.channels[channel] for channel in sorted(self.channels)]
        squares = int(min((each.sums.get("squares", 0.0) for each in sums), default=0.0))
        return judge([each.figures() for each in sums], effort, is_own=is_own, squares=squares)

    @classmethod
    def joined(cls, parts: Iterable["Judgement"]) -> Self:
        """Return what was found in parts of one image, whose sums were begun with the same pivots."""
        channels, unexplained = dict[int, ResidualSums](), Unexplained()
        for part in parts:
            for channel, sums in part.channels.items():
                channels.setdefault(channel, ResidualSums()).join(sums)
            unexplained = unexplained.joined(part.unexplained)
        return cls(channels=channels, unexplained=unexplained)

    def values(self) -> dict[str, Any]:
        """Return all of it as values that JSON has."""
        sums = {
            str(channel): {name: float(np.nan_to_num(value)) for name, value in each.sums.items()}
            for channel, each in self.channels.items()
        }
        return {"channels": sums, "unexplained": self.unexplained.values()}

    @classmethod
    def of_values(cls, values: Mapping[str, Any]) -> Self:
        """Return what these `values` say."""
        channels = {int(channel): ResidualSums(sums) for channel, sums in values["channels"].items()}
        return cls(channels=channels, unexplained=Unexplained.of_values(values["unexplained"]))


@dataclass(frozen=True)
class _Sums:
    """What is kept of a band: its number and place, and the sums of its cells."""

    number: int
    plane: Mapping[str, int]
    top: int
    cells: Cells


class Judged:
    """Passes blocks of a denoised image on, and compares them with the noisy pixels at their place.

    Blocks are put together to bands of whole rows, `quietscope.tiling.bands`, so that nothing depends on the tiles.
    Bands are read again from the noisy image: memory is that of the rows of a tile, and of the sums of cells of about
    `PIXELS_AT_ONCE` pixels.

    Args:
        image: The noisy image.
        sink: What the blocks are for; None for nothing.
        noise: The noise of each channel; where there is none, it is measured in the residual.
        of_pixels: Pixels of the whole image of which `image` is a part; those of the image itself if None.
        pivots: A typical intensity of each channel; the mean of the first rows where there is none. Parts of one image
            can be put together again where they have the same ones.
    """

    def __init__(
        self,
        image: Image,
        sink: Sink | None = None,
        noise: Sequence[Exposure] = (),
        *,
        of_pixels: int | None = None,
        pivots: Sequence[float] = (),
    ) -> None:
        self._image, self._sink = image, sink
        self._bands = Bands(image.axes, image.shape)
        self._noise = tuple(noise) if len(noise) == self._bands.num_channels else ()
        self._of_pixels = prod(image.shape) if of_pixels is None else of_pixels
        self.channels = {channel: ResidualSums({"pivot": pivot}) for channel, pivot in enumerate(pivots)}
        self.unexplained = Unexplained()
        """What noise does not explain, of all that has passed by."""
        self._together = max(1, PIXELS_AT_ONCE // (min(ROWS, self._bands.sizes["Y"]) * self._bands.sizes["X"]))
        self._begun: dict[tuple[int, int], list[_Sums]] = {}

    def __setitem__(self, key: Any, block: Any, /) -> None:
        """Write a block at integers and slices, one per axis."""
        if self._sink is not None:
            self._sink[key] = block
        for band in self._bands.put(key, np.asarray(block)):
            self._add(band)

    @property
    def judgement(self) -> Judgement:
        """What was found in all that has passed by."""
        return Judgement(channels=self.channels, unexplained=self.unexplained)

    def verdict(self, effort: Effort | None = None, *, is_own: bool = True) -> Verdict:
        """Judge what has passed by, see `quietscope.metrics.verdict.judge`."""
        return self.judgement.verdict(effort, is_own=is_own)

    def _add(self, band: Band) -> None:
        """Compare a band with the noisy pixels; with the last of its part of the image, search that part."""
        kept = "".join(letter for letter in self._image.axes if letter in "YX")
        noisy = reorder(np.asarray(self._image.data[band.key]), kept, "YX")
        self.channels.setdefault(band.channel, ResidualSums()).add(noisy, band.pixels)
        cells = measure(noisy, band.pixels, self._noise[band.channel] if self._noise else None)
        total = self._bands.per_channel
        last = max(1, total // self._together) - 1
        part = min(band.number // self._together, last)
        begun = self._begun.setdefault((band.channel, part), [])
        begun.append(_Sums(band.number, band.plane, band.top, cells))
        if len(begun) == (self._together if part < last else total - last * self._together):
            self._search(band.channel, sorted(self._begun.pop((band.channel, part)), key=lambda each: each.number))

    def _search(self, channel: int, begun: Sequence[_Sums]) -> None:
        """Look for what noise does not explain in a part of a channel."""
        found = []
        for each in findings([sums.cells for sums in begun], self._of_pixels):
            at = begun[each.band]
            found.append(
                Region(
                    plane=at.plane,
                    channel=channel,
                    y=at.top + each.y,
                    x=each.x,
                    side=each.side,
                    kind=each.kind,
                    evidence=each.evidence,
                    size=each.size,
                )
            )
        self.unexplained = self.unexplained.with_more(found, self._of_pixels)


def judging(image: Image, sinks: Mapping[str, Sink], noise: Sequence[Exposure] = ()) -> dict[str, Judged]:
    """Return a judging sink around each of the sinks, by the names of kinds of results, that a verdict can rest on."""
    return {kind: Judged(image, sinks[kind], noise) for kind in JUDGED if kind in sinks}


def verdict_of(judged: Mapping[str, Judged], effort: Effort | None, *, is_own: bool) -> Verdict:
    """Return the verdict of what `judging` returned; where that is nothing, of the training alone."""
    found = [each.verdict(effort, is_own=is_own) for each in judged.values()]
    return found[0] if found else judge((), effort, is_own=is_own)


def unexplained_of(judged: Mapping[str, Judged]) -> Unexplained:
    """Return what noise does not explain of the result that a verdict rests on."""
    return next((each.unexplained for each in judged.values()), NOT_TESTED)


def unexplained_regions(noisy: Image, denoised: Image, noise: Sequence[Exposure] = ()) -> Unexplained:
    """Find the regions of a result that noise does not explain; `quietscope.metrics.unexplained` has the equations.

    Args:
        noisy: The noisy image, (..., Y, X) in any order of axes, intensity units; NaN where nothing was measured.
        denoised: Its result, of the same axes and shape.
        noise: Noise of each channel; where there is none, it is measured in the residual.

    Returns:
        The regions, with their number and the share of the image that they cover.

    Raises:
        SizeError: If the two differ in size.
    """
    if denoised.shape != noisy.shape:
        expected, got = (" x ".join(map(str, each.shape)) for each in (noisy, denoised))
        raise SizeError(f"a result of the size of its noisy image, {expected}", got, "pass the result of that image")
    judged = Judged(noisy, noise=noise)
    sizes = dict(zip(noisy.axes, noisy.shape, strict=True))
    counted = [letter for letter in noisy.axes if letter not in "YX"]
    for place in np.ndindex(*(sizes[letter] for letter in counted)):
        at = dict(zip(counted, map(int, place), strict=True))
        key = tuple(at.get(letter, slice(0, sizes[letter])) for letter in noisy.axes)
        judged[key] = np.asarray(denoised.data[key])
    return judged.unexplained
