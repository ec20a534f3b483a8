"""``quietscope spots``: spots of an image, each with its probability."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.table import Table

from quietscope.cli.analysis_options import USUAL_SAMPLING, SamplingOptions
from quietscope.cli.options import Axes, Flag, Group, InBasic, InOutput, Mask, Output, Series, read_measured
from quietscope.cli.part_options import NO_PART, PartOptions
from quietscope.cli.screen import Screen


def spots(
    model: Annotated[Path, Parameter(help="Model file of a method that samples, such as hdn, divnoising, instant.")],
    image: Annotated[Path, Parameter(help="Noisy image.")],
    /,
    *,
    output: Annotated[Path, Output, Parameter(help="Table, .csv.")],
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
    series: Series = None,
    mask: Mask = None,
    part: Annotated[PartOptions, Group] = NO_PART,
    overwrite: Annotated[bool, InOutput, Flag, Parameter(help="Replace results that exist.")] = False,
) -> None:
    """Find spots in many samples of an image, and say how probable each is, how bright, and where, with intervals."""
    from quietscope import Denoiser
    from quietscope.consensus.posterior_samples import check_samples
    from quietscope.consensus.spot_detection import find_spots
    from quietscope.io import write_bytes_atomically
    from quietscope.io.atomic import check_target

    screen = Screen()
    check_target(output, overwrite)
    denoiser = Denoiser.load(model, device=sampling.device)
    check_samples(denoiser, sampling.samples)
    (opened,) = read_measured([image], axes, series, mask, screen.note, part=part.part)
    with screen.predicting("drawing samples") as progress:
        found = find_spots(
            denoiser,
            opened,
            radius=radius,
            threshold=threshold,
            least_probability=least_probability,
            channel=channel,
            dims=dims,
            progress=progress,
            **sampling.settings(),
        )
    write_bytes_atomically(output, found.to_csv().encode(), overwrite=overwrite)
    for failure in found.failures:
        screen.note(failure.words)
    screen.note(found.note)
    table = Table("brightness from", "spots listed", "sure (p > 0.9)", "doubtful (p < 0.5)")
    sure = [spot.probability for spot in found.spots]
    numbers = (f"{len(sure)}", f"{sum(p > 0.9 for p in sure)}", f"{sum(p < 0.5 for p in sure)}")
    table.add_row(f"{found.threshold:.4g}", *numbers)
    screen.show(table)
    screen.show(f"table: {output}")
