"""``quietscope spots``: spots of an image, each with its probability."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from rich.table import Table

from quietscope.cli.analysed_images import Analysed, find_analysed, one_by_one, open_sampler
from quietscope.cli.analysis_options import USUAL_SAMPLING, NoisyImages, SamplingModel, SamplingOptions, check_table
from quietscope.cli.drawing_time import DrawingTime
from quietscope.cli.options import Axes, Flag, Group, InBasic, InOutput, Mask, Output
from quietscope.cli.part_options import NO_PART, PartOptions
from quietscope.cli.screen import Screen
from quietscope.cli.using_options import SeriesOrAll

if TYPE_CHECKING:
    from quietscope.consensus.spot_detection import Spots


def spots(
    model: SamplingModel,
    images: NoisyImages,
    /,
    *,
    output: Annotated[
        Path, Output, Parameter(help="Table of one image, .csv; of several the folder for a table of each.")
    ],
    radius: Annotated[float, InBasic, Parameter(help="Radius of a spot, in pixels.")] = 2.0,
    threshold: Annotated[
        float | None,
        InBasic,
        Parameter(help="Least brightness above the surroundings, in units of the image. Default: parted by Otsu."),
    ] = None,
    least_probability: Annotated[
        float, InBasic, Parameter(help="Share of the samples below which a spot is not listed.")
    ] = 0.1,
    channel: Annotated[int, Parameter(help="Which channel, from 0.")] = 0,
    dims: Annotated[
        Literal[2, 3] | None, Parameter(help="2 for planes, 3 for volumes. Default: what the model denoises.")
    ] = None,
    sampling: Annotated[SamplingOptions, Group] = USUAL_SAMPLING,
    axes: Axes = None,
    series: SeriesOrAll = None,
    mask: Mask = None,
    part: Annotated[PartOptions, Group] = NO_PART,
    overwrite: Annotated[bool, InOutput, Flag, Parameter(help="Replace results that exist.")] = False,
) -> int:
    """Find spots in many samples of an image, and say how probable each is, how bright, and where, with intervals.

    What of several images cannot be read is told, the others go on, and the exit status is 2.
    """
    from quietscope.consensus.spot_detection import find_spots
    from quietscope.io import write_bytes_atomically
    from quietscope.io.atomic import check_target
    from quietscope.pipeline.files import result_folder

    screen = Screen()
    denoiser = open_sampler(model, sampling.samples, sampling.device)
    drawing = DrawingTime(screen, sampling.samples)
    found, is_alone = find_analysed(images, series)
    tables = {each.stem: output if is_alone else output / f"{each.stem}.csv" for each in found}
    if not is_alone and not output.is_dir():
        check_target(output, overwrite=False)
    for path in tables.values():
        if path.parent.exists() or is_alone:
            check_table(path, overwrite)

    def analyse(each: Analysed) -> None:
        image, path = each.image(axes, series, mask, part.part, screen.note), tables[each.stem]
        with drawing.shown("drawing samples") as progress:
            spotted = find_spots(
                denoiser,
                image,
                radius=radius,
                threshold=threshold,
                least_probability=least_probability,
                channel=channel,
                dims=dims,
                progress=progress,
                **sampling.settings(),
            )
        with result_folder(path.parent):
            write_bytes_atomically(path, spotted.to_csv().encode(), overwrite=overwrite)
        _tell(spotted, screen)
        screen.show(f"table: {path}")

    return one_by_one(found, analyse, screen.note)


def _tell(found: "Spots", screen: Screen) -> None:
    for failure in found.failures:
        screen.note(failure.words)
    screen.note(found.note)
    table = Table("brightness from", "spots listed", "sure (p > 0.9)", "doubtful (p < 0.5)")
    sure = [spot.probability for spot in found.spots]
    numbers = (f"{len(sure)}", f"{sum(p > 0.9 for p in sure)}", f"{sum(p < 0.5 for p in sure)}")
    table.add_row(f"{found.threshold:.4g}", *numbers)
    screen.show(table)
