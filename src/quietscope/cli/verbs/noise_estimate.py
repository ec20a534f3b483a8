"""``quietscope noise estimate``: a noise model from noisy images alone."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from quietscope.cli.options import Axes, Flag, Group, Mask, Output, Series, read_measured
from quietscope.cli.part_options import NO_PART, PartOptions
from quietscope.cli.screen import Screen
from quietscope.io.atomic import check_target
from quietscope.pipeline.files import files_per_channel


def noise_estimate(
    images: Annotated[list[Path], Parameter(name="IMAGES...", help="Noisy images of one camera setting.")],
    /,
    *,
    output: Annotated[Path, Output, Parameter(help="Noise file, .safetensors; one per channel where there are more.")],
    axes: Axes = None,
    series: Series = None,
    mask: Mask = None,
    part: Annotated[PartOptions, Group] = NO_PART,
    overwrite: Annotated[bool, Flag, Parameter(help="Replace a noise file that exists.")] = False,
) -> None:
    """Estimate the noise from noisy images alone."""
    from quietscope.data.frames import Frames
    from quietscope.data.preparation import prepare
    from quietscope.noise import PoissonGaussian
    from quietscope.noise.noise_file import check_kind_fits, save_noise_model
    from quietscope.setup.noise_choice import correlation_note, measure_channel, uncertainty_note

    screen = Screen()
    noisy = read_measured(images, axes, series, mask, screen.note, part=part.part)
    frames = Frames(tuple((image.data, image.layout()) for image in noisy))
    files = files_per_channel(output, frames.num_channels)
    for path in files:
        check_kind_fits(path, PoissonGaussian.kind)
        check_target(path, overwrite)
    prepare(frames, screen.note)
    for channel, path in enumerate(files):
        estimate = measure_channel(frames, channel)
        note = correlation_note(estimate)
        for line in (note, uncertainty_note(estimate)):
            if line is not None:
                screen.note(line)
        save_noise_model(path, estimate.training_model, overwrite=overwrite)
        screen.show(f"{path}: {estimate.training_model.describe()}")
    if len(files) > 1:
        screen.show(f"use them with --noise {','.join(map(str, files))}")
