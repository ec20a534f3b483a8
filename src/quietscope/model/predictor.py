"""What a trained model does with noisy images: estimates and samples of the clean ones."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from quietscope.errors import SettingsError
from quietscope.io import Image, ImageSource, Sink, as_image
from quietscope.io.check import CheckedArray
from quietscope.methods.base import DeconvolvingMethod, PointMethod
from quietscope.model.explorer import Explorer, Pixels, Progress
from quietscope.prediction import predict_image as predict
from quietscope.tiling.request import DEFAULT_BANDWIDTH, DEFAULT_PROBABILITIES, Request, Sinks
from quietscope.tiling.spec import TileSpec

Estimate: TypeAlias = Literal["mean", "map"]


@dataclass(frozen=True, kw_only=True)
class Result:
    """A denoised image.

    Attributes:
        mean: Mean of the posterior samples, the estimate of least mean squared error, or the one answer of a method
            that does not sample; float32, shape and axes of the input, intensity units.
        std: Standard deviation of the samples at every pixel: how sure the model is; likewise. None where the method
            does not sample.
        map: The most probable image, where it was asked for; likewise.
        deconvolved: The image without the microscope's blur, of a method that gives it; likewise.
        quantiles: Quantiles of the samples, where they were asked for, with a leading axis in the order of
            `probabilities`.
        probabilities: Which quantiles these are.
        axes: Axes of mean, std and map.
        pixel_size_um: Pixel size by axis, in micrometres, where the input names it.
        channel_names: Channel names, where the input has them.
    """

    mean: Pixels
    std: Pixels | None
    map: Pixels | None = None
    deconvolved: Pixels | None = None
    quantiles: Pixels | None = None
    probabilities: tuple[float, ...] = ()
    axes: str
    pixel_size_um: Mapping[str, float] = field(default_factory=dict)
    channel_names: tuple[str, ...] = ()

    @property
    def image(self) -> Pixels:
        """The estimate that was asked for: the most probable image, or else the mean."""
        return self.mean if self.map is None else self.map


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
            progress: Called with (done, total) posterior samples.

        Returns:
            A `Result`, or a list of them where a list came in.

        Raises:
            QuietScopeError: If an image does not fit the model, or the method cannot estimate what is asked for.
        """
        if isinstance(images, list | tuple):
            each: dict[str, Any] = {"estimate": estimate, "num_samples": num_samples, "seed": seed, "axes": axes}
            each |= {"tile": tile, "augment": augment, "bandwidth": bandwidth, "quantiles": quantiles}
            return [self.denoise(image, **each, progress=progress) for image in images]
        image = as_image(images, axes)
        if estimate not in get_args(Estimate):
            raise SettingsError("mean or map", f"estimate {estimate!r}", 'pass e.g. estimate="map"')
        is_sampler = not isinstance(self.method, PointMethod)
        probabilities = () if quantiles is None else tuple(quantiles)
        out = {"mean": _empty(image)} | ({"std": _empty(image)} if is_sampler else {})
        out |= {"deconvolved": _empty(image)} if isinstance(self.method, DeconvolvingMethod) else {}
        out |= {"map": _empty(image)} if estimate == "map" else {}
        out |= {} if quantiles is None else {"quantiles": _empty(image, len(probabilities))}
        self.denoise_into(
            image,
            **out,
            num_samples=num_samples,
            seed=seed,
            tile=tile,
            augment=augment,
            bandwidth=bandwidth,
            probabilities=DEFAULT_PROBABILITIES if quantiles is None else probabilities,
            progress=progress,
        )
        return Result(
            mean=out["mean"],
            std=out.get("std"),
            map=out.get("map"),
            deconvolved=out.get("deconvolved"),
            quantiles=out.get("quantiles"),
            probabilities=probabilities,
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
        samples = _empty(image, max(num_samples, 0))
        self.denoise_into(image, samples=samples, num_samples=num_samples, seed=seed)
        return samples

    def denoise_into(
        self,
        image: Image,
        *,
        mean: Sink | None = None,
        std: Sink | None = None,
        map: Sink | None = None,
        samples: Sink | None = None,
        quantiles: Sink | None = None,
        deconvolved: Sink | None = None,
        num_samples: int = 50,
        seed: int = 0,
        tile: int | None = None,
        augment: bool = False,
        bandwidth: float | None = None,
        probabilities: Sequence[float] = DEFAULT_PROBABILITIES,
        progress: Progress | None = None,
    ) -> None:
        """Denoise an image of any size into arrays or writers, tile by tile; what has no receiver is not computed.

        Args:
            image: The noisy image.
            mean: Receives the posterior mean by ``mean[index] = block``, in the image's axis order; None for none.
            std: Receives the standard deviation likewise.
            map: Receives the most probable image likewise.
            samples: Receives the samples, with a leading sample axis.
            quantiles: Receives the quantiles, with a leading axis in the order of `probabilities`.
            num_samples: Posterior samples.
            seed: Seed of the samples.
            tile: Tile size in pixels; chosen from the free memory if None.
            augment: Whether to look at the image in all its orientations.
            bandwidth: Bandwidth of the mean shift behind `map`.
            deconvolved: Receives the deconvolved image, of a method that gives one.
            probabilities: Which quantiles to estimate.
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
            sinks=Sinks(mean=mean, std=std, map=map, samples=samples, quantiles=quantiles, deconvolved=deconvolved),
            request=Request(
                num_samples=num_samples,
                seed=seed,
                tile=None if tile is None else TileSpec.of(method, tile),
                precision=self.precision,
                augment=augment,
                bandwidth=DEFAULT_BANDWIDTH if bandwidth is None else bandwidth,
                probabilities=tuple(probabilities),
                spread=self.spread,
            ),
            device=self.device,
            progress=progress,
        )


def _empty(image: Image, *leading: int) -> Pixels:
    return np.empty((*leading, *image.shape), np.float32)
