"""``quietscope predict``: denoise images with a trained model."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from quietscope.cli.options import (
    NO_PREDICTION_OPTIONS,
    Axes,
    Flag,
    Group,
    Mask,
    Output,
    PredictionOptions,
    Series,
    check_alone,
)
from quietscope.cli.part_options import NO_PART, PartOptions
from quietscope.cli.screen import Screen, rows_table, status_of
from quietscope.cli.storage_options import NO_STORAGE, StorageOptions
from quietscope.errors import SettingsError

if TYPE_CHECKING:
    from quietscope.pipeline.outcome import Outcome
    from quietscope.pipeline.plan import PredictPlan


def predict(
    model: Annotated[
        Path,
        Parameter(help="Model file, e.g. runs/cells/model.safetensors, an exported one, or a folder of compress."),
    ],
    images: Annotated[
        list[Path],
        Parameter(
            name="IMAGES...",
            help='Noisy images, taken like those the model learnt from: files, folders, or patterns as "day*/*.tif".',
        ),
    ],
    /,
    *,
    output: Annotated[
        Path,
        Output,
        Parameter(help="Folder for the results; or, of one image, the result, whose extension picks the format."),
    ],
    axes: Axes = None,
    series: Series = None,
    mask: Mask = None,
    part: Annotated[PartOptions, Group] = NO_PART,
    format: Annotated[
        str | None, Parameter(help="Of results in a folder: ome.tif, tif, ome.zarr, npy or png. Default: ome.tif.")
    ] = None,
    seed: Annotated[int, Parameter(help="Seed of the samples.")] = 0,
    device: Annotated[str | None, Parameter(help="cpu or cuda. Default: cuda where there is one.")] = None,
    prediction: Annotated[PredictionOptions, Group] = NO_PREDICTION_OPTIONS,
    storing: Annotated[StorageOptions, Group] = NO_STORAGE,
    resume: Annotated[
        bool, Flag, Parameter(help="Pass over images whose results an earlier run of the same kind has written.")
    ] = False,
    insist: Annotated[
        bool, Flag, Parameter(help="Go on where the image is unlike those of training, and the result must be wrong.")
    ] = False,
    json: Annotated[bool, Flag, Parameter(help="Say what was written and the verdict as JSON.")] = False,
) -> int:
    """Denoise images with a trained model.

    Into a folder go NAME_denoised (and NAME_std and so on) of every image, below the folders that it lies in, and
    predicted.csv, a line for each. What cannot be read or does not fit is told, and the others go on; the exit status
    is then 2. What was stopped or killed goes on with --resume.

    The estimate of one image may have a name of its own, OUTPUT; deviation, quantiles and samples go beside it, as
    OUTPUT_std and so on. Where a result is of no use, the exit status is 3.
    """
    from quietscope.pipeline.planning import plan_predict
    from quietscope.pipeline.run import run

    screen, results = Screen(data_only=json), prediction.results(format or "ome.tif")
    results = replace(results, storage=storing.storage)
    check_alone(resume=resume, overwrite=prediction.overwrite)
    plan = plan_predict(
        model,
        images,
        output,
        axes=axes,
        series=series,
        mask=mask,
        part=part.part,
        device=device,
        results=results,
        request=prediction.request(seed, results.asked),
        overwrite=prediction.overwrite,
        resume=resume,
        insist=insist,
    )
    if format is not None and plan.folder is None:
        raise SettingsError(f"--format for results in a folder, or {output} alone", "both", "leave --format out")
    try:
        with screen.listening() as events:
            outcome = run(plan, events)
    except KeyboardInterrupt:
        if plan.folder is not None and plan.lists["journal"].exists():
            screen.note(f"go on with `quietscope predict ... -o {output} --resume`")
        raise
    _tell(plan, outcome, screen, as_json=json)
    return status_of(outcome)


def _tell(plan: "PredictPlan", outcome: "Outcome", screen: Screen, *, as_json: bool) -> None:
    """Say what was written, and what it is worth."""
    if outcome.tally is None:
        [image] = outcome.images
        if as_json:
            screen.show_json(image.values())
            return
        for kind, path in plan.targets.files(0).items():
            screen.show(f"{kind}: {path}")
        screen.show(f"regions that noise does not explain: {image.unexplained.words}")
        screen.show(f"verdict: {outcome.verdict.words}")
    elif as_json:
        screen.show_json_list(plan.records())
    else:
        rows = [*outcome.tally.words(), ("table", str(outcome.files["table"]))]
        screen.show(rows_table(rows, "QuietScope"))
