"""``quietscope predict``: denoise an image with a trained model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from quietscope.cli.options import NO_PREDICTION_OPTIONS, Axes, Group, Output, PredictionOptions, read_images
from quietscope.cli.outputs import Abilities, Plan, Wanted, choose_results, files_beside
from quietscope.cli.results import write_results
from quietscope.cli.screen import Screen

if TYPE_CHECKING:
    from quietscope import Denoiser, Deployed
    from quietscope.deploy.predict import LeanPredictor


def predict(
    model: Annotated[
        Path,
        Parameter(help="Model file, e.g. runs/cells/model.safetensors, an exported one, or a folder of compress."),
    ],
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
    from quietscope.deploy import is_exported, model_in

    screen = Screen()
    file = model_in(model)
    open_model = _exported if is_exported(file) else _trained
    denoiser, wanted = open_model(file, device, prediction)
    [noisy] = read_images([image], axes)
    plan = Plan(image=noisy, files=files_beside(output, wanted), main=wanted.main, options=prediction)
    plan.check()
    write_results(denoiser, plan, screen, seed)
    for kind, path in plan.files.items():
        screen.show(f"{kind}: {path}")


def _trained(file: Path, device: str | None, options: PredictionOptions) -> "tuple[Denoiser, Wanted]":
    from quietscope import Denoiser

    denoiser = Denoiser.load(file, device=device)
    return denoiser, choose_results(options, Abilities.of(type(denoiser.method)), default=())


def _exported(file: Path, device: str | None, options: PredictionOptions) -> "tuple[Deployed | LeanPredictor, Wanted]":
    """Open an exported model, and PyTorch only where what is wanted needs it."""
    from quietscope.deploy import open_session, read_card
    from quietscope.deploy.predict import LeanPredictor

    card = read_card(file)
    able = Abilities.named(card.method, samples=card.samples, deconvolves=card.deconvolves)
    wanted = choose_results(options, able, default=())
    session = open_session(file, device)
    if LeanPredictor.can(wanted.kinds):
        return LeanPredictor(session=session), wanted
    from quietscope.model.exported import Deployed

    return Deployed(session), wanted
