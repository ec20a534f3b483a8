"""Is a trained model's uncertainty honest? Its intervals are compared with a reference, or judged without one."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.data.by_itself import in_context
from quietscope.data.likeness import of_one_unit
from quietscope.data.look import look_at
from quietscope.data.mask import masked
from quietscope.data.measured import as_measured, only
from quietscope.errors import NoiseError, PixelError, SettingsError, SizeError
from quietscope.io import Image, ImageSource, as_image
from quietscope.io.pixel_check import check_finite
from quietscope.methods.abilities import latents_of
from quietscope.metrics import Calibration, calibration_of_moments
from quietscope.model.denoising import denoise_into
from quietscope.model.error_estimate import judge_alone
from quietscope.model.trained import RecordedModel, TrainedModel, missing_pixels, noise_in_intensities
from quietscope.noise.exposure import exposure_of
from quietscope.tiling.request import Request
from quietscope.tiling.walk import Progress
from quietscope.wording import typed

MIN_SAMPLES = 10
"""A deviation of fewer samples is itself uncertain by more than a quarter."""

Moments = tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]


def recalibrate(
    model: RecordedModel,
    image: ImageSource,
    reference: ImageSource | None = None,
    *,
    num_exposures: int | None = None,
    num_samples: int = 50,
    seed: int = 0,
    axes: str | None = None,
    mask: ImageSource | None = None,
    progress: Progress | None = None,
) -> tuple[Calibration, ...]:
    """Correct the uncertainty: find the factor on the deviation with which 90 % intervals hold 90 %.

    From then on deviations and the quantiles' distances from the median are multiplied by it, and `save` stores it;
    means and samples stay as they are. Use an image that is not to be judged by the result.

    Args:
        model: A trained model that gives a deviation.
        image: A noisy image.
        reference: Its clean reference, or an independent exposure of the same scene; None to judge by the noisy image
            and the model's noise alone, see `quietscope.metrics.error_covariance`.
        num_exposures: None for a clean reference; else how many exposures it is the mean of.
        num_samples: Posterior samples, where the model draws them.
        seed: Seed of the samples.
        axes: Axes of both where they do not name them.
        mask: Where the image was measured, see `quietscope.Denoiser.fit`; the rest is not judged.
        progress: Called with (done, total) posterior samples.

    Returns:
        The coverage of each channel as it was before. One factor serves all: the geometric mean of theirs.

    Raises:
        QuietScopeError: If the images do not fit each other or the model, or the spread cannot be judged.
    """
    noisy, truth = masked(as_image(image, axes), mask), None if reference is None else as_image(reference, axes)
    found = judge(
        model, noisy, truth, num_exposures=num_exposures, num_samples=num_samples, seed=seed, progress=progress
    )
    widen(model, found)
    return found


def widen(model: RecordedModel, found: tuple[Calibration, ...]) -> None:
    """Multiply deviations by what `judge` found, on top of what they are multiplied by already.

    Raises:
        NoiseError: If a channel's spread cannot be judged.
    """
    model.card = replace(model.card, spread_factor=model.spread * spread_factor(found))


def forget_recalibration(model: RecordedModel) -> None:
    """Give deviations and quantiles as the samples have them again."""
    model.card = replace(model.card, spread_factor=1.0)


def judge(
    model: TrainedModel,
    image: Image,
    reference: Image | None,
    *,
    num_exposures: int | None = None,
    num_samples: int = 50,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[Calibration, ...]:
    """Compare the intervals ``mean +- z std`` of an image with a reference.

    Args:
        model: A trained model that gives a deviation.
        image: The noisy image; pixels that were never measured are not judged.
        reference: Its clean reference, or an independent exposure of the same scene.
        num_exposures: None for a clean reference; else how many exposures it is the mean of: the model's noise is then
            folded into the intervals.
        num_samples: Posterior samples, where the model draws them.
        seed: Seed of the samples.
        progress: Called with (done, total) posterior samples.

    Returns:
        One calibration per channel.

    Raises:
        SizeError: If image and reference differ in frames, channels or size.
        NoiseError: If the model has no noise model to fold in, or to do without a reference.
        SettingsError: If the method gives no deviation, or there are too few samples.
        PixelError: If the reference holds NaN or infinite pixels where the image was measured, or cannot be in the
            units of the image.
    """
    draws = check_drawn(model, num_samples)
    if reference is None:
        return judge_alone(model, image, num_samples=num_samples, seed=seed, progress=progress)
    context = model.history.context
    image = in_context(as_measured(image), context)
    reference = in_context(only(as_measured(reference), absurd=True), context)
    dims = model.method.spatial_dims
    layout, truth = image.layout(dims), reference.layout(dims)
    if (layout.num_frames, layout.frame_shape) != (truth.num_frames, truth.frame_shape):
        raise SizeError(
            f"a reference of {layout.num_frames} x {layout.frame_shape}",
            f"{truth.num_frames} x {truth.frame_shape}",
            "pass the reference of this very image",
        )
    _check_units(image, reference)
    noise = noise_in_intensities(model)
    if num_exposures is not None and not noise:
        raise NoiseError("a method with a noise model", model.method.name, "pass a clean reference instead")
    mean, std = np.empty(image.shape, np.float32), np.empty(image.shape, np.float32)
    request = Request(num_samples=num_samples, seed=seed, pairs=0)  # Student's t counts independent samples
    denoise_into(model, image, {"mean": mean, "std": std}, request, progress=progress)

    def parts(channel: int) -> Iterator[Moments]:
        for n in range(layout.num_frames):
            found = (layout.take(mean, n)[channel], layout.take(std, n)[channel])
            gaps = missing_pixels(image, n, channel, dims) | missing_pixels(reference, n, channel, dims)
            true = truth.take(reference.data, n)[channel]
            known = (*found, true) if not gaps.any() else (*(each[~gaps] for each in found), true[~gaps])
            check_finite(known[2], str(reference.path or "the reference"))
            if known[2].size:
                yield known

    return tuple(
        calibration_of_moments(
            parts(channel),
            exposure=None if num_exposures is None else exposure_of(noise[channel], num_exposures, seed + channel),
            num_samples=num_samples if draws else None,
        )
        for channel in range(layout.num_channels)
    )


def check_drawn(model: TrainedModel, num_samples: int) -> bool:
    """Return whether the method draws samples; refuse too few of them for a deviation.

    Raises:
        SettingsError: If there are too few.
    """
    draws = bool(latents_of(model.method))
    if draws and num_samples < MIN_SAMPLES:
        raise SettingsError(f"at least {MIN_SAMPLES} samples", f"{num_samples}", f"pass e.g. `{typed(num_samples=50)}`")
    return draws


def _check_units(image: Image, reference: Image) -> None:
    """Refuse a reference that cannot be in the units of its image: it would widen every interval out of all measure."""
    for seen, true in zip(look_at([image], 2), look_at([reference], 2), strict=True):
        if not of_one_unit(seen, true):
            raise PixelError(
                "a reference in the units of the image",
                f"an image of {seen.words()} and a reference of {true.words()}",
                "bring them to the same units, or pass the reference of this very image",
            )


def spread_factor(found: tuple[Calibration, ...]) -> float:
    """Return the one factor that makes a model's deviations honest: the geometric mean over its channels.

    Args:
        found: One calibration per channel.

    Returns:
        The factor, above zero.

    Raises:
        NoiseError: If a channel's spread cannot be judged.
    """
    factors = [each.spread_factor for each in found]
    for channel, factor in enumerate(factors):
        if not 0.0 < factor < math.inf:
            raise NoiseError(
                "a spread that can be judged",
                f"channel {channel}: {found[channel].describe()}",
                f"pass a clean reference, or the mean of more exposures with `{typed('num_exposures')}`",
            )
    return math.exp(sum(map(math.log, factors)) / len(factors))
