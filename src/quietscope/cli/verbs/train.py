"""``quietscope train``: a model in a run folder."""

import shlex
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from quietscope.cli import INTERRUPTED, TERMINATED
from quietscope.cli.options import (
    NO_PREVIEW,
    Axes,
    Flag,
    Group,
    Mask,
    Output,
    PreviewOptions,
    check_alone,
)
from quietscope.cli.part_options import NO_PART, PartOptions
from quietscope.cli.preview import show_plan
from quietscope.cli.screen import Screen
from quietscope.cli.training_options import NO_TRAINING_OPTIONS, TrainingOptions
from quietscope.cli.using_options import SeriesOrAll


def train(
    images: Annotated[
        list[Path], Parameter(name="IMAGES...", help="Noisy images to learn from: files, folders, or patterns.")
    ],
    /,
    *,
    output: Annotated[Path, Output, Parameter(help="Run folder.")],
    axes: Axes = None,
    series: SeriesOrAll = None,
    mask: Mask = None,
    part: Annotated[PartOptions, Group] = NO_PART,
    training: Annotated[TrainingOptions, Group] = NO_TRAINING_OPTIONS,
    resume: Annotated[bool, Flag, Parameter(help="Go on with the run in this folder, as if never stopped.")] = False,
    overwrite: Annotated[bool, Flag, Parameter(help="Start anew in the folder of an earlier run.")] = False,
    preview: Annotated[PreviewOptions, Group] = NO_PREVIEW,
) -> int:
    """Train a model in a run folder, to be used on other images.

    Writes model.safetensors (the weights to use), best.safetensors (lowest validation loss), last.safetensors,
    config.yaml, report.html (made of report.json) and logs, and with --direct also direct.safetensors; Ctrl-C ends
    training early and keeps what was learnt, and --resume goes on.
    """
    from quietscope.metrics.verdict import num_steps
    from quietscope.pipeline.planning import plan_train
    from quietscope.pipeline.run import run
    from quietscope.report.table import duration

    screen = Screen(data_only=preview.json)
    check_alone(resume=resume, overwrite=overwrite)
    training.check_trackers()
    plan = plan_train(
        images,
        output,
        training.settings(),
        axes=axes,
        series=series,
        mask=mask,
        part=part.part,
        device=training.device,
        devices=training.devices,
        overwrite=overwrite,
        resume=resume,
    )
    if preview.dry_run:
        show_plan(plan, preview, screen)
        return 0
    with screen.listening() as events:
        outcome = run(plan, events, log=training.trackers)
    trained = outcome.trained
    assert trained is not None
    if preview.json:
        screen.show_json({"comparison": list(outcome.comparison), **outcome.training_values()})
    else:
        for channel, noise in enumerate(trained.noise):
            screen.show(f"noise of channel {channel}: {noise}")
        screen.show(f"trained {num_steps(trained.steps)} in {duration(trained.seconds)}: {outcome.files['model']}")
        for line in outcome.comparison:
            screen.show(line)
        screen.show(f"verdict: {outcome.verdict.words}")
    if trained.interrupted:
        screen.note(f"stopped early; go on with `quietscope train ... -o {shlex.quote(str(output))} --resume`")
        return TERMINATED if trained.terminated else INTERRUPTED
    return 0
