"""``quietscope import``: a model that another program trained, as a model file."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from quietscope.cli.options import Flag, Output
from quietscope.cli.screen import Screen
from quietscope.errors import SettingsError
from quietscope.io.atomic import check_target


def import_(
    checkpoint: Annotated[Path, Parameter(help="Checkpoint of another program: a file that torch.save wrote.")],
    /,
    *,
    output: Annotated[Path, Output, Parameter(help="Model file to write, ending in .safetensors.")],
    mean: Annotated[
        str | None,
        Parameter(
            help="Mean that the network subtracts, one or one per channel, where the checkpoint has none. "
            "Default: the checkpoint's."
        ),
    ] = None,
    std: Annotated[
        str | None,
        Parameter(
            help="Standard deviation that it divides by, where the checkpoint has none. Default: the checkpoint's."
        ),
    ] = None,
    noise: Annotated[
        str | None,
        Parameter(
            help="Noise model, where the checkpoint has none: sigma=NUMBER or a noise file, or one per channel. "
            "Default: the checkpoint's."
        ),
    ] = None,
    overwrite: Annotated[bool, Flag, Parameter(help="Replace a model file that exists.")] = False,
) -> None:
    """Make a model file of a checkpoint that another program wrote, to predict with.

    Whole pickled models are read too; nothing in a checkpoint is run.
    """
    from quietscope.importers import import_model

    check_target(output, overwrite)
    denoiser = import_model(checkpoint, mean=_numbers(mean, "--mean"), std=_numbers(std, "--std"), noise=noise)
    denoiser.save(output, overwrite=overwrite)
    screen, weights = Screen(), sum(weight.numel() for weight in denoiser.method.parameters())
    screen.show(f"{denoiser.card.source}: {denoiser.method.name}, {weights:,} parameters")
    screen.show(f"model: {output}")


def _numbers(text: str | None, option: str) -> tuple[float, ...] | None:
    try:
        return None if text is None else tuple(float(word) for word in text.split(","))
    except ValueError as error:
        raise SettingsError(
            f"a number after {option}, or one per channel separated by commas", repr(text), f"pass e.g. `{option} 100`"
        ) from error
