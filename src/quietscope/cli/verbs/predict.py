"""``quietscope predict``: denoise images with a trained model."""

import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from quietscope.cli.chunk_options import NO_CHUNKS, ChunkOptions
from quietscope.cli.options import (
    NO_PREDICTION_OPTIONS,
    NO_PREVIEW,
    Axes,
    Flag,
    Group,
    InOutput,
    Mask,
    Output,
    PredictionOptions,
    PreviewOptions,
    check_alone,
)
from quietscope.cli.part_options import NO_PART, PartOptions
from quietscope.cli.preview import show_plan
from quietscope.cli.screen import Screen, rows_table, status_of
from quietscope.cli.storage_options import NO_STORAGE, StorageOptions
from quietscope.cli.using_options import USUAL_USE, SeriesOrAll, UsingOptions
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
    series: SeriesOrAll = None,
    mask: Mask = None,
    part: Annotated[PartOptions, Group] = NO_PART,
    format: Annotated[
        str | None,
        InOutput,
        Parameter(help="Of results in a folder: ome.tif, tif, ome.zarr, npy or png. Default: ome.tif."),
    ] = None,
    using: Annotated[UsingOptions, Group] = USUAL_USE,
    prediction: Annotated[PredictionOptions, Group] = NO_PREDICTION_OPTIONS,
    storing: Annotated[StorageOptions, Group] = NO_STORAGE,
    chunks: Annotated[ChunkOptions, Group] = NO_CHUNKS,
    resume: Annotated[
        bool,
        Flag,
        Parameter(help="Go on with a run that was stopped: images, or chunks of one, that it has written are kept."),
    ] = False,
    preview: Annotated[PreviewOptions, Group] = NO_PREVIEW,
) -> int:
    """Denoise images with a trained model.

    Into a folder go NAME_denoised (and NAME_std and so on) of every image, below the folders that it lies in, and
    predicted.csv, a line for each. What cannot be read or does not fit is told, and the others go on; the exit status
    is then 2. What was stopped or killed goes on with --resume.

    The estimate of one image may have a name of its own, OUTPUT; deviation, quantiles and samples go beside it, as
    OUTPUT_std and so on. Where a result is of no use, the exit status is 3.

    One large image is denoised by chunks with --workers, --scheduler or --part, into OME-Zarr; no pixel depends on how
    many there are.
    """
    from quietscope.pipeline.chunks.chunk_plan import ChunkPlan
    from quietscope.pipeline.chunks.chunk_planning import plan_chunks
    from quietscope.pipeline.plan import PredictPlan
    from quietscope.pipeline.planning import plan_predict
    from quietscope.pipeline.run import run

    screen, results = Screen(data_only=preview.json), prediction.results(format or "ome.tif")
    results = replace(results, storage=storing.storage)
    check_alone(resume=resume, overwrite=prediction.overwrite)
    alike: dict[str, Any] = {
        "axes": axes,
        "series": series,
        "mask": mask,
        "part": part.part,
        "device": using.device,
        "results": results,
        "request": prediction.request(using.seed, results.asked),
        "overwrite": prediction.overwrite,
        "resume": resume,
        "insist": using.insist,
    }
    sharing = chunks.sharing()
    plan: PredictPlan | ChunkPlan
    if sharing is None:
        plan = plan_predict(model, images, output, **alike)
        is_folder = plan.folder is not None
    else:
        plan, is_folder = plan_chunks(model, images, output, sharing, **alike), False
    if format is not None and not is_folder:
        raise SettingsError(f"--format for results in a folder, or {output} alone", "both", "leave --format out")
    if preview.dry_run:
        show_plan(plan, preview, screen)
        return 0
    try:
        with screen.listening() as events:
            outcome = run(plan, events)
    except KeyboardInterrupt:
        if plan.is_begun:
            screen.note(f"go on with `quietscope predict ... -o {shlex.quote(str(output))} --resume`")
        raise
    if isinstance(plan, PredictPlan):
        _tell(plan, outcome, screen, as_json=preview.json)
    else:
        _tell_of_one(plan.job.targets.files(0), outcome, screen, as_json=preview.json)
    return status_of(outcome)


def _tell_of_one(files: "Mapping[str, Path]", outcome: "Outcome", screen: Screen, *, as_json: bool) -> None:
    """Say what was written of one image, and what it is worth; nothing where others are still at work on it."""
    for image in outcome.images:
        if as_json:
            screen.show_json(image.values())
            return
        for kind, path in files.items():
            screen.show(f"{kind}: {path}")
        screen.show(f"regions that noise does not explain: {image.unexplained.words}")
        screen.show(f"verdict: {outcome.verdict.words}")


def _tell(plan: "PredictPlan", outcome: "Outcome", screen: Screen, *, as_json: bool) -> None:
    """Say what was written, and what it is worth."""
    if outcome.tally is None:
        _tell_of_one(plan.targets.files(0), outcome, screen, as_json=as_json)
    elif as_json:
        screen.show_json_list(plan.records())
    else:
        rows = [*outcome.tally.words(), ("table", str(outcome.files["table"]))]
        screen.show(rows_table(rows, "QuietScope"))
