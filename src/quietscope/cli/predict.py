"""``quietscope predict``: denoise an image with a trained model."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from quietscope.cli.denoise import write_results
from quietscope.cli.options import NO_PREDICTION_OPTIONS, Axes, Group, Output, PredictionOptions, read_images
from quietscope.cli.outputs import Plan, choose_results, files_beside
from quietscope.cli.screen import Screen


def predict(
    model: Annotated[Path, Parameter(help="Model file, e.g. runs/cells/model.safetensors.")],
    image: Annotated[Path, Parameter(help="Noisy image, taken like those the model learnt from.")],
    /,
    *,
    output: Annotated[Path, Output, Parameter(help="Result; its extension picks the format.")],
    axes: Axes = None,
    seed: Annotated[int, Parameter(help="Seed of the samples.")] = 0,
    device: Annotated[str | None, Parameter(help="cpu or cuda. Default: cuda where there is one.")] = None,
    prediction: Annotated[PredictionOptions, Group] = NO_PREDICTION_OPTIONS,
) -> None:
    """Denoise an image with a trained model.

    The estimate goes to OUTPUT; deviation, quantiles and samples go beside it, as OUTPUT_std and so on.
    """
    from quietscope import Denoiser

    screen = Screen()
    denoiser = Denoiser.load(model, device=device)
    wanted = choose_results(prediction, type(denoiser.method), default=())
    [noisy] = read_images([image], axes)
    plan = Plan(image=noisy, files=files_beside(output, wanted), main=wanted.main, options=prediction)
    plan.check()
    write_results(denoiser, plan, screen, seed)
    for kind, path in plan.files.items():
        screen.show(f"{kind}: {path}")
