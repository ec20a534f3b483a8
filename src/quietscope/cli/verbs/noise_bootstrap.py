"""``quietscope noise bootstrap``: a noise model without calibration, from a first denoiser's pseudo-signal."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.table import Table

from quietscope.cli.options import Axes, Flag, Group, Mask, Output, Series, also, read_measured
from quietscope.cli.part_options import NO_PART, PartOptions
from quietscope.cli.screen import Screen
from quietscope.errors import NoiseError, SettingsError
from quietscope.io.atomic import check_target
from quietscope.pipeline.files import files_per_channel

if TYPE_CHECKING:
    from quietscope.noise import NoiseChoice

AUTO = "auto"


def noise_bootstrap(
    images: Annotated[list[Path], Parameter(name="IMAGES...", help="Noisy images of one camera setting.")],
    /,
    *,
    output: Annotated[Path, Output, Parameter(help="Noise file, .safetensors; one per channel where there are more.")],
    model: Annotated[
        str,
        Parameter(
            help="auto (by held-out likelihood), gaussian, poisson-gaussian, gaussian-mixture or histogram."
            + also("quietscope.noise_models")
        ),
    ] = AUTO,
    steps: Annotated[int | None, Parameter(help="Training steps of Noise2Void. Default: 400.")] = None,
    axes: Axes = None,
    series: Series = None,
    mask: Mask = None,
    part: Annotated[PartOptions, Group] = NO_PART,
    seed: Annotated[int, Parameter(help="Seed of everything random.")] = 0,
    device: Annotated[str | None, Parameter(help="cpu or cuda. Default: cuda where there is one.")] = None,
    overwrite: Annotated[bool, Flag, Parameter(help="Replace a noise file that exists.")] = False,
) -> None:
    """Measure the noise without calibration: Noise2Void makes a pseudo-signal, and the model is fitted on it."""
    from quietscope.data.frames import Frames
    from quietscope.data.preparation import prepare
    from quietscope.nn.hardware import chosen_device
    from quietscope.noise import BASE_MODELS, Gaussian
    from quietscope.noise.noise_file import check_kind_fits, save_noise_model
    from quietscope.setup.bootstrap import STEPS, bootstrap_noise

    screen = Screen()
    if model not in (AUTO, *BASE_MODELS):
        raise NoiseError(f"auto or one of {', '.join(BASE_MODELS)}", repr(model), "leave out `--model`")
    if steps is not None and steps < 1:
        raise SettingsError("at least one step", str(steps), f"pass e.g. `--steps {STEPS}`")
    noisy = read_measured(images, axes, series, mask, screen.note, part=part.part)
    frames = Frames(tuple((image.data, image.layout()) for image in noisy))
    files = files_per_channel(output, frames.num_channels)
    for path in files:
        check_kind_fits(path, Gaussian.kind if model == AUTO else model)  # any kind fits where a Gaussian does
        check_target(path, overwrite)
    prepare(frames, screen.note)
    with screen.training() as watch:
        choices = bootstrap_noise(
            frames,
            kind=None if model == AUTO else model,
            steps=steps or STEPS,
            seed=seed,
            device=chosen_device(device),
            watch=watch,
        )
    for path, choice in zip(files, choices, strict=True):
        save_noise_model(path, choice.model, overwrite=overwrite)
        if choice.table:
            screen.show(_table(choice))
        screen.show(f"chosen: {choice.reason}")
        screen.show(f"{path}: {choice.model.describe()}")
    if len(files) > 1:
        screen.show(f"use them with --noise {','.join(map(str, files))}")


def _table(choice: "NoiseChoice") -> Table:
    table = Table()
    for name in ("model", "held-out log-likelihood, nats per pixel", "standard error"):
        table.add_column(name, justify="left" if name == "model" else "right")
    for candidate in choice.table:
        table.add_row(candidate.name, f"{candidate.log_likelihood:.4f}", f"{candidate.standard_error:.4f}")
    return table
