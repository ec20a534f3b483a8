"""What a trained model does with noisy images: estimates and samples of the clean ones."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from quietscope.errors import SettingsError
from quietscope.io import Image, ImageSource, Sink, as_image
from quietscope.io.pixel_check import CheckedArray
from quietscope.methods.base import DeconvolvingMethod, Method, PointMethod
from quietscope.model.explorer import Explorer, Pixels, Progress
from quietscope.prediction import predict_image as predict
from quietscope.tiling.kinds import chosen_kinds
from quietscope.tiling.request import DEFAULT_BANDWIDTH, DEFAULT_PROBABILITIES, DEFAULT_REQUEST, Request

Estimate: TypeAlias = Literal["mean", "map"]


@dataclass(frozen=True, kw_only=True)
class Result:
    """A denoised image.

    Attributes:
        estimates: Every result by its kind, see `quietscope.tiling.kinds`; float32, shape and axes of the input,
            intensity units, with a leading axis for quantiles and samples.
        probabilities: Which quantiles these are.
        axes: Axes of the input, and of all results behind their leading axis.
        pixel_size_um: Pixel size by axis, in micrometres, where the input names it.
        channel_names: Channel names, where the input has them.
    """

    estimates: Mapping[str, Pixels]
    probabilities: tuple[float, ...] = ()
    axes: str
    pixel_size_um: Mapping[str, float] = field(default_factory=dict)
    channel_names: tuple[str, ...] = ()

    @property
    def image(self) -> Pixels:
        """The estimate that was asked for: the most probable image, or else the mean."""
        return self.mean if self.map is None else self.map

    @property
    def mean(self) -> Pixels:
        """Mean of the posterior samples, the estimate of least mean squared error, or a point method's one answer."""
        return self.estimates["mean"]

    @property
    def std(self) -> Pixels | None:
        """Standard deviation of the samples at every pixel, how sure the model is; None of a method without samples."""
        return self.estimates.get("std")

    @property
    def map(self) -> Pixels | None:
        """The most probable image; None where it was not asked for."""
        return self.estimates.get("map")

    @property
    def deconvolved(self) -> Pixels | None:
        """The image without the microscope's blur; None of a method that does not give it."""
        return self.estimates.get("deconvolved")

    @property
    def quantiles(self) -> Pixels | None:
        """Quantiles of the samples, one per entry of `probabilities`; None where they were not asked for."""
        return self.estimates.get("quantiles")


