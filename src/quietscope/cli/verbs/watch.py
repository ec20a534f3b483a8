"""``quietscope watch``: denoise the images in a folder as they come."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from quietscope.cli.options import (
    NO_PREDICTION_OPTIONS,
    Axes,
    Flag,
    Group,
    InOutput,
    Mask,
    Output,
    PredictionOptions,
    Several,
)
from quietscope.cli.part_options import NO_PART, PartOptions
from quietscope.cli.screen import Screen, rows_table, status_of
from quietscope.cli.storage_options import NO_STORAGE, StorageOptions
from quietscope.cli.using_options import USUAL_USE, SeriesOrAll, UsingOptions

if TYPE_CHECKING:
    from quietscope.pipeline.events import Listener
    from quietscope.training.stop import StopRequest


def watch(
    folder: Annotated[Path, Parameter(help="Folder that a microscope writes to; those below it are watched, too.")],
    model: Annotated[
        Path,
        Parameter(help="Model file, e.g. runs/cells/model.safetensors, an exported one, or a folder of compress."),
    ],
    /,
    *,
    output: Annotated[Path, Output, Parameter(help="Folder for the results; it may lie within the other.")],
    pattern: Annotated[
        list[str] | None,
        Several,
        Parameter(help=r'Names, or paths below the folder, of images: "\*.tif", "day\*/\*.czi". Default: all images.'),
    ] = None,
    settle: Annotated[str, Parameter(help="A file is whole when it has not changed for so long: 5s, 2m.")] = "5s",
    stop_after: Annotated[
        str | None, Parameter(help="End after so long without a new file, e.g. 60m. Default: never.")
    ] = None,
    new_only: Annotated[bool, Flag, Parameter(help="Leave out what is there already, unless it changes.")] = False,
    axes: Axes = None,
    series: SeriesOrAll = None,
    mask: Mask = None,
    part: Annotated[PartOptions, Group] = NO_PART,
    format: Annotated[str, InOutput, Parameter(help="ome.tif, tif, ome.zarr, npy or png.")] = "ome.tif",
    using: Annotated[UsingOptions, Group] = USUAL_USE,
    prediction: Annotated[PredictionOptions, Group] = NO_PREDICTION_OPTIONS,
    storing: Annotated[StorageOptions, Group] = NO_STORAGE,
    json: Annotated[bool, Flag, Parameter(help="Say what was written and the verdict as JSON, at the end.")] = False,
) -> int:
    """Denoise the images in a folder as a microscope writes them, until stopped.

    Files that are whole are denoised into NAME_denoised (and NAME_std and so on), below the folders that they lie in,
    and told of in predicted.csv. What is done already is passed over; a file that changes is denoised again. What
    cannot be read or does not fit is told once, and tried again when it has changed.

    Ctrl-C ends it after the image at hand, with status 0; once more ends it at once. After --stop-after the exit status
    is 2 where a file could not be denoised, and 3 where a result is of no use.
    """
    from quietscope.pipeline.run import run
    from quietscope.pipeline.watch_planning import plan_watch
    from quietscope.training.budget import parse_duration
    from quietscope.training.stop import StopRequest

    screen, results, stop = Screen(data_only=json), prediction.results(format), StopRequest()
    plan = plan_watch(
        folder,
        model,
        output,
        patterns=pattern or (),
        settle=parse_duration(settle, "settle", "5s"),
        stop_after=None if stop_after is None else parse_duration(stop_after, "stop_after", "60m"),
        new_only=new_only,
        axes=axes,
        series=series,
        mask=mask,
        part=part.part,
        device=using.device,
        results=replace(results, storage=storing.storage),
        request=prediction.request(using.seed, results.asked),
        overwrite=prediction.overwrite,
        insist=using.insist,
    )
    with stop.handled(), screen.listening() as events:
        outcome = run(plan, _ending(stop, events, screen))
    assert outcome.tally is not None, "a watch has one"
    if json:
        screen.show_json_list(plan.records(outcome.tally.rows))
    else:
        screen.show(rows_table([*outcome.tally.words(), ("table", str(outcome.files["table"]))], "QuietScope"))
    return 0 if stop.requested else status_of(outcome)


def _ending(stop: "StopRequest", events: "Listener", screen: Screen) -> "Listener":
    """Return a listener that ends a watch which is to end, between images."""
    from quietscope.errors import Stop
    from quietscope.pipeline.events import Began, Event, ImageDone, PredictionProgress, Waiting

    told = False

    def listen(event: Event) -> None:
        nonlocal told
        events(event)
        if isinstance(event, Began) and event.step == "watch":
            screen.note(f"watching {event.what}; Ctrl-C ends it")
        if stop.requested and isinstance(event, ImageDone | Waiting):
            raise Stop
        if stop.requested and isinstance(event, PredictionProgress) and not told:
            told = True
            screen.note("ends after this image; Ctrl-C once more ends it at once")

    return listen
