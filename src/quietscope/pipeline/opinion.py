"""A second opinion of what a method has learnt: the one that comes trained, fitted to the same images in seconds."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from quietscope.errors import QuietScopeError
from quietscope.io import Image
from quietscope.pipeline.parts import parts_of

if TYPE_CHECKING:
    import torch

    from quietscope.data.preparation import Notify
    from quietscope.denoiser import Denoiser
    from quietscope.presets import Configuration
    from quietscope.training.settling import Judge

MOST_FRAMES, SIDE = 8, 512
"""Parts of frames that the second opinion is fitted to, and their side in pixels."""

MOST_JUDGED, DEPTH, PIXELS_JUDGED = 8, 8, 1 << 18
"""Parts that a method in training is judged on, their depth in a volume, and how often a pixel of them is computed at
most, all together: about what a step of training takes."""

FEW_PIXELS = 1 << 16
"""Pixels below which chance alone moves a measured correlation by as much as lies between verdicts: standard deviation
0.02 to 0.03 in 128 x 128 pixels."""

STEPS: int | None = None
"""Steps of fitting it; None for those of its preset."""


def second_opinion(
    configuration: "Configuration",
    images: Sequence[Image],
    device: "torch.device | str | None" = None,
    tell_why: "Notify | None" = None,
) -> "Denoiser | None":
    """Fit the method that comes trained to images that another method has learnt from.

    Args:
        configuration: That of the other method: its noise model, where one was given, and its seed are taken over.
        images: The noisy images.
        device: Where to compute; the best there is if None.
        tell_why: Called with the reason where there is no second opinion.

    Returns:
        The denoiser; None where it does not suit the noise of these images, or they have a unit each.
    """
    from quietscope.denoiser import Denoiser

    tell_why = tell_why or _nobody
    own = _settled(configuration, images, device, tell_why)
    if own is None:
        return None
    try:
        denoiser = Denoiser.from_configuration(own, device=device)
        denoiser.fit(_part(images), notify=_nobody, progress=False)
    except QuietScopeError as error:  # too small, too clean: then there is no second opinion
        tell_why(str(error))
        return None
    assert denoiser.fit_report is not None
    if denoiser.fit_report.interrupted:  # Ctrl-C ended this training, which nobody had asked for
        raise KeyboardInterrupt
    return denoiser


def has_opinion(
    configuration: "Configuration", images: Sequence[Image], device: "torch.device | str | None" = None
) -> bool:
    """Tell whether images have a second opinion, as far as a look at their noise tells it.

    Args:
        configuration: That of the other method.
        images: The noisy images.
        device: Where to compute; the best there is if None.
    """
    return _settled(configuration, images, device, _nobody) is not None


def _part(images: Sequence[Image]) -> Image:
    """Return the part of images that a second opinion is fitted to."""
    return parts_of(images, 2, (SIDE, SIDE), MOST_FRAMES)


def _settled(
    configuration: "Configuration",
    images: Sequence[Image],
    device: "torch.device | str | None",
    tell_why: "Notify",
) -> "Configuration | None":
    """Return the settings of the method that comes trained; None where it does not suit these images."""
    from quietscope.denoiser import Denoiser
    from quietscope.methods import METHODS
    from quietscope.methods.pretrained import PretrainedMethod

    if configuration.normalize == "each":
        tell_why("these images have a unit each")
        return None
    part = _part(images)
    noise = "auto" if configuration.noise == "bootstrap" else configuration.noise
    denoiser = Denoiser(method="auto", noise=noise, seed=configuration.seed, device=device)
    try:
        settled = denoiser.settle(part, notify=_nobody)  # without a budget, what comes trained wherever that suits
        is_suited = issubclass(METHODS[settled.method], PretrainedMethod)
        if not is_suited:
            tell_why(_why_unsuited(part))
    except QuietScopeError as error:  # too small, too clean, no noise model
        tell_why(str(error))
        return None
    if not is_suited:
        return None
    return settled.model_copy(update={"steps": STEPS})


def _why_unsuited(part: Image) -> str:
    """Say why the method that comes trained was not chosen for an image."""
    from quietscope.data.frames import Frames
    from quietscope.data.measured import as_measured
    from quietscope.diagnosis import reason
    from quietscope.diagnosis.recording import diagnose_frames

    unsure = [each.advice for each in diagnose_frames(Frames.of([as_measured(part)], 2)) if not each.advice.sure]
    if not unsure:
        return "this noise is none that `instant`, by which it is estimated, knows"
    size, doubts = part.layout(2).spatial_shape, "; ".join(dict.fromkeys(map(reason, unsure)))
    is_small = part.layout(2).num_frames * math.prod(size) < FEW_PIXELS
    few = f", and {' x '.join(map(str, size))} pixels are few to tell it by" if is_small else ""
    return f"it is not sure which kind of noise this is{few} ({doubts})"


def judge_of(
    configuration: "Configuration", images: Sequence[Image], device: "torch.device | str | None" = None
) -> "Judge | None":
    """Make what tells how good a method is while it learns, for the training setting `stop_when_settled`.

    Args:
        configuration: That of the method, settled.
        images: The noisy images that it is to learn from.
        device: Where to compute; the best there is if None.

    Returns:
        The judge; None where there is no second opinion of these images, so that the validation loss has to tell.
    """
    from quietscope.methods import METHODS
    from quietscope.model.running_psnr import RunningPsnr, passes_of
    from quietscope.training.settling import Judge

    second = second_opinion(configuration, images, device)
    if second is None:
        return None
    dims, passes = configuration.dims, passes_of(METHODS[configuration.method])
    depth = [DEPTH][: dims - 2]
    side = math.isqrt(PIXELS_JUDGED // (MOST_JUDGED * passes * math.prod(depth)))
    part = parts_of(images, dims, (*depth, side, side), MOST_JUDGED, configuration.context)
    psnr = RunningPsnr(second, part, configuration.training_settings().precision)
    return Judge(psnr=psnr, name=f"`{second.method.name}`")


def _nobody(_line: str) -> None:
    """What is noticed of these images was said before the other method learnt from them."""