class Predictor(Explorer):
    """A trained model at work; where it comes from is its heirs' business."""

    @property
    @abstractmethod
    def spread(self) -> float:
        """What the deviation of its samples is multiplied by to be honest, see `Denoiser.recalibrate`."""

    def denoise(
        self,
        images: ImageSource | Sequence[ImageSource],
        *,
        estimate: Estimate = "mean",
        num_samples: int = 50,
        seed: int = 0,
        axes: str | None = None,
        tile: int | None = None,
        augment: bool = False,
        bandwidth: float | None = None,
        quantiles: Sequence[float] | None = None,
        also: Sequence[str] = (),
        progress: Progress | None = None,
    ) -> Any:
        """Denoise images that fit in memory; `denoise_into` takes larger ones.

        Args:
            images: One image or a list of them.
            estimate: "mean" is closest on average; "map", the most probable image, is sharper and keeps all samples of
                a tile in memory. The mean comes in any case.
            num_samples: Posterior samples behind the estimates.
            seed: Seed of the samples.
            axes: Axes of the images where they do not name them.
            tile: Tile size in pixels; chosen from the free memory if None.
            augment: Whether to look at the image in all eight orientations (fewer where its noise has a direction),
                each of which gets its share of the samples.
            bandwidth: Bandwidth of the mean shift behind "map": smaller is sharper, larger nearer to the mean.
            quantiles: Probabilities of quantiles to estimate, such as (0.05, 0.95).
            also: Further kinds of results by name, see `quietscope.tiling.kinds`, to be found in `Result.estimates`.
            progress: Called with (done, total) posterior samples.

        Returns:
            A `Result`, or a list of them where a list came in.

        Raises:
            QuietScopeError: If an image does not fit the model, or the method cannot estimate what is asked for.
        """
        if isinstance(images, list | tuple):
            each: dict[str, Any] = {"estimate": estimate, "num_samples": num_samples, "seed": seed, "axes": axes}
            each |= {"tile": tile, "augment": augment, "bandwidth": bandwidth, "quantiles": quantiles}
            return [self.denoise(image, **each, also=also, progress=progress) for image in images]
        image = as_image(images, axes)
        if estimate not in get_args(Estimate):
            raise SettingsError("mean or map", f"estimate {estimate!r}", 'pass e.g. estimate="map"')
        request = Request(
            num_samples=num_samples,
            seed=seed,
            tile=tile,
            augment=augment,
            bandwidth=DEFAULT_BANDWIDTH if bandwidth is None else bandwidth,
            probabilities=DEFAULT_PROBABILITIES if quantiles is None else tuple(quantiles),
        )
        wanted = {"mean", estimate, *also, *_given_by(self.method)} | (
            {"quantiles"} if quantiles is not None else set()
        )
        out = {
            kind.name: _empty(image, *kind.leading(num_samples, len(request.probabilities)))
            for kind in chosen_kinds(wanted)
        }
        self.denoise_into(image, out, request, progress=progress)
        return Result(
            estimates=out,
            probabilities=request.probabilities if "quantiles" in out else (),
            axes=image.axes,
            pixel_size_um=image.pixel_size_um,
            channel_names=image.channel_names,
        )

    def sample(self, images: ImageSource, *, num_samples: int = 4, seed: int = 0, axes: str | None = None) -> Pixels:
        """Draw plausible clean images.

        Args:
            images: One image.
            num_samples: How many to draw.
            seed: Seed; sample k of a seed is the same however many are drawn.
            axes: Axes of the image where it does not name them.

        Returns:
            Samples of shape (num_samples, *image.shape), float32, intensity units.

        Raises:
            SettingsError: If the method does not sample.
        """
        image = as_image(images, axes)
        request = Request(num_samples=num_samples, seed=seed)
        samples = _empty(image, num_samples)
        self.denoise_into(image, {"samples": samples}, request)
        return samples

    def denoise_into(
        self,
        image: Image,
        sinks: Mapping[str, Sink],
        request: Request = DEFAULT_REQUEST,
        *,
        progress: Progress | None = None,
    ) -> None:
        """Denoise an image of any size into arrays or writers, tile by tile; what has no sink is not computed.

        Args:
            image: The noisy image.
            sinks: Where results go, by kind ("mean", "std", ..., see `quietscope.tiling.kinds`): each receives
                ``sink[index] = block`` in the image's axis order, after a leading axis where its kind has one.
            request: How to predict.
            progress: Called with (done, total) posterior samples.

        Raises:
            QuietScopeError: If the image does not fit the model, holds NaN or infinite pixels, or the method cannot
                estimate what is asked for.
        """
        method = self._ready()
        predict(
            method,
            image.layout(method.spatial_dims),
            CheckedArray(image.data, str(image.path or "the image")),
            sinks=sinks,
            request=replace(
                request, precision=request.precision or self.precision, spread=request.spread * self.spread
            ),
            device=self.device,
            progress=progress,
        )


def _given_by(method: Method) -> tuple[str, ...]:
    """Return the kinds of results that are given without asking."""
    if isinstance(method, PointMethod):
        return ("deconvolved",) if isinstance(method, DeconvolvingMethod) else ()
    return ("std",)


def _empty(image: Image, *leading: int) -> Pixels:
    return np.empty((*leading, *image.shape), np.float32)
