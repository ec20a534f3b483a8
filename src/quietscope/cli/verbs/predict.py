"""``quietscope predict``: denoise an image with a trained model."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from quietscope.cli.options import NO_PREDICTION_OPTIONS, Axes, Flag, Group, Mask, Output, PredictionOptions, Series
from quietscope.cli.screen import Screen, status_of


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
    series: Series = None,
    mask: Mask = None,
    seed: Annotated[int, Parameter(help="Seed of the samples.")] = 0,
    device: Annotated[str | None, Parameter(help="cpu or cuda. Default: cuda where there is one.")] = None,
    prediction: Annotated[PredictionOptions, Group] = NO_PREDICTION_OPTIONS,
    insist: Annotated[
        bool, Flag, Parameter(help="Go on where the image is unlike those of training, and the result must be wrong.")
    ] = False,
    json: Annotated[bool, Flag, Parameter(help="Say what was written and the verdict as JSON.")] = False,
) -> int:
    """Denoise an image with a trained model.

    The estimate goes to OUTPUT; deviation, quantiles and samples go beside it, as OUTPUT_std and so on.
    Where the result is of no use, the exit status is 3.
    """
    from quietscope.pipeline.planning import plan_predict
    from quietscope.pipeline.run import run

    screen, results = Screen(data_only=json), prediction.results()
    plan = plan_predict(
        model,
        image,
        output,
        axes=axes,
        series=series,
        mask=mask,
        device=device,
        results=results,
        request=prediction.request(seed, results.asked),
        overwrite=prediction.overwrite,
        insist=insist,
    )
    with screen.listening() as events:
        outcome = run(plan, events)
    if json:
        screen.show_json(outcome.images[0].values())
        return status_of(outcome)
    for kind, path in plan.target.files.items():
        screen.show(f"{kind}: {path}")
    screen.show(f"regions that noise does not explain: {outcome.images[0].unexplained.words}")
    screen.show(f"verdict: {outcome.verdict.words}")
    return status_of(outcome)
