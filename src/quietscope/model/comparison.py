"""A result beside its clean reference, in figures: PSNR, SSIM, and whether its intervals hold what they promise."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING

from quietscope.data.planes import Pair, pairs
from quietscope.io import Image, ImageSource, as_image
from quietscope.metrics import METRICS, MIN_SAMPLES, Calibration, Score, calibration_of_moments, evaluate_pairs, percent
from quietscope.model.shown_result import html_table

if TYPE_CHECKING:
    from quietscope.model.result import Result

NAMES = ("psnr", "ssim")
LEVEL = 0.9


@dataclass(frozen=True, kw_only=True)
class OfChannel:
    """One channel beside its clean reference.

    Attributes:
        name: Its name, or its number from 0.
        before: Score of the noisy image; None where that is not known.
        after: Score of the result.
        calibration: Coverage of the intervals of mean and deviation; None where there is no deviation, or one of fewer
            than 3 samples.
    """

    name: str
    before: Score | None
    after: Score
    calibration: Calibration | None


@dataclass(frozen=True, kw_only=True, repr=False)
class Comparison:
    """A result beside its clean reference; printed, it is a table.

    Attributes:
        channels: The figures of each channel.
    """

    channels: tuple[OfChannel, ...]

    @property
    def psnr(self) -> float:
        """PSNR of the result in dB, over the range of the reference; the mean over planes, then channels."""
        return fmean(each.after["psnr"] for each in self.channels)

    @property
    def ssim(self) -> float:
        """SSIM of the result, at most 1; the mean over planes, then channels."""
        return fmean(each.after["ssim"] for each in self.channels)

    @property
    def coverage(self) -> float | None:
        """Share of the pixels that their 90 % intervals hold, 0 to 1, mean over channels; None without a deviation."""
        found = [_share(each.calibration) for each in self.channels if each.calibration is not None]
        return fmean(found) if found else None

    def __repr__(self) -> str:
        """Return the table as text."""
        lines = [self._heading(), *self._rows()]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)

    def _repr_html_(self) -> str:
        return html_table(self._rows(), self._heading())

    def _heading(self) -> list[str]:
        titles = [METRICS[name].heading for name in NAMES]
        return [*(["channel"] if len(self.channels) > 1 else []), "", *titles, f"{percent(LEVEL)} intervals hold"]

    def _rows(self) -> list[list[str]]:
        return [row for each in self.channels for row in self._rows_of(each)]

    def _rows_of(self, channel: OfChannel) -> Iterator[list[str]]:
        for word, score in (("noisy", channel.before), ("denoised", channel.after)):
            if score is not None:
                held = channel.calibration if word == "denoised" else None
                figures = [METRICS[name].words(score[name]) for name in NAMES]
                name = [channel.name] if len(self.channels) > 1 else []
                yield [*name, word, *figures, "" if held is None else percent(_share(held))]


def compare(
    result: "Result", clean: ImageSource, *, axes: str | None = None, series: int | str | None = None
) -> Comparison:
    """Compare a result with a clean reference, see `quietscope.Result.compare`."""
    names_itself = isinstance(clean, Image | str | os.PathLike)
    reference = as_image(clean, axes if names_itself else axes or result.axes, series)
    count = reference.layout().num_channels
    names = result.channel_names if len(result.channel_names) == count else tuple(map(str, range(count)))
    return Comparison(channels=tuple(_of_channel(result, reference, n, name) for n, name in enumerate(names)))


def _of_channel(result: "Result", clean: Image, channel: int, name: str) -> OfChannel:
    noisy, image = result.noisy, Image(result.image, result.axes)
    return OfChannel(
        name=name,
        before=None if noisy is None else _score(noisy, clean, channel, noisy),
        after=_score(image, clean, channel, noisy),
        calibration=_calibration(result, clean, channel),
    )


def _score(image: Image, clean: Image, channel: int, noisy: Image | None) -> Score:
    chosen = _pairs(image, clean, channel, noisy)
    metrics = {name: METRICS[name] for name in NAMES}
    return evaluate_pairs(((pair.image, pair.clean) for pair in chosen), metrics=metrics)


def _calibration(result: "Result", clean: Image, channel: int) -> Calibration | None:
    if result.std is None or (result.num_samples is not None and result.num_samples < MIN_SAMPLES):
        return None
    mean = Image(result.mean, result.axes)
    judged = _pairs(mean, clean, channel, result.noisy)
    spread = _pairs(replace(mean, data=result.std), clean, channel, result.noisy)
    parts = (
        (one.known(one.image), one.known(other.image), one.known(one.clean))
        for one, other in zip(judged, spread, strict=True)
    )
    return calibration_of_moments(parts, num_samples=result.num_samples)


def _pairs(image: Image, clean: Image, channel: int, noisy: Image | None) -> Iterator[Pair]:
    return (pair for pair in pairs(image, clean, measured=noisy) if pair.channel == channel)


def _share(calibration: Calibration) -> float:
    return calibration.measured[calibration.nominal.index(LEVEL)]
