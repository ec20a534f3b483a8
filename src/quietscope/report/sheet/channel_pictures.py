"""The pictures of a channel in the report, of the planes that the overview shows too."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from quietscope.metrics import autocorrelation
from quietscope.outside.shown import shown
from quietscope.report.overview import MAX_LAG, Overview
from quietscope.report.sheet.run_record import Picture, Picture_, ShownChannel
from quietscope.report.sheet.shown_pixels import limits_of, picture_of

Plane: TypeAlias = npt.NDArray[Any]
SIDE_OF_SAMPLES, SIDE_OF_OTHERS, MOST_OTHERS = 256, 128, 5
"""Largest sides in pixels of samples, and of channels beside the first where there are five of these, which is as many
as are shown; fewer may be larger. The file is to stay below 3 MB."""
MOST_BYTES_OF_SAMPLES = 700_000
"""What the samples of all channels take together at most, as text, beyond the first three of each."""
LEAST_SAMPLES = 3


def channels_of(overview: Overview) -> tuple[ShownChannel, ...]:
    """Return the pictures of every channel.

    Args:
        overview: What the overview shows.

    Returns:
        The pictures; images of a channel have one contrast, that of the noisy one.
    """
    side = int(SIDE_OF_OTHERS * (MOST_OTHERS / max(1, len(overview.others))) ** 0.5)
    others = (_channel(_middle_of(each, side)) for each in overview.others)
    found = (_channel(overview), *others)
    count = _num_samples([[len(sample.png) for sample in channel.samples] for channel in found])
    return tuple(channel.model_copy(update={"samples": channel.samples[:count]}) for channel in found)


def _num_samples(sizes: Sequence[Sequence[int]]) -> int:
    """Return how many samples of each channel are shown.

    Args:
        sizes: Bytes of every sample of every channel.
    """
    most = max(map(len, sizes))
    enough = (
        n for n in range(most, LEAST_SAMPLES, -1) if sum(sum(each[:n]) for each in sizes) <= MOST_BYTES_OF_SAMPLES
    )
    return next(enough, LEAST_SAMPLES)


def middle(plane: Plane, side: int) -> Plane:
    """Return the middle (..., Y, X) of planes, of a side of at most so many pixels."""
    starts = [max(0, (length - side) // 2) for length in plane.shape[-2:]]
    return plane[..., starts[0] : starts[0] + side, starts[1] : starts[1] + side]


def _middle_of(overview: Overview, side: int) -> dict[str, Any]:
    planes = {name: getattr(overview, name) for name in ("noisy", "mean", "std", "deconvolved", "clean", "samples")}
    cut = {name: None if plane is None else middle(plane, side) for name, plane in planes.items()}
    return {**cut, "channel": overview.channel}


def _channel(source: Overview | dict[str, Any]) -> ShownChannel:
    found = _middle_of(source, max(source.noisy.shape)) if isinstance(source, Overview) else source
    noisy, mean = found["noisy"], found["mean"]
    contrast = limits_of(noisy)
    residual = np.asarray(noisy, np.float64) - mean
    reach = limits_of(np.abs(residual))[1]

    def shown_as(name: str, limits: tuple[float, float] | None = contrast, colors: Picture_ = "gray") -> Picture | None:
        plane = found[name]
        return None if plane is None else picture_of(plane, limits or limits_of(plane), colors)

    std = found["std"]
    return ShownChannel(
        name=shown(found["channel"]),
        noisy=picture_of(noisy, contrast),
        denoised=picture_of(mean, contrast),
        deconvolved=shown_as("deconvolved", None),
        clean=shown_as("clean"),
        deviation=None if std is None else shown_as("std", (0.0, max(limits_of(std)[1], 1e-12)), "heat"),
        residual=picture_of(residual, (-reach, reach), "signed"),
        samples=tuple(picture_of(middle(each, SIDE_OF_SAMPLES), contrast) for each in found["samples"]),
        correlation=_correlation(residual),
    )


def _correlation(residual: Plane) -> tuple[tuple[float, ...], ...]:
    """Return the autocorrelation; empty where the image is too small."""
    lag = min(MAX_LAG, min(residual.shape) - 1)
    if lag < 1:
        return ()
    found = autocorrelation(np.nan_to_num(residual), lag)
    return tuple(tuple(round(float(value), 4) for value in line) for line in found)
