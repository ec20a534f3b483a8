"""``quietscope noise fit``: a noise model from pairs of noisy and clean images."""

from pathlib import Path
from typing import Annotated

import numpy as np
from cyclopts import Parameter

from quietscope.cli.options import Axes, Flag, Mask, Output, Series, also
from quietscope.cli.pair_reading import read_pair
from quietscope.cli.screen import Screen
from quietscope.data.planes import Plane, measured_pixels, pairs
from quietscope.errors import NoiseError
from quietscope.io import Image
from quietscope.io.atomic import check_target
from quietscope.pipeline.files import files_per_channel

MOST_PIXELS = 1 << 24
"""More pairs than these 16 million say nothing new, and those of a long calibration would fill the memory."""


def noise_fit(
    noisy: Annotated[Path, Parameter(help="Noisy image.")],
    /,
    *,
    clean: Annotated[Path, Parameter(help="The same pixels without noise, e.g. the mean of many frames.")],
    output: Annotated[Path, Output, Parameter(help="Noise file: .safetensors; also .npz (mixture), .npy (histogram).")],
    model: Annotated[
        str,
        Parameter(help="gaussian-mixture, histogram, poisson-gaussian or gaussian." + also("quietscope.noise_models")),
    ] = "gaussian-mixture",
    axes: Axes = None,
    series: Series = None,
    mask: Mask = None,
    overwrite: Annotated[bool, Flag, Parameter(help="Replace a noise file that exists.")] = False,
) -> None:
    """Fit the noise to pairs of noisy and clean images, and say how well it fits."""
    from quietscope.noise import BASE_MODELS, fit_noise, goodness_of_fit
    from quietscope.noise.noise_file import check_kind_fits, save_noise_model

    screen = Screen()
    if model not in BASE_MODELS:
        raise NoiseError(f"one of {', '.join(BASE_MODELS)}", repr(model), "pass e.g. `--model gaussian-mixture`")
    image, reference = read_pair(noisy, clean, axes, series, mask, screen.note)
    files = files_per_channel(output, image.layout().num_channels)
    for path in files:
        check_kind_fits(path, model)
        check_target(path, overwrite)
    for channel, path in enumerate(files):
        signal, observation = _pixels(image, reference, channel)
        fitted = fit_noise(model, signal, observation)
        save_noise_model(path, fitted, overwrite=overwrite)
        screen.show(f"{path}: {fitted.describe()}")
        screen.show(f"  {goodness_of_fit(fitted, signal, observation).words()}")


def _pixels(image: Image, reference: Image, channel: int) -> tuple[Plane, Plane]:
    """Return signal and observation of one channel, from frames spread evenly where there are too many pixels."""
    layout = image.layout()
    stride = -(-layout.num_frames * int(np.prod(layout.spatial_shape)) // MOST_PIXELS)
    chosen = [pair for pair in pairs(image, reference, stride) if pair.channel == channel]
    return measured_pixels(chosen)
