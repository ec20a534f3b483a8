"""What a model loses, told without a clean reference by another model that knows its own error."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from quietscope.compression.gate import Array, Mask, Trial
from quietscope.data.mask import NAN
from quietscope.denoiser import Denoiser
from quietscope.io import Image
from quietscope.model.judge_by import Opinion
from quietscope.tiling.request import DEFAULT_REQUEST

SecondOpinion: TypeAlias = Callable[[], Denoiser | None]
"""A function that fits another model to the images, when it is needed; None where none suits them.

`quietscope.pipeline.opinion.second_opinion` is one, once it is told configuration and images.
"""


def opinion_trial(second: Denoiser, noisy: Sequence[Array], known: tuple[Mask, ...] | None = None) -> Trial:
    """Return held-out images with what another model says of the signal in them, computed once for all that is judged.

    Where s' and w^2 are mean and variance of the signal as the other model has them, the mean squared error of an
    estimate m is ``mean((m - s')^2 + w^2)`` (`quietscope.metrics.second_opinion`), and what a compressed model loses is

        10 log10(MSE_compressed / MSE_full).

    No noise is drawn, so that models see the images that they will see. Measured (`benchmarks/gates.py`; U-Net and HDN,
    150 steps each, W2S and Confocal_FISH), in dB by the clean reference, the opinion and a rehearsal: HDN in int8
    -0.05, -0.07 and 0.16, and 0.01, 0.01 and 0.00; HDN less a quarter of its channels -0.04, 0.00 and 0.79, and -0.01,
    0.00 and 0.43; U-Nets in int8 0.02, 0.03 and 0.11, and 0.00 three times. Large losses come out 0.1 to 0.5 dB too
    large (U-Nets less a quarter: 1.62, 1.82 and 2.42; 0.28, 0.49 and 0.25).

    Args:
        second: The other model, of planes, whose deviation is that of its error.
        noisy: Held-out images (C, *S).
        known: Which pixels were measured, of the images' shapes; None for all.

    Returns:
        The trial, of kind "opinion".

    Raises:
        QuietScopeError: If the images do not fit the model, or it gives no deviation.
    """
    found = [Opinion.of(second, _image(x, number, known), DEFAULT_REQUEST) for number, x in enumerate(noisy)]
    return Trial(
        noisy=tuple(noisy),
        truth=tuple(each.mean for each in found),
        width=tuple(each.std for each in found),
        kind="opinion",
        known=known,
    )


def _image(noisy: Array, number: int, known: tuple[Mask, ...] | None) -> Image:
    """Return a box as an image of its own, which has gaps where nothing was measured."""
    axes = "CYX" if noisy.ndim == 3 else "CZYX"
    if known is None:
        return Image(noisy, axes)
    return Image(np.where(known[number], noisy, np.nan).astype(np.float32), axes, mask=NAN)
