"""The step that makes a model's intervals honest, and says how good its results are, without a clean image."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from quietscope.data.mask import NAN
from quietscope.data.measured import as_measured
from quietscope.errors import NoiseError, SizeError
from quietscope.io import Image
from quietscope.metrics.coverage import percent
from quietscope.pipeline.events import Listener, Note, PredictionProgress, ignore, step

if TYPE_CHECKING:
    from quietscope.denoiser import Denoiser

MOST_PARTS, SIDE, DEPTH = 4, 256, 16
"""Parts of the images that are looked at, from the middle of frames that lie evenly, and their size in pixels."""

LEAST_PIXELS = 1 << 16
"""Pixels below which chance alone makes the factor wrong by a tenth."""

SAMPLES = 20


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
    from quietscope.methods.abilities import kinds_of
    from quietscope.model.error_estimate import estimate_alone
    from quietscope.model.honesty import forget_recalibration, widen
    from quietscope.model.trained import noise_in_intensities

    gives = {kind.name for kind in kinds_of(type(denoiser.method))}
    if "std" not in gives or not noise_in_intensities(denoiser):
        return NOTHING_FOUND
    part = _parts(images, denoiser.method.spatial_dims)
    if part is None:
        return NOTHING_FOUND
    forget_recalibration(denoiser)
    what = "intervals"

    def progress(done: int, total: int) -> None:
        events(PredictionProgress(what=what, done=done, total=total))

    try:
        with step(events, "calibrate", what):
            each = estimate_alone(denoiser, part, num_samples=SAMPLES, seed=0, progress=progress)
    except (NoiseError, SizeError) as error:
        events(Note(text=f"intervals are as the model gives them: {error}"))
        return Unaided(intervals="as the model gives them: what they hold cannot be told without a clean image")
    widen(denoiser, tuple(found for found, _ in each))
    held = _of_channels([f"about {percent(found.measured[2])}" for found, _ in each])
    held = f"without it, 90 % intervals would hold {held}"
    psnr = _of_channels([f"{quality.psnr:.1f} ± {quality.psnr_error:.1f} dB" for _, quality in each])
    return Unaided(
        intervals=f"deviations multiplied by {denoiser.spread:.2f}, estimated without a clean image ({held})",
        quality=f"about {psnr}, with the range of the result; estimated without a clean image",
    )


def _of_channels(words: Sequence[str]) -> str:
    """Return what is said of each channel, in one line."""
    if len(words) == 1:
        return words[0]
    return ", ".join(f"{each} in channel {number}" for number, each in enumerate(words, 1))


def _parts(images: Sequence[Image], dims: int) -> Image | None:
    """Return the middle of frames that lie evenly, as one image; None where they are too small."""
    first = images[0].layout(dims)
    size = tuple(min(n, most) for n, most in zip(first.spatial_shape, [DEPTH, SIDE, SIDE][-dims:], strict=True))
    frames = [
        (image, layout, n)
        for image, layout in ((each, each.layout(dims)) for each in map(as_measured, images))
        if all(n >= m for n, m in zip(layout.spatial_shape, size, strict=True))
        for n in range(layout.num_frames)
    ]
    chosen = [frames[round(k)] for k in np.linspace(0, len(frames) - 1, min(MOST_PARTS, len(frames)))]
    if len(chosen) * int(np.prod(size)) < LEAST_PIXELS:
        return None
    planes = []
    for image, layout, n in chosen:
        middle = tuple(slice((a - b) // 2, (a - b) // 2 + b) for a, b in zip(layout.spatial_shape, size, strict=True))
        planes.append(np.asarray(layout.take(image.data, n)[(slice(None), *middle)], np.float32))
    data = np.stack(planes)
    return Image(data, "QCZYX" if dims == 3 else "QCYX", mask=NAN if np.isnan(data).any() else None)
