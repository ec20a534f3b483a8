"""Denoise away from the window: what is seen first, then the whole, into arrays that the window shows meanwhile."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from quietscope.io import Image
from quietscope.napari.background import Tell
from quietscope.napari.layer_source import part_of

FIRST_SAMPLES = 8
"""Samples behind the first look at what is seen."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """How far it is.

    Attributes:
        number: Which of the images.
        done: Parts that are done.
        total: Parts in all.
        is_first: Whether it is the part that is seen, which comes first.
    """

    number: int
    done: int
    total: int
    is_first: bool = False


@dataclass(frozen=True, kw_only=True)
class Denoising:
    """What is to be denoised.

    Attributes:
        denoiser: The model.
        images: The images.
        boxes: The part of each that is seen now; None where that is all of it.
        out: Arrays for the results of each, by kind.
        num_samples: Samples behind the estimates.
    """

    denoiser: Any
    images: tuple[Image, ...]
    boxes: tuple[tuple[slice, ...] | None, ...]
    out: tuple[Mapping[str, np.ndarray], ...]
    num_samples: int


def denoise(job: Denoising, tell: Tell) -> list[Any]:
    """Denoise the part of every image that is seen, then all of them; what is done lies in the arrays if it is stopped.

    Args:
        job: What is to be denoised.
        tell: Told how far it is; it ends the work by raising `quietscope.Stop`.

    Returns:
        A `quietscope.Result` for each image, whose estimates are the arrays.

    Raises:
        QuietScopeError: If an image does not fit the model.
    """
    for number, (image, box) in enumerate(zip(job.images, job.boxes, strict=True)):
        if box is not None:
            _first(job, number, part_of(image, box), box, tell)
    found = []
    for number, image in enumerate(job.images):
        found.append(
            job.denoiser.denoise(
                image,
                num_samples=job.num_samples,
                out=job.out[number],
                progress=lambda done, total, number=number: tell(Done(number=number, done=done, total=total)),
            )
        )
    return found


def _first(job: Denoising, number: int, part: Image, box: tuple[slice, ...], tell: Tell) -> None:
    seen = job.denoiser.denoise(
        part,
        num_samples=min(job.num_samples, FIRST_SAMPLES),
        progress=lambda done, total: tell(Done(number=number, done=0, total=total)),
    )
    for kind, array in job.out[number].items():
        if kind in seen.estimates:
            array[box] = seen.estimates[kind]
    tell(Done(number=number, done=0, total=1, is_first=True))


def kinds_given(denoiser: Any) -> tuple[str, ...]:
    """Return the kinds of results that are shown of what a model gives: its image, deviation, deconvolved image."""
    from quietscope.methods.abilities import kinds_of

    able = {kind.name for kind in kinds_of(type(denoiser.method))}
    return tuple(name for name in ("mean", "std", "deconvolved") if name in able)


def draws_samples(denoiser: Any) -> bool:
    """Tell whether the deviation of a model is that of samples, so that their number matters."""
    from quietscope.pipeline.results import Abilities

    return Abilities.of(type(denoiser.method)).deviates_by_samples
