"""How good a trained model's results are, without a reference: the model, its noise model and one noisy image.

A second pass over the image, with a little noise of random sign on it, says how far every estimate follows its own
noisy pixel; `quietscope.metrics.sure` has the equations.
"""

import math
from collections.abc import Iterator, Sequence
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
from quietscope.metrics.psnr import range_of
from quietscope.metrics.sure import SteinError, SteinPart, calibration_by_stein, stein_error
from quietscope.model.denoising import denoise_into
from quietscope.model.trained import TrainedModel, missing_pixels, noise_in_intensities, ready
from quietscope.noise import NoiseModel
from quietscope.noise.exposure import exposure_of
from quietscope.prediction import choose_tile, ready_to_predict
from quietscope.tiling.request import SAMPLES_FOR_A_MEAN, Request
from quietscope.tiling.walk import Progress

STEP = 0.1
"""Height of the second pass's noise, in deviations of the image's own; at 1 the PSNR of FISH reads 1.7 dB lower."""


@dataclass(frozen=True, kw_only=True)
class EstimatedQuality:
    """The PSNR of a denoised channel, estimated without a reference.

    Attributes:
        psnr: In dB; NaN where no error beyond the noise was found.
        error: The mean squared error it is made of, and how certain that is.
        data_range: Range of intensities that it is told by; where nobody says it, maximum minus minimum of the result.
    """

    psnr: float
    error: SteinError
    data_range: float


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

    It is as good as the noise model: see `SteinError.per_percent`. Of results whose error is a fifteenth of the noise,
    a variance that is 4 to 6 % wrong makes it 2 to 3 dB wrong, so do not compare unlike models of noise by it.

    Args:
        model: A trained model.
        image: The noisy image.
        noise: Noise model of each channel; those of the model if None.
        data_range: Range of intensities for the PSNR; maximum minus minimum of the result if None.
        num_samples: Samples that the mean is made of, where the method draws them.
        seed: Seed of the samples and of the second pass's noise.
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
    """Estimate what the intervals ``mean +- z std`` of an image cover, from the image and the model's noise alone.

    Args:
        model: A trained model that gives a deviation and has a noise model.
        image: The noisy image.
        num_samples: Posterior samples, where the model draws them.
        seed: Seed of the samples and of the second pass's noise.
        progress: Called with (done, total) posterior samples of both passes.

    Returns:
        One calibration per channel.

    Raises:
        NoiseError: If the model has no noise model.
        SettingsError: If the method gives no deviation.
    """
    request = Request(num_samples=num_samples, seed=seed, pairs=0)  # the mean is to have the error of its samples
    seen = probe(model, image, request, with_std=True, progress=progress)
    drawn = num_samples if latents_of(model.method) else None
    channels = range(seen.layout.num_channels)
    return tuple(calibration_by_stein(seen.parts(channel), num_samples=drawn) for channel in channels)


@dataclass(frozen=True, kw_only=True)
class Probed:
    """Two passes over an image.

    Attributes:
        image: The noisy image, NaN where nothing was measured.
        layout: Its layout.
        mean: Result of the first pass, in the image's axis order.
        std: Its deviation, likewise; None where it was not asked for.
        moved: Result of the second pass.
        signs: Signs b of the second pass's noise.
        noise: Noise of every channel.
    """

    image: Image
    layout: Layout
    mean: npt.NDArray[np.float32]
    std: npt.NDArray[np.float32] | None
    moved: npt.NDArray[np.float32]
    signs: npt.NDArray[np.int8]
    noise: tuple[Exposure, ...]

    def parts(self, channel: int) -> Iterator[SteinPart]:
        """Give the measured pixels of a channel, frame by frame."""
        take, noise, dims = self.layout.take, self.noise[channel], len(self.layout.spatial_shape)
        for n in range(self.layout.num_frames):
            known = ~missing_pixels(self.image, n, channel, dims)
            if not known.any():
                continue
            mean, noisy, moved, signs = (
                np.asarray(take(each, n)[channel][known], np.float64)
                for each in (self.mean, self.image.data, self.moved, self.signs)
            )
            variance = np.asarray(noise.variance(mean), np.float64)
            yield SteinPart(
                residual=noisy - noise.mean(mean),
                variance=variance,
                pull=np.sqrt(variance) * signs * (moved - mean) / STEP,
                std=None if self.std is None else take(self.std, n)[channel][known],
            )

    def quality(self, channel: int, data_range: float | None) -> EstimatedQuality:
        """Return the estimated PSNR of a channel."""
        error = stein_error(self.parts(channel))
        frames = range(self.layout.num_frames)
        ends = [(float(each.min()), float(each.max())) for each in (self._of(channel, n) for n in frames)]
        span = range_of(np.array(ends), data_range)
        psnr = 10.0 * math.log10(span**2 / error.mse) if error.mse > 0.0 else math.nan
        return EstimatedQuality(psnr=psnr, error=error, data_range=span)

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
    """Denoise an image, and once more with a little noise of random sign on it; the latent noise is the same in both.

    Args:
        model: A trained model.
        image: The noisy image.
        request: How to predict; its seed is that of the signs too. Both passes are made in float32 and in equal tiles,
            as a difference of their results is taken.
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
    exposures = tuple(exposure_of(each) for each in models)
    with ready_to_predict(method, model.device, "float32") as where:
        tile = choose_tile(method, layout.spatial_shape, where)
    found = {kind: np.empty(image.shape, np.float32) for kind in ("mean", *(["std"] if with_std else []))}
    request = replace(request.settled(found), precision="float32", tile=tile)
    denoise_into(model, image, found, request, progress=_half(progress, 0))
    rng = np.random.default_rng(request.seed)
    signs = (2 * rng.integers(0, 2, image.shape, dtype=np.int8) - 1).astype(np.int8)
    shifted = np.asarray(for_network(image).data[...], np.float32).copy()
    for n in range(layout.num_frames):
        mean, frame, sign = (layout.take(each, n) for each in (found["mean"], shifted, signs))
        sigma = np.stack([np.sqrt(each.variance(mean[channel])) for channel, each in enumerate(exposures)])
        layout.put(shifted, n, frame + STEP * sigma * sign)
    moved = np.empty(image.shape, np.float32)
    denoise_into(model, replace(image, data=shifted), {"mean": moved}, request, progress=_half(progress, 1))
    return Probed(
        image=image,
        layout=layout,
        mean=found["mean"],
        std=found.get("std"),
        moved=moved,
        signs=signs,
        noise=exposures,
    )


def _half(progress: Progress | None, number: int) -> Progress | None:
    """Return the progress of one of two passes."""
    return None if progress is None else lambda done, total: progress(done + number * total, 2 * total)
