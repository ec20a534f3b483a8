"""A second opinion of what a method has learnt: the one that comes trained, fitted to the same images in seconds."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from quietscope.errors import QuietScopeError
from quietscope.io import Image
from quietscope.pipeline.parts import parts_of

if TYPE_CHECKING:
    import torch

    from quietscope.denoiser import Denoiser
    from quietscope.presets import Configuration
    from quietscope.training.settling import Judge

MOST_FRAMES, SIDE = 8, 512
"""Parts of frames that the second opinion is fitted to, and their side in pixels."""

MOST_JUDGED, DEPTH, PIXELS_JUDGED = 8, 8, 1 << 18
"""Parts that a method in training is judged on, their depth in a volume, and how often a pixel of them is computed at
most, all together: about what a step of training takes."""

STEPS: int | None = None
"""Steps of fitting it; None for those of its preset."""


def second_opinion(
    configuration: "Configuration", images: Sequence[Image], device: "torch.device | str | None" = None
) -> "Denoiser | None":
    """Fit the method that comes trained to images that another method has learnt from.

    Args:
        configuration: That of the other method: its noise model, where one was given, and its seed are taken over.
        images: The noisy images.
        device: Where to compute; the best there is if None.

    Returns:
        The denoiser; None where it does not suit the noise of these images, or they have a unit each.
    """
    from quietscope.denoiser import Denoiser
    from quietscope.methods import METHODS
    from quietscope.methods.pretrained import PretrainedMethod

    if configuration.normalize == "each":
        return None
    part = parts_of(images, 2, (SIDE, SIDE), MOST_FRAMES)
    noise = "auto" if configuration.noise == "bootstrap" else configuration.noise
    denoiser = Denoiser(method="auto", noise=noise, seed=configuration.seed, device=device)
    try:
        settled = denoiser.settle(part, notify=_nobody)  # without a budget, what comes trained wherever that suits
        if not issubclass(METHODS[settled.method], PretrainedMethod):
            return None
        own = settled.model_copy(update={"steps": STEPS})
        denoiser = Denoiser.from_configuration(own, device=device).fit(part, notify=_nobody, progress=False)
    except QuietScopeError:  # too small, too clean, no noise model: then there is no second opinion
        return None
    assert denoiser.fit_report is not None
    if denoiser.fit_report.interrupted:  # Ctrl-C ended this training, which nobody had asked for
        raise KeyboardInterrupt
    return denoiser


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
