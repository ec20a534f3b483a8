"""What a trained model does with noisy images: estimates and samples of the clean ones.

Each function takes the model first, and is a method of `quietscope.Denoiser` and `quietscope.Deployed`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal, TypeAlias, TypedDict, Unpack, get_args, overload

import numpy as np

from quietscope.data.by_itself import for_model
from quietscope.data.mask import masked
from quietscope.data.measured import as_measured, for_network, in_intensities, restoring
from quietscope.errors import SettingsError
from quietscope.io import Image, ImageSource, Sink, as_image
from quietscope.methods.abilities import draws, kinds_of
from quietscope.methods.base import Method, MomentsMethod
from quietscope.model.result import Result
from quietscope.model.trained import Pixels, TrainedModel, checked_pixels, known_noise, ready
from quietscope.prediction import predict_image
from quietscope.prediction.predict import room_of_method
from quietscope.tiling.cut import Room, Within
from quietscope.tiling.judged import judging, unexplained_of, verdict_of
from quietscope.tiling.kinds import chosen_kinds
from quietscope.tiling.request import DEFAULT_BANDWIDTH, DEFAULT_PROBABILITIES, DEFAULT_REQUEST, USUAL_SAMPLES, Request
from quietscope.tiling.walk import Progress

Estimate: TypeAlias = Literal["mean", "map"]


class Options(TypedDict, total=False):
    """The options of `denoise`, for type checkers."""

    estimate: Estimate
    num_samples: int
    pairs: int | None
    seed: int
    axes: str | None
    mask: ImageSource | None
    tile: int | None
    augment: bool
    bandwidth: float | None
    quantiles: Sequence[float] | None
    also: Sequence[str]
    out: Mapping[str, Pixels] | None
    progress: Progress | None


@overload
def denoise(
    model: TrainedModel, images: list[ImageSource] | tuple[ImageSource, ...], **options: Unpack[Options]
) -> list[Result]: ...
@overload
def denoise(model: TrainedModel, images: ImageSource, **options: Unpack[Options]) -> Result: ...
def denoise(
    model: TrainedModel,
    images: ImageSource | Sequence[ImageSource],
    *,
    estimate: Estimate = "mean",
    num_samples: int = USUAL_SAMPLES,
    pairs: int | None = None,
    seed: int = 0,
    axes: str | None = None,
    mask: ImageSource | None = None,
    tile: int | None = None,
    augment: bool = False,
    bandwidth: float | None = None,
    quantiles: Sequence[float] | None = None,
    also: Sequence[str] = (),
    out: Mapping[str, Pixels] | None = None,
    progress: Progress | None = None,
) -> Result | list[Result]:
    """Denoise images that fit in memory; `denoise_into` takes larger ones.

    Args:
        model: A trained model.
        images: One image or a list of them.
        estimate: "mean" is closest on average; "map", the most probable image, is sharper and keeps all samples of
            a tile in memory. The mean comes in any case.
        num_samples: Posterior samples behind the estimates.
        pairs: How many antithetic pairs are among them, which the mean is made of; chosen if None, see
            `quietscope.Request`.
        seed: Seed of the samples.
        axes: Axes of the images where they do not name them.
        mask: Where pixels were measured, as for `quietscope.Denoiser.fit`; all others keep their value, with a spread
            of 0.
        tile: Tile size in pixels; chosen from the free memory if None.
        augment: Whether to look at the image in all eight orientations (fewer where its noise has a direction),
            each of which gets its share of the samples.
        bandwidth: Bandwidth of the mean shift behind "map": smaller is sharper, larger nearer to the mean.
        quantiles: Probabilities of quantiles to estimate, such as (0.05, 0.95).
        also: Further kinds of results by name, see `quietscope.tiling.kinds`, to be found in `Result.estimates`.
        out: Arrays that results are written into, part by part, by kind: float32, shape of the one image, behind a
            leading axis where the kind has one. Whoever shows them sees the result grow.
        progress: Called with (done, total) posterior samples.

    Returns:
        A `Result`, or a list of them where a list came in.

    Raises:
        QuietScopeError: If an image does not fit the model, or the method cannot estimate what is asked for.
    """
    if estimate not in get_args(Estimate):
        raise SettingsError("mean or map", f"estimate {estimate!r}", 'pass e.g. estimate="map"')
    request = Request(
        num_samples=num_samples,
        pairs=pairs,
        seed=seed,
        tile=tile,
        augment=augment,
        bandwidth=DEFAULT_BANDWIDTH if bandwidth is None else bandwidth,
        probabilities=DEFAULT_PROBABILITIES if quantiles is None else tuple(quantiles),
    )
    wanted = {"mean", estimate, *also, *([] if quantiles is None else ["quantiles"]), *_given_by(model.method)}
    request.check_pairs(model.method.name, draws=draws(model.method, chosen_kinds(wanted)))
    sources = images if isinstance(images, list | tuple) else [images]
    if out and len(sources) > 1:
        raise SettingsError("one image to be denoised into arrays", f"{len(sources)} images", "leave out `out`")
    results = [
        _denoise_one(model, masked(as_image(source, axes), mask), wanted | {*(out or {})}, request, progress, out)
        for source in sources
    ]
    return results if isinstance(images, list | tuple) else results[0]


def denoise_into(
    model: TrainedModel,
    image: Image,
    sinks: Mapping[str, Sink],
    request: Request = DEFAULT_REQUEST,
    *,
    chunks: Iterable[Within] | None = None,
    progress: Progress | None = None,
) -> None:
    """Denoise an image of any size into arrays or writers, tile by tile; what has no sink is not computed.

    Args:
        model: A trained model.
        image: The noisy image.
        sinks: Where results go, by kind ("mean", "std", ..., see `quietscope.tiling.kinds`): each receives
            ``sink[index] = block`` in the image's axis order, after a leading axis where its kind has one.
        request: How to predict.
        chunks: The parts of the image that are denoised, see `quietscope.tiling.cut`; all of it if None.
        progress: Called with (done, total) posterior samples.

    Raises:
        QuietScopeError: If the image does not fit the model, holds NaN or infinite pixels, or the method cannot
            estimate what is asked for.
    """
    method = ready(model)
    image = for_model(image, model.history.normalize, model.history.context)
    predict_image(
        method,
        image.layout(method.spatial_dims),
        checked_pixels(for_network(image)),
        sinks=restoring(image, sinks),
        request=replace(request, precision=request.precision or model.precision, spread=request.spread * model.spread),
        chunks=chunks,
        device=model.device,
        progress=progress,
    )


def room(model: TrainedModel, kinds: Sequence[str], request: Request = DEFAULT_REQUEST) -> Room:
    """Return what decides how an image is cut into chunks for a model, see `quietscope.tiling.cut.cut_for`.

    Args:
        model: A trained model.
        kinds: Names of the kinds of results that are wanted, see `quietscope.tiling.kinds`.
        request: How to predict.

    Raises:
        QuietScopeError: If the method cannot estimate what is asked for.
    """
    request = replace(request, precision=request.precision or model.precision)
    return room_of_method(ready(model), kinds, request, device=model.device)


def sample(
    model: TrainedModel, images: ImageSource, *, num_samples: int = 4, seed: int = 0, axes: str | None = None
) -> Pixels:
    """Draw plausible clean images.

    Args:
        model: A trained model.
        images: One image.
        num_samples: How many to draw.
        seed: Seed; sample k of a seed is the same however many are drawn.
        axes: Axes of the image where it does not name them.

    Returns:
        Samples of shape (num_samples, *image.shape), float32, intensity units.

    Raises:
        SettingsError: If the method does not sample.
    """
    request = Request(num_samples=num_samples, seed=seed)
    return _denoise_one(model, as_image(images, axes), {"samples"}, request).estimates["samples"]


def _denoise_one(
    model: TrainedModel,
    image: Image,
    wanted: Collection[str],
    request: Request,
    progress: Progress | None = None,
    given: Mapping[str, Pixels] | None = None,
) -> Result:
    image = as_measured(image)
    noisy = replace(image, data=in_intensities(image.data))
    out = _arrays(request, wanted, image.shape, given or {})
    judged = judging(noisy, out, known_noise(model))
    denoise_into(model, image, {**out, **judged}, request, progress=progress)
    return Result(
        estimates=out,
        probabilities=request.probabilities if "quantiles" in out else (),
        axes=image.axes,
        pixel_size_um=image.pixel_size_um,
        channel_names=image.channel_names,
        frame_interval_s=image.frame_interval_s,
        details=image.details,
        verdict=verdict_of(judged, model.history.effort, is_own=False),
        unexplained=unexplained_of(judged),
        noisy=noisy,
        method=model.method.name,
        num_samples=_samples_behind(model.method, request, wanted),
    )


def _arrays(
    request: Request, wanted: Collection[str], shape: tuple[int, ...], given: Mapping[str, Pixels]
) -> dict[str, Pixels]:
    """Return an array for each kind of results that is wanted, those that are given among them."""
    leading = {kind.name: kind.leading(request.num_samples, len(request.probabilities)) for kind in chosen_kinds(given)}
    for name, array in given.items():
        size = (*leading[name], *shape)
        if array.shape != size or array.dtype != np.float32:
            sizes = [" x ".join(map(str, each)) for each in (size, array.shape)]
            raise SettingsError(
                f"a float32 array of {sizes[0]} for {name}", f"{array.dtype} of {sizes[1]}", "pass one like it"
            )
    made = request.arrays([name for name in wanted if name not in given], shape)
    return {kind.name: given[kind.name] if kind.name in given else made[kind.name] for kind in chosen_kinds(wanted)}


def _samples_behind(method: Method, request: Request, wanted: Collection[str]) -> int | None:
    """Return how many samples a deviation is made of; None where it is computed, or there is none."""
    is_computed = isinstance(method, MomentsMethod) or not draws(method, chosen_kinds(wanted))
    return None if is_computed else request.num_independent(wanted)


def _given_by(method: Method) -> tuple[str, ...]:
    """Return the kinds of results that are given without asking."""
    return tuple(kind.name for kind in kinds_of(type(method)) if kind.name in ("std", "deconvolved"))
