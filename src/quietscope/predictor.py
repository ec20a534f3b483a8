"""What a trained model can do with images: estimate, sample, generate, interpolate."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
import torch

from quietscope.errors import SettingsError, SizeError
from quietscope.explore import Generation, as_generative, generate_into, interpolate
from quietscope.io import Image, ImageSource, Sink, as_image
from quietscope.io.check import CheckedArray
from quietscope.methods.base import Method, PointMethod
from quietscope.nn.hardware import place
from quietscope.prediction import DEFAULT_BANDWIDTH, DEFAULT_PROBABILITIES, Precision, Request, Sinks, TileSpec
from quietscope.prediction import predict_image as predict

Estimate: TypeAlias = Literal["mean", "map"]
Progress: TypeAlias = Callable[[int, int], None]
Pixels: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Result:
    """A denoised image.

    Attributes:
        mean: Mean of the posterior samples, the estimate of least mean squared error, or the one answer of a method
            that does not sample; float32, shape and axes of the input, intensity units.
        std: Standard deviation of the samples at every pixel: how sure the model is; likewise. None where the method
            does not sample.
        map: The most probable image, where it was asked for; likewise.
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
    quantiles: Pixels | None = None
    probabilities: tuple[float, ...] = ()
    axes: str
    pixel_size_um: Mapping[str, float] = field(default_factory=dict)
    channel_names: tuple[str, ...] = ()

    @property
    def image(self) -> Pixels:
        """The estimate that was asked for: the most probable image, or else the mean."""
        return self.mean if self.map is None else self.map


class Predictor(ABC):
    """A trained model at work; where it comes from is its heirs' business."""

    device: torch.device

    @property
    @abstractmethod
    def method(self) -> Method:
        """The trained method."""

    @property
    @abstractmethod
    def precision(self) -> Precision:
        """What its networks compute in."""

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
            augment: Whether to look at the image in all eight orientations (four where its noise has a direction), each
                of which gets its share of the samples.
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
            sinks=Sinks(mean=mean, std=std, map=map, samples=samples, quantiles=quantiles),
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

    def generate(
        self,
        num: int = 16,
        size: int | Sequence[int] = 256,
        *,
        seed: int = 0,
        temperature: float = 1.0,
        with_noise: bool = False,
        progress: Progress | None = None,
    ) -> Pixels:
        """Draw images from the prior: what the model believes that such a sample looks like.

        Args:
            num: How many to draw.
            size: (Y, X) or (Z, Y, X) in pixels; one number stands for Y and X, and for 16 slices of a volume.
            seed: Seed; image n of a seed is the same however many are drawn.
            temperature: Below 1 images are more typical and less varied.
            with_noise: Whether to add the camera's noise.
            progress: Called with (done, total) tiles.

        Returns:
            Images (num, *size), or (num, C, *size) where there is more than one channel; float32, intensity units.

        Raises:
            SettingsError: If the method has no prior, or a setting lies outside its range.
        """
        chosen = self.generation(num=num, size=size, seed=seed, temperature=temperature, with_noise=with_noise)
        images = np.empty(self.shape_of(chosen), np.float32)
        self.generate_into(chosen, images, progress=progress)
        return images

    def generation(self, *, size: int | Sequence[int] = 256, **settings: Any) -> Generation:
        """Say what to generate, checked against the model.

        Args:
            size: As for `generate`.
            **settings: num, seed, temperature and with_noise, as for `generate`.

        Returns:
            The specification, for `generate_into`.

        Raises:
            SettingsError: If the method has no prior, or a setting lies outside its range.
        """
        return Generation.of(as_generative(self.method), size, precision=self.precision, **settings)

    def shape_of(self, generation: Generation) -> tuple[int, ...]:
        """Return (num, *size), or (num, C, *size) where there is more than one channel."""
        channels = self.method.statistics.num_channels
        return (generation.num, *((channels,) if channels > 1 else ()), *generation.size)

    def generate_into(self, generation: Generation, sink: Sink, *, progress: Progress | None = None) -> None:
        """Draw images from the prior of any number and size into an array or a writer, tile by tile.

        Args:
            generation: What to generate, from `generation`.
            sink: Receives ``sink[index] = block``; of the shape that `shape_of` tells.
            progress: Called with (done, total) tiles.
        """
        method = self._ready()
        plain = method.statistics.num_channels == 1
        generate_into(method, generation, _OneChannel(sink) if plain else sink, device=self.device, progress=progress)

    def interpolate(
        self,
        a: ImageSource,
        b: ImageSource,
        num: int = 8,
        *,
        seed: int = 0,
        axes: str | None = None,
        progress: Progress | None = None,
    ) -> Pixels:
        """Go from one image to another through what the model knows, in equal steps.

        Args:
            a: The first noisy image, a single frame.
            b: The second, of the same size.
            num: Number of images, both ends included.
            seed: Seed of the samples at the ends.
            axes: Axes of both where they do not name them.
            progress: Called with (done, total) images of tiles.

        Returns:
            Clean images (num, *S), or (num, C, *S) where there is more than one channel; S is (Y, X) or (Z, Y, X).

        Raises:
            QuietScopeError: If the images differ in size, hold several frames, or do not fit the model.
        """
        method = self._ready()
        start, end = (_only_frame(as_image(image, axes), method.spatial_dims) for image in (a, b))
        images = interpolate(
            method, start, end, num=num, seed=seed, device=self.device, precision=self.precision, progress=progress
        )
        return _without_single_channel(images)

    def _ready(self) -> Method:
        place(self.method, self.device, self.method.spatial_dims)
        return self.method


@dataclass(frozen=True)
class _OneChannel:
    """A sink without an axis for channels, written to as if it had one."""

    sink: Sink

    def __setitem__(self, index: Any, block: Any, /) -> None:
        number, _, *box = index
        self.sink[(number, *box)] = block[0]


def _empty(image: Image, *leading: int) -> Pixels:
    return np.empty((*leading, *image.shape), np.float32)


def _only_frame(image: Image, spatial_dims: int) -> npt.NDArray[Any]:
    """Read an image of one frame, (C, *S)."""
    layout = image.layout(spatial_dims)
    if layout.num_frames != 1:
        raise SizeError("an image of one frame", f"{layout.num_frames} along {layout.frame_axes}", "pass one of them")
    return layout.take(CheckedArray(image.data, str(image.path or "the image")), 0)


def _without_single_channel(images: Pixels) -> Pixels:
    return images[:, 0] if images.shape[1] == 1 else images
