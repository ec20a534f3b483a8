"""How good a trained model's results are by a second opinion: another trained model that knows its own error."""

from dataclasses import dataclass

import numpy as np

from quietscope.data.by_itself import in_context
from quietscope.data.measured import as_measured
from quietscope.errors import NoiseError
from quietscope.io import Image
from quietscope.metrics import Calibration
from quietscope.metrics.error_covariance import calibration_of_error
from quietscope.metrics.psnr import range_of
from quietscope.metrics.second_opinion import OpinionSums
from quietscope.model.denoising import denoise_into
from quietscope.model.error_estimate import EstimatedQuality
from quietscope.model.honesty import check_drawn
from quietscope.model.trained import Pixels, TrainedModel, missing_pixels
from quietscope.tiling.request import DEFAULT_REQUEST, Request
from quietscope.tiling.walk import Progress

MOST_UNEVEN = 10.0
"""Factor for 90 % intervals, over that for the mean square, beyond which neither is of use; 1 for normal errors. The
latter is taken: where much of an image is dark and flat, the former follows how far a width is overrated there."""


@dataclass(frozen=True, kw_only=True)
class Opinion:
    """What a method gives for an image: its mean and the deviation of that, in the image's axis order."""

    mean: Pixels
    std: Pixels

    @classmethod
    def of(cls, model: TrainedModel, image: Image, request: Request, progress: Progress | None = None) -> "Opinion":
        """Denoise an image.

        Args:
            model: A trained model that gives a deviation.
            image: The noisy image.
            request: How to predict.
            progress: Called with (done, total) posterior samples.

        Returns:
            What it gives.

        Raises:
            QuietScopeError: If the image does not fit the model, or the method gives no deviation.
        """
        found = cls(mean=np.empty(image.shape, np.float32), std=np.empty(image.shape, np.float32))
        denoise_into(model, image, {"mean": found.mean, "std": found.std}, request, progress=progress)
        return found


def judge_by(
    model: TrainedModel,
    other: TrainedModel,
    image: Image,
    *,
    num_samples: int,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[tuple[Calibration, EstimatedQuality], ...]:
    """Estimate what a model's intervals cover and how good its mean is, by what another model says of the signal.

    Args:
        model: A trained model that gives a deviation.
        other: Another one that does, whose deviation is that of its error.
        image: A noisy image; its layout is that of the model.
        num_samples: Independent posterior samples, where the model draws them.
        seed: Seed of the samples.
        progress: Called with (done, total) posterior samples of the model.

    Returns:
        One pair per channel; the PSNR is told by the range of intensities that the other model gives.

    Raises:
        NoiseError: If no one factor makes the deviations honest.
        SettingsError: If a method gives no deviation, or there are too few samples.
        QuietScopeError: If the image fits one of the models not.
    """
    image = in_context(as_measured(image), model.history.context)
    dims = model.method.spatial_dims
    drawn = num_samples if check_drawn(model, num_samples) else None
    own = Opinion.of(model, image, Request(num_samples=num_samples, seed=seed, pairs=0), progress)
    second = Opinion.of(other, in_context(image, other.history.context), DEFAULT_REQUEST)
    found = []
    for channel in range(image.layout(dims).num_channels):
        sums = OpinionSums(drawn)
        _add(sums, image, channel, dims, own, second)
        error = sums.error()
        calibration = calibration_of_error(error, num_samples=drawn)
        if sums.calibration().spread_factor > MOST_UNEVEN * calibration.spread_factor:
            raise NoiseError(
                "deviations that one factor makes honest",
                f"channel {channel}: next to none where the result is wrong, large ones elsewhere",
                "train longer, or take another method",
            )
        found.append((calibration, EstimatedQuality.of(error, _range(second, image, channel))))
    return tuple(found)


def quality_by(
    other: TrainedModel, image: Image, result: Image, data_range: float | None = None
) -> tuple[EstimatedQuality, ...]:
    """Estimate how good a result is by what a model says of the signal.

    Args:
        other: A trained model of planes whose deviation is that of its error.
        image: A noisy image.
        result: What was made of it, whatever made it, of the same axes and shape; NaN where that is nothing.
        data_range: Range of intensities for the PSNR; that of what the model gives if None.

    Returns:
        One estimate per channel.

    Raises:
        QuietScopeError: If the image does not fit the model, or the method gives no deviation.
    """
    image, made = as_measured(image), np.asarray(result.data, np.float32)
    second = Opinion.of(other, image, DEFAULT_REQUEST)
    found = []
    for channel in range(image.layout().num_channels):
        sums = OpinionSums()
        _add(sums, image, channel, 2, Opinion(mean=made, std=np.zeros_like(made)), second)
        span = _range(second, image, channel) if data_range is None else data_range
        found.append(EstimatedQuality.of(sums.error(), span))
    return tuple(found)


def _add(sums: OpinionSums, image: Image, channel: int, dims: int, own: Opinion, second: Opinion) -> None:
    """Add what two methods give for a channel, frame by frame."""
    layout = image.layout(dims)
    for n in range(layout.num_frames):
        mean, std, signal, width = (
            layout.take(each, n)[channel] for each in (own.mean, own.std, second.mean, second.std)
        )
        sums.add(mean, std, signal, width, ~missing_pixels(image, n, channel, dims) & np.isfinite(mean))


def _range(second: Opinion, image: Image, channel: int) -> float:
    """Return the range of intensities that a method gives for a channel."""
    layout = image.layout()
    planes = (layout.take(second.mean, n)[channel] for n in range(layout.num_frames))
    return range_of(np.array([(float(each.min()), float(each.max())) for each in planes]), None)
