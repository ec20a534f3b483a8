"""``quietscope compress``: a smaller and faster model, if it loses no more than it may."""

from functools import partial
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from quietscope.cli.options import Axes, Flag, Mask, Output, Series, Several, read_images
from quietscope.cli.screen import Screen
from quietscope.io.atomic import check_target
from quietscope.report.table import duration


def compress(
    model: Annotated[Path, Parameter(help="Model file, e.g. runs/cells/model.safetensors.")],
    /,
    *,
    data: Annotated[
        list[Path], Several, Parameter(help="Noisy images like those that the model learnt from, or the same.")
    ],
    output: Annotated[Path, Output, Parameter(help="Folder of the compressed model, to be made.")],
    prune: Annotated[
        float | None, Parameter(help="Share of the channels to remove, e.g. 0.5; fine-tunes. Default: none.")
    ] = None,
    int8: Annotated[bool, Flag, Parameter(help="Compute in 8 bits, calibrated on DATA. Default: no.")] = False,
    max_loss_db: Annotated[
        float, Parameter(help="PSNR that all steps together may lose, in dB; beyond it nothing is written.")
    ] = 0.1,
    backend: Annotated[
        str, Parameter(help="What is to run it: openvino (CPU), onnx (GPU and others) or torch (pruning alone).")
    ] = "openvino",
    clean: Annotated[
        list[Path] | None, Several, Parameter(help="Clean references, one per image, to judge by. Default: none.")
    ] = None,
    budget: Annotated[str | None, Parameter(help="With --prune: fine-tuning time: 90s, 10m. Default: 4m.")] = None,
    steps: Annotated[
        int | None,
        Parameter(
            help="With --prune: fine-tuning steps, instead of or besides a budget. Default: no limit but the budget."
        ),
    ] = None,
    axes: Axes = None,
    series: Series = None,
    mask: Mask = None,
    seed: Annotated[int, Parameter(help="Seed of everything random.")] = 0,
    overwrite: Annotated[bool, Flag, Parameter(help="Replace a compressed model that exists.")] = False,
) -> int:
    """Make a trained model smaller and faster, and write it only if it loses next to nothing.

    Without --prune and --int8 the model is converted to the backend, and no more. Every step is judged on images that
    it has not seen (where DATA has 10 frames or more): against the clean references; without them by the method that
    comes trained, where it suits the noise, else in a rehearsal whose truth is what the full model makes of DATA. The
    result is a folder, which predict takes like any model.
    """
    from quietscope import Denoiser
    from quietscope.compression import Compression, is_compressed
    from quietscope.compression import compress as make
    from quietscope.pipeline.inputs import open_beside
    from quietscope.pipeline.opinion import second_opinion

    screen = Screen()
    check_target(output, overwrite, is_compressed)
    chosen = Compression(
        share=prune, int8=int8, max_loss_db=max_loss_db, backend=backend, budget=budget, steps=steps, seed=seed
    )
    denoiser = Denoiser.load(model, device="cpu")
    noisy = read_images(data, axes, series, mask)
    references = None if clean is None else [open_beside(each, axes, series) for each in clean]
    second = partial(second_opinion, denoiser.configuration, noisy, denoiser.device)
    work = partial(make, denoiser, noisy, output, chosen, clean=references, second=second, overwrite=overwrite)
    work = partial(work, notify=screen.note)
    if prune is None:
        report = work()
    else:
        with screen.training() as watch:
            report = work(watch=watch)
        screen.show(f"fine-tuned {report.steps} steps in {duration(report.training_seconds)}")
    screen.show(report.table())
    for step, cost in report.costs.items():
        screen.show(f"{step}: {cost:+.3f} dB")
    screen.show(f"compressed model: {output}")
    return 0
