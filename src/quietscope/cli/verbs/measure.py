"""``quietscope measure``: numbers of images with intervals, by any function over samples."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.table import Table

from quietscope.cli.analysed_images import Analysed, find_analysed, one_by_one, open_sampler
from quietscope.cli.analysis_options import USUAL_SAMPLING, NoisyImages, SamplingModel, SamplingOptions, check_table
from quietscope.cli.comparison_report import tell_comparison
from quietscope.cli.drawing_time import DrawingTime
from quietscope.cli.options import Axes, Flag, Group, InBasic, InOutput, Mask, Output
from quietscope.cli.part_options import NO_PART, PartOptions
from quietscope.cli.screen import Screen
from quietscope.cli.using_options import SeriesOrAll

if TYPE_CHECKING:
    from quietscope.consensus import MeasuredTable


def measure(
    model: SamplingModel,
    images: NoisyImages,
    /,
    *,
    output: Annotated[Path, Output, Parameter(help="Table, .csv.")],
    with_: Annotated[
        str,
        InBasic,
        Parameter(
            name="--with",
            help="What measures a sample: package.module:function, of an array of the image's shape, which returns a "
            "number, several, or columns by name.",
        ),
    ],
    compare: Annotated[
        Path | None, InBasic, Parameter(help="Table of another group, to be compared with. Default: none.")
    ] = None,
    sampling: Annotated[SamplingOptions, Group] = USUAL_SAMPLING,
    axes: Axes = None,
    series: SeriesOrAll = None,
    mask: Mask = None,
    part: Annotated[PartOptions, Group] = NO_PART,
    overwrite: Annotated[bool, InOutput, Flag, Parameter(help="Replace results that exist.")] = False,
) -> int:
    """Measure something on many samples of images, and say between what it lies.

    The table has a line for every number: its mean and interval, and what every sample gave. With --compare each column
    is compared with that of another table: are the groups different, given how sure each number is? That is told on a
    page too, NAME_comparison.html.
    What of several images cannot be read or measured is told, the others go on, and the exit status is 2.
    """
    from quietscope.consensus import over_samples
    from quietscope.consensus.groups import groups_in, in_common
    from quietscope.consensus.segmenters import function_of
    from quietscope.consensus.tables import write_tables
    from quietscope.io.atomic import check_target

    screen = Screen()
    check_table(output, overwrite)
    other = groups_in(compare) if compare is not None else None
    page = output.with_name(f"{output.stem}_comparison.html")
    if compare is not None:
        check_target(page, overwrite)
    function = function_of(with_)
    denoiser = open_sampler(model, sampling.samples, sampling.device)
    drawing = DrawingTime(screen, sampling.samples)
    found: list[tuple[str, MeasuredTable]] = []

    def analyse(each: Analysed) -> None:
        image = each.image(axes, series, mask, part.part, screen.note)
        with drawing.shown("drawing samples") as progress:
            table = over_samples(denoiser, image, function, progress=progress, **sampling.settings())
        for failure in table.failures:
            screen.note(f"{each.name}: {failure.words}")
        if other is not None:
            in_common(other, table.columns)
        found.append((each.name, table))

    status = one_by_one(find_analysed(images, series)[0], analyse, screen.note)
    write_tables(output, found, overwrite=overwrite)
    screen.note(found[-1][1].note)
    _show(found, screen)
    screen.show(f"table: {output}")
    if compare is not None and other is not None:
        groups = (compare.name, other), (output.name, groups_in(output))
        tell_comparison(*groups, page, sampling.confidence, found[-1][1].note, screen, overwrite=overwrite)
    return status


def _show(found: "list[tuple[str, MeasuredTable]]", screen: Screen) -> None:
    """Show the first rows of every table."""
    table = Table("image", "row", "column", "mean", "interval")
    for name, each in found:
        for row in range(min(each.num_rows, 10)):
            for number, column in enumerate(each.columns):
                between = each.interval(column, row)
                ends = f"{between.low:.4g} to {between.high:.4g}"
                table.add_row(name, f"{row}", column, f"{each.mean[row, number]:.5g}", ends)
    screen.show(table)
