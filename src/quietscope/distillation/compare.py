"""Comparison of a direct denoiser with its teacher: how close its images are, and how much faster it is."""

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from quietscope.data.by_itself import for_model, in_context, in_units
from quietscope.data.frames import Frames
from quietscope.data.mask import NAN
from quietscope.data.measured import as_measured
from quietscope.data.scaled import OwnUnits
from quietscope.data.split import split_measured
from quietscope.errors import PixelError, SettingsError, SizeError
from quietscope.io import Image, ImageSource, as_images
from quietscope.io.pixel_check import check_finite
from quietscope.methods.base import PosteriorMethod
from quietscope.methods.direct import DirectDenoiser
from quietscope.metrics import psnr
from quietscope.model.denoising import Options, denoise
from quietscope.model.trained import RecordedModel, TrainedModel, remember
from quietscope.tiling.walk import Progress
from quietscope.wording import typed

MOST_JUDGED = 2
"""Largest number of frames that are compared."""
JUDGED_SIDE, JUDGED_DEPTH = 512, 16
"""Largest part of a frame that is compared, in pixels of Y and X and of Z; drawing a hundred samples of more pixels
takes too long."""
REPEATS = 3

Frame = npt.NDArray[np.generic]
Made = TypeVar("Made")


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Results of a direct denoiser and its teacher's samples; all figures are means over frames and channels.

    Attributes:
        centre: "mean" or "median".
        num_samples: Number of samples that the teacher's mean or median is computed from; 0 for its one image.
        size: Size of the compared frames, (*S), in pixels.
        psnr_to_samples: PSNR of the direct estimate against the samples' mean or median, in dB; its intensity range is
            that of the mean or median.
        psnr_of_samples: PSNR that the mean or median of as many independent samples would have against that of
            infinitely many samples, in dB. If `psnr_to_samples` is higher, the difference has no meaning. Infinite for
            the one image of a teacher.
        seconds: Time per frame of the direct estimate, median of three runs.
        seconds_of_samples: Time per frame of the samples.
        psnr_clean: PSNR of the direct estimate against the clean reference, in dB; None without a reference.
        psnr_clean_of_samples: PSNR of the samples' mean or median against the clean reference, in dB.
    """

    centre: str
    num_samples: int
    size: tuple[int, ...]
    psnr_to_samples: float
    psnr_of_samples: float
    seconds: float
    seconds_of_samples: float
    psnr_clean: float | None = None
    psnr_clean_of_samples: float | None = None

    @property
    def speed_up(self) -> float:
        """How many times faster the direct estimate is."""
        return self.seconds_of_samples / self.seconds

    def numbers(self) -> dict[str, float]:
        """Return the finite figures by name, for the model's card."""
        values = {
            "samples_compared_with": float(self.num_samples),
            "psnr_to_samples": self.psnr_to_samples,
            "psnr_clean": self.psnr_clean,
            "psnr_clean_of_samples": self.psnr_clean_of_samples,
            "seconds_per_frame": self.seconds,
            "seconds_per_frame_of_samples": self.seconds_of_samples,
        }
        return {name: round(value, 4) for name, value in values.items() if value is not None and np.isfinite(value)}

    def lines(self) -> list[str]:
        """Return the comparison as a few lines of text."""
        yardstick = f"{self.centre} of {self.num_samples} samples" if self.num_samples else "image of its teacher"
        size = " x ".join(map(str, self.size))
        best = f" (a perfect direct denoiser would reach about {self.psnr_of_samples:.2f} dB)"
        lines = [
            f"direct against the {yardstick}: {self.psnr_to_samples:.2f} dB{best if self.num_samples else ''}",
            f"time per frame of {size}: {self.seconds:.3g} s instead of {self.seconds_of_samples:.3g} s, "
            f"{self.speed_up:.0f} times faster",
        ]
        if self.psnr_clean is not None and self.psnr_clean_of_samples is not None:
            lines.append(
                f"against the clean reference: direct {self.psnr_clean:.2f} dB, {yardstick} "
                f"{self.psnr_clean_of_samples:.2f} dB ({self.psnr_clean - self.psnr_clean_of_samples:+.2f} dB)"
            )
        return lines


