"""``quietscope demo``: denoise the sample that comes with the package."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from quietscope.cli.options import (
    NO_PREDICTION_OPTIONS,
    Group,
    Output,
    PredictionOptions,
)
from quietscope.cli.training_options import NO_TRAINING_OPTIONS, TrainingOptions
from quietscope.cli.verbs.denoise import denoise
from quietscope.samples import sample_path


def demo(
    *,
    output: Annotated[Path, Output, Parameter(help="Folder for the results.")],
    training: Annotated[TrainingOptions, Group] = NO_TRAINING_OPTIONS,
    prediction: Annotated[PredictionOptions, Group] = NO_PREDICTION_OPTIONS,
) -> int:
    """Denoise the sample that comes with QuietScope and compare with its clean reference.

    Four fields of zebrafish tissue under a confocal microscope, from the FMD data set.
    """
    return denoise(
        [sample_path("confocal_fish_noisy")],
        output=output,
        clean=[sample_path("confocal_fish_clean")],
        training=training,
        prediction=prediction,
    )
