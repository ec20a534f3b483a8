"""How good a trained model's results are, without a reference: the model, its noise model and one noisy image.

A second pass over the image, some of whose pixels are exposed again by the noise model, says how far every estimate
follows the noise of its neighbours; `quietscope.metrics.error_covariance` has the equations.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.axes import Layout
from quietscope.data.by_itself import in_context
from quietscope.data.mask import masked
from quietscope.data.measured import as_measured, for_network
from quietscope.errors import NoiseError
from quietscope.io import Image, ImageSource, as_image
from quietscope.methods.abilities import latents_of
from quietscope.metrics import Calibration, Exposure
from quietscope.metrics.error_covariance import ErrorSums, EstimatedError, Reexposed, calibration_of_error
from quietscope.metrics.psnr import range_of
from quietscope.model.denoising import denoise_into
from quietscope.model.trained import Pixels, TrainedModel, missing_pixels, noise_in_intensities, ready
from quietscope.noise import NoiseModel
from quietscope.noise.exposure import exposure_of
from quietscope.prediction import choose_tile, ready_to_predict
from quietscope.tiling.request import SAMPLES_FOR_A_MEAN, Request
from quietscope.tiling.walk import Progress

REMEDY = "pass a clean reference, or the mean of more exposures with `num_exposures`"
SHARE = 0.5
"""Share of the pixels that are exposed again: any is right, and this is the one with the most pairs of old and new."""


@dataclass(frozen=True, kw_only=True)
class EstimatedQuality:
    """The PSNR of a denoised channel, estimated without a reference.

    Attributes:
        psnr: In dB; NaN where no error beside the noise was found.
        psnr_error: Its standard error by chance, in dB; NaN likewise.
        error: The mean squared error it is made of, and how certain that is.
        data_range: Range of intensities that it is told by; where nobody says it, maximum minus minimum of the result.
    """

    psnr: float
    psnr_error: float
    error: EstimatedError
    data_range: float

    @classmethod
    def of(cls, error: EstimatedError, data_range: float) -> "EstimatedQuality":
        """Return what a mean squared error is in dB, with a range of intensities."""
        found = error.mse > 0.0
        return cls(
            psnr=10.0 * math.log10(data_range**2 / error.mse) if found else math.nan,
            psnr_error=10.0 / math.log(10.0) * error.relative_error if found else math.nan,
            error=error,
            data_range=data_range,
        )


def estimated_psnr(
    model: TrainedModel,
    image: ImageSource,
    *,
    noise: Sequence[NoiseModel] | None = None,
    data_range: float | None = None,
    num_samples: int = SAMPLES_FOR_A_MEAN,
    seed: int = 0,
    axes: str | None = None,
    mask: ImageSource | None = None,
    progress: Progress | None = None,
) -> tuple[EstimatedQuality, ...]:
    """Estimate the PSNR of a model's mean of an image without a reference.

    The noise has to be independent between pixels; next neighbours along X may have some of it in common. How wide the
    noise model says it is matters little, see `quietscope.metrics.error_covariance`.

    Args:
        model: A trained model.
        image: The noisy image.
        noise: Noise model of each channel; those of the model if None.
        data_range: Range of intensities for the PSNR; maximum minus minimum of the result if None.
        num_samples: Samples that the mean is made of, where the method draws them.
        seed: Seed of the samples and of the pixels that are exposed again.
        axes: Axes of the image where it does not name them.
        mask: Where pixels were measured, as for `quietscope.Denoiser.fit`; the rest is not judged.
        progress: Called with (done, total) posterior samples of both passes.

    Returns:
        One estimate per channel, over all frames.

    Raises:
        NoiseError: If there is no noise model for every channel.
        QuietScopeError: If the image does not fit the model.
    """
    request = Request(num_samples=num_samples, seed=seed)
    seen = probe(model, masked(as_image(image, axes), mask), request, noise=noise, progress=progress)
    return tuple(seen.quality(channel, data_range) for channel in range(seen.layout.num_channels))


def judge_alone(
    model: TrainedModel, image: Image, *, num_samples: int, seed: int, progress: Progress | None
) -> tuple[Calibration, ...]:
    """Estimate what the intervals ``mean +- z std`` of an image cover, see `estimate_alone`.

    Returns:
        One calibration per channel.
    """
    found = estimate_alone(model, image, num_samples=num_samples, seed=seed, progress=progress)
    return tuple(calibration for calibration, _ in found)


def estimate_alone(
    model: TrainedModel, image: Image, *, num_samples: int, seed: int, progress: Progress | None
) -> tuple[tuple[Calibration, EstimatedQuality], ...]:
    """Estimate what intervals cover and how good the mean is, from a noisy image and the model's noise alone.

    Args:
        model: A trained model that gives a deviation and has a noise model.
        image: The noisy image.
        num_samples: Posterior samples, where the model draws them.
        seed: Seed of the samples and of the pixels that are exposed again.
        progress: Called with (done, total) posterior samples of both passes.

    Returns:
        One pair per channel.

    Raises:
        NoiseError: If the model has no noise model, or the estimate is not to be believed.
        SettingsError: If the method gives no deviation.
    """
    request = Request(num_samples=num_samples, seed=seed, pairs=0)  # the mean is to have the error of its samples
    seen = probe(model, image, request, with_std=True, progress=progress)
    drawn = num_samples if latents_of(model.method) else None
    qualities = tuple(seen.quality(channel, None) for channel in range(seen.layout.num_channels))
    for channel, each in enumerate(qualities):
        if each.error.doubt:
            raise NoiseError(
                "an error that can be told from the noise", f"channel {channel}: {each.error.doubt}", REMEDY
            )
    return tuple((calibration_of_error(each.error, num_samples=drawn), each) for each in qualities)


@dataclass(frozen=True, kw_only=True)
class Probed:
    """Two passes over an image.

    Attributes:
        image: The noisy image, NaN where nothing was measured.
        layout: Its layout.
        mean: Result of the first pass, in the image's axis order.
        std: Its deviation, likewise; None where it was not asked for.
        exposed: The image with some pixels exposed again.
        is_new: Which these are.
        changed: Result of the second pass.
        noise: Noise of every channel.
    """

    image: Image
    layout: Layout
    mean: Pixels
    std: Pixels | None
    exposed: Pixels
    is_new: npt.NDArray[np.bool_]
    changed: Pixels
    noise: tuple[Exposure, ...]

    def error(self, channel: int) -> EstimatedError:
        """Return the error of a channel, over all frames."""
        take, noise, dims, sums = self.layout.take, self.noise[channel], len(self.layout.spatial_shape), ErrorSums()
        for n in range(self.layout.num_frames):
            known = ~missing_pixels(self.image, n, channel, dims)
            mean, noisy, exposed, changed = (
                np.asarray(take(each, n)[channel], np.float64)
                for each in (self.mean, self.image.data, self.exposed, self.changed)
            )
            sums.add(
                Reexposed(
                    residual=np.where(known, noisy - noise.mean(mean), np.nan),
                    fresh=exposed - noise.mean(mean),
                    is_new=take(self.is_new, n)[channel],
                    change=changed - mean,
                    variance=noise.variance(mean),
                    std=None if self.std is None else take(self.std, n)[channel],
                )
            )
        return sums.result()

    def quality(self, channel: int, data_range: float | None) -> EstimatedQuality:
        """Return the estimated PSNR of a channel."""
        frames = range(self.layout.num_frames)
        ends = [(float(each.min()), float(each.max())) for each in (self._of(channel, n) for n in frames)]
        return EstimatedQuality.of(self.error(channel), range_of(np.array(ends), data_range))

    def _of(self, channel: int, frame: int) -> npt.NDArray[Any]:
        plane: npt.NDArray[Any] = self.layout.take(self.mean, frame)[channel]
        return plane


def probe(
    model: TrainedModel,
    image: Image,
    request: Request,
    *,
    noise: Sequence[NoiseModel] | None = None,
    with_std: bool = False,
    progress: Progress | None = None,
) -> Probed:
    """Denoise an image, and once more with some pixels exposed again; the latent noise is the same in both.

    Args:
        model: A trained model.
        image: The noisy image.
        request: How to predict; its seed also says which pixels are exposed again. Both passes are made in float32 and
            in equal tiles, as a difference of their results is taken.
        noise: Noise model of each channel; those of the model if None.
        with_std: Whether the deviation of the first pass is wanted.
        progress: Called with (done, total) samples of both passes.

    Returns:
        What both passes gave.

    Raises:
        NoiseError: If there is no noise model for every channel.
        QuietScopeError: If the image does not fit the model, or the method gives no deviation.
    """
    method = ready(model)
    image = in_context(as_measured(image), model.history.context)
    layout, models = image.layout(method.spatial_dims), tuple(noise or noise_in_intensities(model))
    if len(models) != layout.num_channels:
        raise NoiseError(
            f"a noise model for each of {layout.num_channels} channels",
            f"{len(models)}",
            "take a model that was trained with noise models, or judge by a clean reference",
        )
    exposures = tuple(exposure_of(each, seed=request.seed + channel) for channel, each in enumerate(models))
    with ready_to_predict(method, model.device, "float32") as where:
        tile = choose_tile(method, layout.spatial_shape, where)
    found = {kind: np.empty(image.shape, np.float32) for kind in ("mean", *(["std"] if with_std else []))}
    request = replace(request.settled(found), precision="float32", tile=tile)
    denoise_into(model, image, found, request, progress=_half(progress, 0))
    is_new = np.random.default_rng(request.seed).random(image.shape, np.float32) < SHARE
    exposed = np.asarray(for_network(image).data[...], np.float32).copy()
    for n in range(layout.num_frames):
        mean, frame, new = (layout.take(each, n) for each in (found["mean"], exposed, is_new))
        drawn = np.stack([each.draw(mean[channel]) for channel, each in enumerate(exposures)])
        layout.put(exposed, n, np.where(new, drawn, frame))
    changed = np.empty(image.shape, np.float32)
    denoise_into(model, replace(image, data=exposed), {"mean": changed}, request, progress=_half(progress, 1))
    return Probed(
        image=image,
        layout=layout,
        mean=found["mean"],
        std=found.get("std"),
        exposed=exposed,
        is_new=is_new,
        changed=changed,
        noise=exposures,
    )


def _half(progress: Progress | None, number: int) -> Progress | None:
    """Return the progress of one of two passes."""
    return None if progress is None else lambda done, total: progress(done + number * total, 2 * total)
