"""``quietscope denoise``: train on the very images and denoise them."""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from quietscope.cli.options import (
    NO_PREDICTION_OPTIONS,
    NO_PREVIEW,
    Axes,
    Flag,
    Group,
    InOutput,
    InPrediction,
    Mask,
    Output,
    PredictionOptions,
    PreviewOptions,
    Several,
    check_alone,
)
from quietscope.cli.part_options import NO_PART, PartOptions
from quietscope.cli.preview import show_plan
from quietscope.cli.screen import Screen, status_of
from quietscope.cli.storage_options import NO_STORAGE, StorageOptions
from quietscope.cli.training_options import NO_TRAINING_OPTIONS, TrainingOptions
from quietscope.cli.using_options import SeriesOrAll


def denoise(
    images: Annotated[
        list[Path],
        Parameter(
            name="IMAGES...", help="Noisy images: TIFF, OME-Zarr, PNG, .npy, CZI, ND2, LIF ...; folders, patterns."
        ),
    ],
    /,
    *,
    output: Annotated[
        Path | None,
        Output,
        Parameter(
            help="Folder for the results; made where there is none. Default: NAME_quietscope beside the one image or "
            "folder that is named."
        ),
    ] = None,
    clean: Annotated[
        list[Path] | None,
        Several,
        Parameter(
            help="Clean references to judge the result by: one per image, or a folder of those of its name. "
            "Default: none."
        ),
    ] = None,
    axes: Axes = None,
    series: SeriesOrAll = None,
    mask: Mask = None,
    part: Annotated[PartOptions, Group] = NO_PART,
    format: Annotated[str, InOutput, Parameter(help="ome.tif, tif, ome.zarr, npy or png.")] = "ome.tif",
    training: Annotated[TrainingOptions, Group] = NO_TRAINING_OPTIONS,
    prediction: Annotated[PredictionOptions, Group] = NO_PREDICTION_OPTIONS,
    storing: Annotated[StorageOptions, Group] = NO_STORAGE,
    calibrate: Annotated[
        bool,
        InPrediction,
        Parameter(
            negative="--no-calibrate",
            help="Make deviations honest and estimate the PSNR, without a clean image: half a minute.",
        ),
    ] = True,
    resume: Annotated[bool, Flag, Parameter(help="Go on with the run that was stopped in this folder.")] = False,
    preview: Annotated[PreviewOptions, Group] = NO_PREVIEW,
) -> int:
    """Train on the very images and denoise them: no clean data, no settings.

    Writes NAME_denoised and NAME_std (or NAME_deconvolved) for every image, the model, its configuration,
    overview.png, regions.csv, the places that noise does not explain, and report.html, which shows all of that, with a
    paragraph for a paper and a checklist for reviewers (made of report.json). What is stopped or killed goes on with
    --resume. A result that is of no use is written and said to have failed; the exit status is then 3.
    """
    from quietscope.pipeline.complete_run import is_complete
    from quietscope.pipeline.files import UNFINISHED, folder_beside
    from quietscope.pipeline.planning import plan_denoise
    from quietscope.pipeline.run import run
    from quietscope.report import summary_table

    screen, folder = Screen(data_only=preview.json), output or folder_beside(images)
    check_alone(resume=resume, overwrite=prediction.overwrite)
    training.check_trackers()
    if resume and is_complete(folder, images, series, training.settings(), prediction.samples):
        screen.note(f"nothing is left to do in {folder}: the run is complete; `--overwrite` does it again")
        if preview.json:
            screen.show_json({"complete": True})
        return 0
    plan = plan_denoise(
        images,
        folder,
        training.settings(),
        clean=clean,
        axes=axes,
        series=series,
        mask=mask,
        part=part.part,
        device=training.device,
        devices=training.devices,
        results=replace(prediction.results(format), storage=storing.storage),
        request=prediction.request(),
        overwrite=prediction.overwrite,
        resume=resume,
        calibrate=calibrate,
    )
    if preview.dry_run:
        show_plan(plan, preview, screen)
        return 0
    try:
        with screen.listening() as events:
            outcome = run(plan, events, log=training.trackers)
    except KeyboardInterrupt:
        if (folder / UNFINISHED).exists():
            screen.note(f"go on with `quietscope denoise ... -o {shlex.quote(str(folder))} --resume`")
        raise
    if preview.json:
        screen.show_json({**outcome.summary.values(), "comparison": list(outcome.comparison)})
        return status_of(outcome)
    screen.show(summary_table(outcome.summary))
    for line in outcome.comparison:
        screen.show(line)
    return status_of(outcome)
