"""``quietscope evaluate``: PSNR and SSIM of an image, by a clean one or another exposure, and whether it is honest."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import numpy.typing as npt
from cyclopts import Parameter
from rich.table import Table

from quietscope.cli.options import Axes, Flag, Group, Mask, Series
from quietscope.cli.pair_reading import read_pair
from quietscope.cli.part_options import NO_PART, PartOptions
from quietscope.cli.screen import Screen
from quietscope.data.planes import Pair, describe_image, pairs, units_notes
from quietscope.errors import NoiseError, QuietScopeError, SettingsError, SizeError
from quietscope.io import Image, read_image
from quietscope.io.part import Part, PartArray
from quietscope.io.pixel_check import check_finite
from quietscope.metrics import (
    METRICS,
    MIN_SAMPLES,
    Calibration,
    Exposure,
    Metric,
    calibration_of_moments,
    calibration_of_samples,
    percent,
)
from quietscope.metrics.second_exposure import PairedSums
from quietscope.metrics.unexplained import Unexplained
from quietscope.report.region_list import COLUMNS, cells_of
from quietscope.tiling.kinds import with_leading

if TYPE_CHECKING:
    from quietscope.noise import NoiseModel

Plane = npt.NDArray[Any]

WHAT_TELLS = "a clean reference would tell it or, with --second, another exposure"
"""Of the PSNR of a result whose noisy image alone is there."""

_NOISY_REFERENCE = (
    "PSNR and SSIM are against a noisy image, the reference being one, and lower than against a clean one"
)

_TAKEN_AS_EXACT = (
    "image and deviation are taken as exact; if they are those of N samples, --num-samples N allows for that, as "
    "`denoise --clean` does"
)

MOST_SHOWN = 20
"""Regions that are listed on the screen; `quietscope denoise` writes all into regions.csv."""


def evaluate(
    denoised: Annotated[Path, Parameter(help="Image to judge.")],
    clean: Annotated[
        Path | None,
        Parameter(
            help="Clean reference; with --noise a second noisy exposure. Not needed with --noisy. Default: none."
        ),
    ] = None,
    /,
    *,
    range: Annotated[
        float | None, Parameter(help="Range of intensities, e.g. 255. Default: of each clean plane, maximum - minimum.")
    ] = None,
    affine: Annotated[bool, Flag, Parameter(help="With CLEAN: also PSNR after the best scale and offset.")] = False,
    std: Annotated[Path | None, Parameter(help="Deviation saved with the image: is it honest? Default: none.")] = None,
    num_samples: Annotated[
        int | None,
        Parameter(
            help="With --std: samples that image and deviation were made of, as `denoise` tells it. "
            "Default: a deviation that is exact."
        ),
    ] = None,
    samples: Annotated[
        Path | None, Parameter(help="Posterior samples saved with the image: are they honest? Default: none.")
    ] = None,
    noise: Annotated[
        str | None,
        Parameter(
            help="Noise of the reference: a noise file or sigma=NUMBER, or one per channel, with commas. "
            "Default: a clean reference."
        ),
    ] = None,
    num_exposures: Annotated[
        int | None, Parameter(help="Exposures that the reference is the mean of, with --noise. Default: 1.")
    ] = None,
    noisy: Annotated[
        Path | None,
        Parameter(
            help="Noisy image that it was made of: which regions of the result does noise not explain? Default: none."
        ),
    ] = None,
    second: Annotated[
        Path | None,
        Parameter(
            help="With --noisy: another exposure of the scene, as noisy. It tells the PSNR without a clean one. "
            "Default: none."
        ),
    ] = None,
    seed: Annotated[int, Parameter(help="Seed of the noise that is added to samples.")] = 0,
    axes: Axes = None,
    series: Series = None,
    mask: Mask = None,
    part: Annotated[PartOptions, Group] = NO_PART,
) -> None:
    """Compare a denoised image with a clean one: PSNR and SSIM of every plane, and their means.

    Metrics of other installed packages stand beside them.
    With --std or --samples also how often the truth lies in the intervals that these promise. A reference that has
    noise of its own, such as a second exposure, or the mean of a few, is made allowance for with --noise.
    With --noisy also the places where what was removed is no noise, or something was made up; CLEAN can then be left
    out: the PSNR of any program's result is estimated without it, or told by --second.
    Of a part, such as --region, all of them are taken; an image that is of that part alone is taken as it is.
    """
    if range is not None and not 0.0 < range < float("inf"):
        raise SettingsError("a range above zero", f"{range:g}", "pass e.g. `--range 255`")
    _check_options(std, samples, noise, num_exposures)
    _check_num_samples(std, num_samples)
    _check_references(clean, noisy, second, std or samples)
    _check_affine(clean, affine=affine)
    screen, wanted = Screen(), part.part
    read = partial(read_pair, axes=axes, series=series, mask=mask, note=screen.note, part=wanted)
    if clean is not None:
        image, reference = read(denoised, clean, is_result=True)
        spread = _open_spread(image, std, samples, num_samples, wanted)
        exposures = _exposures(noise, num_exposures or 1, image.layout().num_channels, seed)
        screen.show(_score_table(image, reference, range, affine))
        for note in (*METRICS.notes(), *units_notes(image, reference)):
            screen.note(note)
        if noise is not None:
            screen.note(_NOISY_REFERENCE)
        if spread is not None:
            _show_coverage(screen, spread, image, reference, exposures)
            if std is not None and num_samples is None:
                screen.show(_TAKEN_AS_EXACT)
    if noisy is not None:
        original, image = read(noisy, denoised)
        again = None if second is None else read(second, denoised)[0]
        _show_regions(screen, original, image)
        if clean is None or again is not None:
            for line in _psnr_lines(original, image, again, range):
                screen.show(line)


def _check_affine(clean: Path | None, *, affine: bool) -> None:
    if affine and clean is None:
        raise SettingsError("a clean reference with --affine", "none", "name one after the image, or leave it out")


def _show_coverage(
    screen: Screen, spread: "_Spread", image: Image, reference: Image, exposures: list[Exposure | None]
) -> None:
    """Show how often the reference lies in the intervals, channel by channel."""
    for channel, exposure in enumerate(exposures):
        found = spread.judge(image, reference, channel, exposure)
        screen.show(_coverage_table(found, channel if len(exposures) > 1 else None))
        screen.show(found.describe())


def _show_regions(screen: Screen, original: Image, image: Image) -> None:
    """Show what of the result noise does not explain: how much, and the surest places."""
    from quietscope.tiling.judged import unexplained_regions

    found = unexplained_regions(original, image)
    if found.count:
        screen.show(_region_table(found))
    screen.show(f"regions that noise does not explain: {found.words}")


def _psnr_lines(original: Image, image: Image, again: Image | None, range: float | None) -> Iterator[str]:
    """Yield the PSNR of every channel without a clean reference, or why it is not told."""
    from quietscope.pipeline.unaided import psnr_unaided

    if again is None:
        why: list[str] = []
        told = psnr_unaided(original, image, range, why.append)
        for channel, words in enumerate(told):
            yield f"PSNR{_of(channel, len(told))}, estimated by `instant`, without a clean image: {words}"
        if not told:
            yield f"PSNR: not told: {'; '.join(why)}; {WHAT_TELLS}"
        return
    layout = again.layout()
    if (layout.num_frames, layout.frame_shape) != (original.layout().num_frames, original.layout().frame_shape):
        raise SizeError(
            f"a second exposure like {describe_image(original)}", describe_image(again), "pass one of the same scene"
        )
    sums: defaultdict[int, PairedSums] = defaultdict(PairedSums)
    for pair in pairs(original, image):
        other = layout.take(again.data, pair.frame)[pair.channel]
        if (other == pair.image).all():
            fix = "pass another exposure of the same scene"
            raise SettingsError("a second exposure, with noise of its own", "the noisy image itself", fix)
        sums[pair.channel].add(pair.clean, pair.image, other)
    for channel, each in sums.items():
        yield f"PSNR{_of(channel, len(sums))}, by the second exposure: {each.result().words(range)}"


def _of(channel: int, num_channels: int) -> str:
    return f" of channel {channel}" if num_channels > 1 else ""


def _region_table(found: Unexplained) -> Table:
    number = min(len(found.regions), MOST_SHOWN)
    title = f"not explained by noise, the surest {number}" if number < found.count else "not explained by noise"
    table = Table(title=title, title_justify="left")
    for name in COLUMNS:
        table.add_column(name, justify="left" if name == "kind" else "right")
    for region in found.regions[:number]:
        table.add_row(*cells_of(region))
    return table


def _check_references(clean: Path | None, noisy: Path | None, second: Path | None, spread: Path | None) -> None:
    if clean is None and noisy is None:
        raise SettingsError("a clean reference or --noisy", "neither", "name one after the image that is to be judged")
    if clean is None and spread is not None:
        raise SettingsError("a clean reference with --std or --samples", "none", "name one after the image")
    if second is not None and noisy is None:
        raise SettingsError("--noisy with --second", "no --noisy", "name the exposure that the image was made of")


def _check_options(std: Path | None, samples: Path | None, noise: str | None, num_exposures: int | None) -> None:
    if std is not None and samples is not None:
        raise SettingsError("--std or --samples", "both", "leave one out")
    if num_exposures is not None and noise is None:
        raise SettingsError("--noise with --num-exposures", "no --noise", "name the noise file of one exposure")
    if num_exposures is not None and num_exposures < 1:
        raise SettingsError("at least one exposure", f"{num_exposures}", "pass e.g. `--num-exposures 2`")
    if noise is not None and std is None and samples is None:
        raise SettingsError("--std or --samples with --noise", "neither", "pass e.g. `--std NAME_std.ome.tif`")


def _check_num_samples(std: Path | None, num_samples: int | None) -> None:
    if num_samples is None:
        return
    if std is None:
        raise SettingsError("--std with --num-samples", "no --std", "pass e.g. `--std NAME_std.ome.tif`")
    if num_samples < MIN_SAMPLES:
        raise SettingsError(f"at least {MIN_SAMPLES} samples", f"{num_samples}", "pass e.g. `--num-samples 50`")


def _score_table(image: Image, reference: Image, range: float | None, affine: bool) -> Table:
    metrics = [metric for name, metric in METRICS.items() if affine or name != "psnr_affine"]
    table = Table()
    for name in ("frame", "channel", *(metric.heading for metric in metrics)):
        table.add_column(name, justify="right")
    values: list[list[float]] = []
    for pair in pairs(image, reference):
        values.append([metric.compute(pair.image, pair.clean, range) for metric in metrics])
        table.add_row(str(pair.frame), str(pair.channel), *_words(values[-1], metrics))
    table.add_section()
    table.add_row("mean", "", *_words([fmean(column) for column in zip(*values, strict=True)], metrics))
    return table


def _words(values: list[float], metrics: list[Metric]) -> list[str]:
    return [metric.words(value) for value, metric in zip(values, metrics, strict=True)]


def _coverage_table(found: Calibration, channel: int | None) -> Table:
    where = "" if channel is None else f" of channel {channel}"
    table = Table(title=f"coverage of the intervals{where}", title_justify="left")
    table.add_column("nominal", justify="right")
    table.add_column("measured", justify="right")
    for nominal, measured in zip(found.nominal, found.measured, strict=True):
        table.add_row(percent(nominal), f"{100.0 * measured:.1f} %")
    return table


@dataclass(frozen=True)
class _Spread:
    """How sure the image says it is: a deviation for every pixel, or samples along the first axis."""

    file: Image
    is_samples: bool
    num_samples: int | None

    def judge(self, image: Image, reference: Image, channel: int, exposure: Exposure | None) -> Calibration:
        """Return the coverage over all frames of one channel."""
        chosen = (pair for pair in pairs(image, reference) if pair.channel == channel)
        if self.is_samples:
            num_frames = image.layout().num_frames
            parts = ((self._planes(pair, num_frames), pair.known(pair.clean)) for pair in chosen)
            return calibration_of_samples(parts, exposure=exposure)
        return calibration_of_moments(
            (
                (pair.known(pair.image), self._plane(pair.frame, channel, pair), pair.known(pair.clean))
                for pair in chosen
            ),
            exposure=exposure,
            num_samples=self.num_samples,
        )

    def _planes(self, pair: Pair, num_frames: int) -> Iterator[Plane]:
        # The leading axis of samples counts slowest.
        numbers = (k * num_frames + pair.frame for k in range(self.file.shape[0]))
        return (self._plane(number, pair.channel, pair) for number in numbers)

    def _plane(self, frame: int, channel: int, pair: Pair) -> Plane:
        plane = pair.known(self.file.layout().take(self.file.data, frame)[channel])
        check_finite(plane, str(self.file.path))
        return plane


def _open_spread(
    image: Image, std: Path | None, samples: Path | None, num_samples: int | None, part: Part
) -> _Spread | None:
    """Open the deviation or the samples by the axes of their image, once they are known to fit it.

    Raises:
        SizeError: If they do not fit the image, or there are too few samples.
    """
    path = std if samples is None else samples
    if path is None:
        return None
    free = "" if samples is None else with_leading(image.axes)[0]
    try:
        file = _of_part(read_image(path, free + image.axes), image, part)
        fits = file.shape[len(free) :] == image.shape
    except QuietScopeError:
        file = read_image(path, None)  # raises where the file itself is the trouble, and not its axes
        fits = False
    if free and (file.shape == image.shape or (fits and file.shape[0] < MIN_SAMPLES)):
        # Formats may drop an axis of length one: a single sample is then like the image itself.
        raise SizeError(
            f"at least {MIN_SAMPLES} samples of the image, along the first axis",
            f"{path}: {describe_image(file)}",
            "save more, e.g. `--samples 50 --save samples`",
        )
    if not fits:
        what = "samples, then the axes of the image," if free else "a deviation like the image,"
        raise SizeError(
            f"{what} {describe_image(image)}", f"{path}: {describe_image(file)}", "pass the file saved with that image"
        )
    return _Spread(file, bool(free), num_samples)


def _of_part(file: Image, image: Image, part: Part) -> Image:
    """Return a part of a deviation, or of each of some samples, unless it is of the size of its image already."""
    count = file.ndim - image.ndim
    if part.is_whole or file.shape[count:] == image.shape:
        return file
    like = Image(np.broadcast_to(np.uint8(0), file.shape[count:]), image.axes, channel_names=file.channel_names)
    places = [*map(range, file.shape[:count]), *part.places(like)]
    return replace(file, data=PartArray(file.data, places))


def _exposures(text: str | None, num_exposures: int, num_channels: int, seed: int) -> list[Exposure | None]:
    """Return the noise of the reference channel by channel; None for a clean one."""
    if text is None:
        return [None] * num_channels
    words = text.split(",")
    if len(words) not in (1, num_channels):
        raise NoiseError(
            f"one noise model, or one for each of {num_channels} channels", f"{len(words)}", "separate them by commas"
        )
    from quietscope.noise.exposure import exposure_of

    models = [_load(word) for word in words] * (num_channels // len(words))
    return [exposure_of(model, num_exposures, seed + channel) for channel, model in enumerate(models)]


def _load(word: str) -> "NoiseModel":
    from quietscope.noise import Gaussian
    from quietscope.noise.noise_file import load_noise_model
    from quietscope.noise.noise_spec import NoiseFile, SigmaNoise, parse_noise_spec

    spec = parse_noise_spec(word)
    if isinstance(spec, SigmaNoise):
        return Gaussian(spec.sigma)
    if isinstance(spec, NoiseFile):
        return load_noise_model(spec.path)
    raise NoiseError("a noise file or sigma=NUMBER", repr(word), "make one with `quietscope noise estimate`")