def compare(
    teacher: TrainedModel,
    direct: RecordedModel,
    images: ImageSource | Sequence[ImageSource],
    clean: ImageSource | Sequence[ImageSource] | None = None,
    *,
    axes: str | None = None,
    num_samples: int = 100,
    progress: Progress | None = None,
) -> Comparison:
    """Compare a direct denoiser with its teacher's samples in quality and time, and add the figures to its card.

    Args:
        teacher: The model that the direct denoiser learnt from.
        direct: The direct denoiser.
        images: Noisy images; the comparison uses 512 x 512 pixels (16 slices of a volume) of two frames that were held
            out from training.
        clean: Clean references of the images.
        axes: Axes of images and references, for files that do not name their axes.
        num_samples: Number of samples for the teacher's mean or median, at least 2; a teacher that gives one image is
            compared with as it is.
        progress: Called with (done, total) posterior samples, counted over all frames.

    Returns:
        The comparison.

    Raises:
        QuietScopeError: If the images do not fit each other or the models, nothing of them was measured, or there are
            fewer than two samples.
    """
    assert isinstance(direct.method, DirectDenoiser)
    check_num_samples(num_samples)
    centre, dims, seed = direct.method.settings.loss, direct.method.spatial_dims, direct.card.configuration.seed
    context = teacher.history.context
    opened = [for_model(image, teacher.history.normalize, context) for image in as_images(images, axes)]
    noisy, recorded = Frames.of(opened, dims), Frames.of(opened, dims).in_intensities
    truth = None if clean is None else Frames.of([in_context(each, context) for each in as_images(clean, axes)], dims)
    if truth is not None:
        _check_frames(noisy, truth)
    judged = split_measured(noisy, seed)[1][:MOST_JUDGED]
    if not judged:
        raise PixelError("images of which some pixel was measured", "none", "pass other images")
    rows = []
    for number, n in enumerate(judged):
        box = _middle(noisy.spatial_shape(n))
        told = None if progress is None else _part(progress, number, len(judged))
        image = _seen(recorded.region(n, box), noisy.units(n))
        against = _Yardstick.draw(teacher, image, centre, num_samples, seed, told)
        rows.append(against.judge(direct, None if truth is None else truth.region(n, box)))
    size = tuple(part.stop - part.start for part in _middle(noisy.spatial_shape(judged[0])))
    means = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    drawn = num_samples if isinstance(teacher.method, PosteriorMethod) else 0
    found = Comparison(centre=centre, num_samples=drawn, size=size, **means)
    remember(direct, found.numbers())
    return found


def check_num_samples(num_samples: int) -> None:
    """Refuse to compare with too few samples.

    Raises:
        SettingsError: If there are fewer than two.
    """
    if num_samples < 2:
        raise SettingsError(
            "at least two samples to compare with", f"{num_samples}", f"pass e.g. `{typed(num_samples=100)}`"
        )


def check_alike(noisy: Sequence[Image], clean: Sequence[Image], spatial_dims: int) -> None:
    """Refuse clean references that do not fit the noisy images.

    Args:
        noisy: Noisy images.
        clean: Clean references of the images.
        spatial_dims: 2 for planes, 3 for volumes.

    Raises:
        SizeError: If images and references differ in number or size of frames, or in channels.
    """
    _check_frames(*(Frames.of(images, spatial_dims) for images in (noisy, clean)))


def _check_frames(noisy: Frames, clean: Frames) -> None:
    one, other = (_shapes(frames) for frames in (noisy, clean))
    if one != other:
        raise SizeError(
            f"clean references with the shape of the images: {len(one)} frames, the first of shape {one[0]}",
            f"{len(other)} frames, the first of shape {other[0]}",
            "pass one clean reference for each image, in the same order",
        )


