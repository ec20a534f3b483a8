"""The step that makes a model's intervals honest, and says how good its results are, without a clean image."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from quietscope.errors import NoiseError, PixelError, SizeError
from quietscope.io import Image
from quietscope.metrics.coverage import Calibration, percent
from quietscope.pipeline.events import Listener, Note, PredictionProgress, ignore, step
from quietscope.pipeline.opinion import second_opinion
from quietscope.pipeline.parts import parts_of
from quietscope.tiling.walk import Progress

if TYPE_CHECKING:
    from quietscope.data.preparation import Notify
    from quietscope.denoiser import Denoiser
    from quietscope.methods.base import Method
    from quietscope.model.error_estimate import EstimatedQuality

MOST_PARTS, SIDE, DEPTH = 4, 256, 16
"""Parts of the images that are looked at, and their size in pixels."""

LEAST_PIXELS = 1 << 16
"""Pixels below which chance alone makes the factor wrong by a tenth."""

SAMPLES = 20
SYSTEMATIC = 0.5
"""What an estimated PSNR is usually off by, beside chance, in dB; see `benchmarks/second_opinion.py`."""


@dataclass(frozen=True, kw_only=True)
class Unaided:
    """What was found of a model without a clean image, in words; empty where nothing was.

    Attributes:
        intervals: What was done about the deviation.
        quality: How good the result is.
    """

    intervals: str = ""
    quality: str = ""


NOTHING_FOUND = Unaided()


def judge_unaided(denoiser: "Denoiser", images: Sequence[Image], events: Listener = ignore) -> Unaided:
    """Make the intervals of a model hold what they promise, as far as noisy images tell.

    The factor goes into the model. Where an estimate is not to be believed, the deviation stays as it is.

    Args:
        denoiser: A trained model. Of several channels each is judged by itself, and one factor serves all, as for
            `Denoiser.recalibrate`.
        images: The noisy images that it has learnt from.
        events: Told how it stands.

    Returns:
        What was found.
    """
    from quietscope.model.honesty import check_drawn, forget_recalibration, widen

    if not is_judged_unaided(denoiser.method):
        return NOTHING_FOUND
    dims, context = denoiser.method.spatial_dims, denoiser.history.context
    part = parts_of(images, dims, [DEPTH, SIDE, SIDE][-dims:], MOST_PARTS, context)
    if np.prod(part.shape) < LEAST_PIXELS * part.layout(dims).num_channels:
        return NOTHING_FOUND
    forget_recalibration(denoiser)
    what = "intervals"

    def progress(done: int, total: int) -> None:
        events(PredictionProgress(what=what, done=done, total=total))

    try:
        with step(events, "calibrate", what):
            found = estimate_unaided(denoiser, images, part, num_samples=SAMPLES, progress=progress)
        if found is None:
            return NOTHING_FOUND
        each, judge = found
        widen(denoiser, tuple(found for found, _ in each))
    except (NoiseError, SizeError, PixelError) as error:
        events(Note(text=f"intervals are as the model gives them: {error}"))
        return Unaided(intervals="as the model gives them: what they hold cannot be told without a clean image")
    held = _of_channels([f"about {percent(found.measured[2])}" for found, _ in each])
    held = f"without it, 90 % intervals would hold {held}"
    psnr = _of_channels([_decibel(quality) for _, quality in each])
    drawn = f", from {SAMPLES} samples" if check_drawn(denoiser, SAMPLES) else ""
    return Unaided(
        intervals=f"deviations multiplied by {denoiser.spread:.2f}, estimated {judge} ({held})",
        quality=f"about {psnr}; estimated {judge}{drawn}{_where(images, part, dims)}",
    )


def _where(images: Sequence[Image], part: Image, dims: int) -> str:
    """Say that it is parts of the images that were looked at, where it is not all of them."""
    if sum(int(np.prod(each.shape)) for each in images) == int(np.prod(part.shape)):
        return ""
    layout = part.layout(dims)
    size = " x ".join(map(str, layout.spatial_shape))
    return f", on {layout.num_frames} part{'s' * (layout.num_frames != 1)} of {size} pixels"


def _decibel(quality: "EstimatedQuality") -> str:
    error = math.hypot(quality.psnr_error, SYSTEMATIC)
    return f"{quality.psnr:.1f} ± {error:.1f} dB with a range of {quality.data_range:.4g}"


def estimate_unaided(
    denoiser: "Denoiser",
    images: Sequence[Image],
    part: Image,
    *,
    num_samples: int,
    seed: int = 0,
    progress: Progress | None = None,
) -> "tuple[Sequence[tuple[Calibration, EstimatedQuality]], str] | None":
    """Judge a model by the method that comes trained, or else by what residuals have in common.

    Args:
        denoiser: A trained model.
        images: The noisy images that the method which comes trained is fitted to.
        part: The image that is judged.
        num_samples: Posterior samples, where the model draws them.
        seed: Seed of the samples.
        progress: Called with (done, total) posterior samples.

    Returns:
        What was found for each channel, and by what, in words; None where neither is possible, or the method gives no
        deviation.

    Raises:
        NoiseError: If what was found is not to be believed.
        SettingsError: If there are too few samples.
    """
    from quietscope.model.error_estimate import estimate_alone
    from quietscope.model.judge_by import judge_by
    from quietscope.model.trained import noise_in_intensities

    if not _gives_deviation(denoiser.method):
        return None
    second = second_opinion(denoiser.configuration, images, denoiser.device)
    if second is not None:
        found = judge_by(denoiser, second, part, num_samples=num_samples, seed=seed, progress=progress)
        return found, f"by `{second.method.name}`, without a clean image"
    if not noise_in_intensities(denoiser):
        return None
    return estimate_alone(
        denoiser, part, num_samples=num_samples, seed=seed, progress=progress
    ), "without a clean image"


def psnr_unaided(
    original: Image, result: Image, data_range: float | None = None, tell_why: "Notify | None" = None
) -> tuple[str, ...]:
    """Tell the PSNR of a result, whatever program made it, by the method that comes trained.

    Args:
        original: The noisy image.
        result: What was made of it, of the same axes and shape.
        data_range: Range of intensities for the PSNR; that of what the method gives if None.
        tell_why: Called with the reason where there is no estimate.

    Returns:
        One estimate per channel, in words; none where that method does not suit the noise.
    """
    from quietscope.model.judge_by import quality_by
    from quietscope.presets import Configuration

    second = second_opinion(Configuration(), [original], tell_why=tell_why)
    if second is None:
        return ()
    noisy, judged = (parts_of([each], 2, (SIDE, SIDE), MOST_PARTS) for each in (original, result))
    return tuple(map(_decibel, quality_by(second, noisy, judged, data_range)))


def is_judged_unaided(method: "Method") -> bool:
    """Whether intervals of a method are made honest: it gives a deviation, and does not come trained itself."""
    from quietscope.methods.pretrained import PretrainedMethod

    return _gives_deviation(method) and not isinstance(method, PretrainedMethod)


def _gives_deviation(method: "Method") -> bool:
    from quietscope.methods.abilities import kinds_of

    return "std" in {kind.name for kind in kinds_of(type(method))}


def _of_channels(words: Sequence[str]) -> str:
    """Return what is said of each channel, in one line."""
    if len(words) == 1:
        return words[0]
    return ", ".join(f"{each} in channel {number}" for number, each in enumerate(words, 1))
