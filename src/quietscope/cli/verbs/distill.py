"""``quietscope distill``: a network that gives a model's mean or median in one pass."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from quietscope.cli import INTERRUPTED, TERMINATED
from quietscope.cli.options import Axes, Flag, Mask, Output, Series, Several, read_images
from quietscope.cli.screen import Screen
from quietscope.errors import Terminated
from quietscope.io.alive import making
from quietscope.io.atomic import check_target
from quietscope.metrics.verdict import num_steps
from quietscope.report.table import duration


def distill(
    model: Annotated[Path, Parameter(help="Model file of any method, e.g. runs/cells/model.safetensors.")],
    images: Annotated[
        list[Path], Parameter(name="IMAGES...", help="Noisy images like those that the model learnt from, or the same.")
    ],
    /,
    *,
    output: Annotated[Path, Output, Parameter(help="Model file of the direct denoiser.")],
    loss: Annotated[
        Literal["mean", "median"],
        Parameter(help="What it gives: the model's image or its samples' mean, or their median pixel by pixel."),
    ] = "mean",
    preset: Annotated[
        str, Parameter(help="fast (minutes on a CPU), quick (a small network, for speed) or large (for a GPU).")
    ] = "fast",
    budget: Annotated[str | None, Parameter(help="Training time: 90s, 10m, 1h30m. Default: the preset's.")] = None,
    steps: Annotated[
        int | None, Parameter(help="Training steps, instead of or besides a budget. Default: no limit but the budget.")
    ] = None,
    clean: Annotated[
        list[Path] | None, Several, Parameter(help="Clean references, one per image, to judge both by. Default: none.")
    ] = None,
    samples: Annotated[int, Parameter(help="Samples of the model to compare with in the end.")] = 100,
    axes: Axes = None,
    series: Series = None,
    mask: Mask = None,
    seed: Annotated[int, Parameter(help="Seed of everything random.")] = 0,
    device: Annotated[str | None, Parameter(help="cpu or cuda. Default: cuda where there is one.")] = None,
    overwrite: Annotated[bool, Flag, Parameter(help="Replace a model file that exists.")] = False,
) -> int:
    """Train a network that gives a model's mean or median in one pass, instead of a hundred samples or a large network.

    The result is a model as any other: predict takes it. In the end it is compared with MODEL, in
    quality and time; the figures go into the file.
    """
    from quietscope import Denoiser, distill
    from quietscope.distillation.compare import check_alike, check_num_samples
    from quietscope.distillation.student import check_teacher
    from quietscope.pipeline.comparing import compare
    from quietscope.pipeline.inputs import open_beside

    screen = Screen()
    check_target(output, overwrite)
    teacher = Denoiser.load(model, device=device)
    check_teacher(type(teacher.method), loss)
    check_num_samples(samples)
    noisy, truth = read_images(images, axes, series, mask), None
    if clean is not None:
        truth = [open_beside(each, axes, series) for each in clean]
        check_alike(noisy, truth, teacher.method.spatial_dims)
    with making(output), screen.training() as watch:
        try:
            direct = distill(
                teacher,
                noisy,
                loss=loss,
                preset=preset,
                budget=budget,
                steps=steps,
                seed=seed,
                watch=watch,
                notify=screen.note,
            )
        except Terminated as end:
            if end.learnt is None:
                raise
            direct = end.learnt
        direct.save(output, overwrite=overwrite)  # before anything else can go wrong
    report = direct.fit_report
    assert report is not None
    screen.show(f"trained {num_steps(report.steps)} in {duration(report.seconds)}: {output}")
    if report.interrupted:
        screen.note("training ended early; the model is as good as it had become")
        return TERMINATED if report.terminated else INTERRUPTED
    with screen.listening() as events:
        lines = compare(teacher, direct, noisy, truth or (), samples, events)
    for line in lines:
        screen.show(line)
    direct.save(output, overwrite=True)
    return 0