@dataclass(frozen=True, kw_only=True)
class _Yardstick:
    """A teacher's result for one frame (C, *S): the estimate, the estimate's variance, and the time in seconds."""

    image: Image
    estimate: Frame
    variance: Frame
    seconds: float

    @classmethod
    def draw(
        cls, teacher: TrainedModel, image: Image, centre: str, num_samples: int, seed: int, progress: Progress | None
    ) -> "_Yardstick":
        quantiles = (0.5,) if centre == "median" else None
        options = Options(num_samples=num_samples, pairs=0, seed=seed, quantiles=quantiles, progress=progress)
        result, seconds = _timed(lambda: denoise(teacher, image, **options))
        if not isinstance(teacher.method, PosteriorMethod):
            return cls(image=image, estimate=result.mean, variance=np.zeros_like(result.mean), seconds=seconds)
        assert result.std is not None, "a teacher samples"
        variance = np.square(result.std / teacher.spread) / num_samples
        variance = np.where(np.isnan(np.asarray(image)), np.nan, variance)
        if result.quantiles is None:
            return cls(image=image, estimate=result.mean, variance=variance, seconds=seconds)
        # The variance of the median of many normal numbers is pi / 2 times the variance of their mean.
        return cls(image=image, estimate=result.quantiles[0], variance=np.pi / 2 * variance, seconds=seconds)

    def judge(self, direct: TrainedModel, clean: Frame | None) -> dict[str, float]:
        runs = [_timed(lambda: denoise(direct, self.image).mean) for _ in range(1 + REPEATS)]
        image = runs[0][0]
        peak = np.square([np.nanmax(channel) - np.nanmin(channel) for channel in self.estimate])
        noise = np.maximum([np.nanmean(channel) for channel in self.variance], np.finfo(np.float64).tiny)
        if clean is not None:
            check_finite(clean[~np.isnan(np.asarray(self.image))], "the clean reference")
        row = {
            "psnr_to_samples": _psnr(image, self.estimate),
            "psnr_of_samples": float(np.mean(10 * np.log10(peak / noise))) if self.variance.any() else math.inf,
            "seconds": statistics.median(seconds for _, seconds in runs[1:]),
            "seconds_of_samples": self.seconds,
        }
        if clean is None:
            return row
        return {
            **row,
            "psnr_clean": _psnr(image, clean),
            "psnr_clean_of_samples": _psnr(self.estimate, clean),
        }


def _seen(frame: Frame, units: OwnUnits | None) -> Image:
    """Return a part of a frame as an image: NaN where nothing was measured, in the units of the whole if it has any."""
    axes = "CZYX" if frame.ndim == 4 else "CYX"
    image = as_measured(Image(frame, axes, mask=NAN if np.isnan(frame).any() else None))
    return image if units is None else in_units(image, units)


def _psnr(image: Frame, truth: Frame) -> float:
    return float(np.mean([psnr(one, other) for one, other in zip(image, truth, strict=True)]))


def _timed(make: Callable[[], Made]) -> tuple[Made, float]:
    started = time.perf_counter()
    made = make()
    return made, time.perf_counter() - started


def _middle(size: Sequence[int]) -> tuple[slice, ...]:
    sides = [min(n, JUDGED_SIDE) for n in size[-2:]]
    lengths = [*(min(n, JUDGED_DEPTH) for n in size[:-2]), *sides]
    return tuple(slice((n - length) // 2, (n - length) // 2 + length) for n, length in zip(size, lengths, strict=True))


def _part(progress: Progress, number: int, total: int) -> Progress:
    return lambda done, most: progress(number * most + done, total * most)


def _shapes(frames: Frames) -> list[tuple[int, ...]]:
    return [(frames.num_channels, *frames.spatial_shape(n)) for n in range(len(frames))]
