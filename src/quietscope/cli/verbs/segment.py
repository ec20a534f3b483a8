"""``quietscope segment``: objects of an image by the consensus of its samples, with how sure each is."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from rich.table import Table

from quietscope.cli.analysed_images import Analysed, find_analysed, one_by_one, open_sampler
from quietscope.cli.analysis_options import USUAL_SAMPLING, NoisyImages, SamplingModel, SamplingOptions
from quietscope.cli.comparison_report import ComparedCounts
from quietscope.cli.options import Axes, Flag, Group, InBasic, InOutput, Mask, Output, also
from quietscope.cli.part_options import NO_PART, PartOptions
from quietscope.cli.screen import Screen
from quietscope.cli.segmentation_report import count_rows, write_report
from quietscope.cli.using_options import SeriesOrAll

if TYPE_CHECKING:
    from quietscope.consensus.segmenting import Segmented


def segment(
    model: SamplingModel,
    images: NoisyImages,
    /,
    *,
    output: Annotated[
        Path, Output, Parameter(help="Folder for the results; of several images, each gets a folder in it.")
    ],
    with_: Annotated[
        str,
        InBasic,
        Parameter(
            name="--with",
            help="What segments a sample: threshold, watershed, cellpose, stardist, package.module:function, or "
            '"command {input} {output}" for TIFF files.' + also("quietscope.segmenters"),
        ),
    ] = "watershed",
    diameter: Annotated[
        float | None, InBasic, Parameter(help="About how large an object is, in pixels. Default: 40.")
    ] = None,
    weights: Annotated[
        str | None,
        InBasic,
        Parameter(help="Your model for cellpose (file or name) or stardist (folder). Default: none."),
    ] = None,
    consensus: Annotated[
        Literal["vote", "average", "bic"],
        InBasic,
        Parameter(help="How segmentations become one: by votes, by agreement of neighbours, or by model selection."),
    ] = "vote",
    least_probability: Annotated[
        float, InBasic, Parameter(help="Share of the samples that must have an object.")
    ] = 0.5,
    compare: Annotated[
        Path | None,
        InBasic,
        Parameter(help="Folder, or counts.csv, of another group: do its counts differ? Default: none."),
    ] = None,
    channel: Annotated[int, Parameter(help="Which channel is segmented, from 0.")] = 0,
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
    """Segment cells by the consensus of many samples, and say how sure each cell is.

    Every sample is segmented, and their mean, whose objects the samples vote on. Into the folder go labels.tif, the
    consensus; agreement.tif and probability.tif, the share of the samples that agree with it and that have an object,
    pixel by pixel; objects.csv, a line for each object with its probability of existing, area, intensity and position,
    with intervals; counts.csv; overlay.png; and segmentation.html, which shows them. Of OME-Zarr images also
    labels.ome.zarr, with labels where NGFF has them. Of several images the tree of folders is kept; what cannot be read
    or segmented is told, the others go on, and the exit status is 2. With --compare comparison.html says whether counts
    differ from those of another group of images, given how sure each is.
    """
    from quietscope.consensus.segment_files import REPORT, check_folder, write_segmented
    from quietscope.consensus.segmenters import Chosen
    from quietscope.consensus.segmenting import segment as segmented
    from quietscope.pipeline.files import result_folder

    screen = Screen()
    segmenter = Chosen(name=with_, diameter=diameter, weights=weights).segmenter()
    denoiser = open_sampler(model, sampling.samples, sampling.device)
    found, is_alone = find_analysed(images, series)
    folders = _folders(found, output, is_alone=is_alone, overwrite=overwrite)
    compared = ComparedCounts.of(compare, output, overwrite=overwrite)
    about = [
        ("method", denoiser.method.name),
        ("samples", f"{sampling.samples}, seed {sampling.seed}"),
        ("segmenter", f"{with_}{'' if diameter is None else f', diameter {diameter:g} pixels'}"),
        ("consensus", f"{consensus}, least probability {least_probability:g}"),
    ]

    def analyse(each: Analysed) -> None:
        image, folder = each.image(axes, series, mask, part.part, screen.note), folders[each.stem]
        if folder.exists():
            check_folder(folder, image.path, overwrite=overwrite)
        with screen.predicting("drawing samples") as progress:
            segmentation = segmented(
                denoiser,
                image,
                segmenter,
                consensus=consensus,
                least_probability=least_probability,
                channel=channel,
                dims=dims,
                progress=progress,
                **sampling.settings(),
            )
        with result_folder(folder):
            files = write_segmented(segmentation, folder, overwrite=overwrite)
            files["report"] = folder / REPORT
            write_report(segmentation, files, each.name, about, sampling.confidence, overwrite=overwrite)
        _tell(segmentation, "the image" if is_alone else each.name, screen)
        screen.show(f"results: {', '.join(str(path) for path in files.values())}")

    status = one_by_one(found, analyse, screen.note)
    compared.tell(list(folders.values()), sampling.confidence, denoiser, screen)
    return status


def _folders(found: Sequence[Analysed], output: Path, *, is_alone: bool, overwrite: bool) -> dict[str, Path]:
    """Return the folder for each image by its stem, and refuse what stands in the way."""
    from quietscope.consensus.segment_files import check_folder
    from quietscope.io.atomic import check_target

    if not is_alone and not output.is_dir():
        check_target(output, overwrite=False)
    folders = {each.stem: output if is_alone else output / each.stem for each in found}
    for folder in folders.values():
        if folder.exists() or is_alone:
            check_folder(folder, None, overwrite=overwrite)
    return folders


def _tell(found: "Segmented", name: str, screen: Screen) -> None:
    for frame in found.frames:
        for failure in frame.failures:
            screen.note(failure.words)
    screen.note(found.note)
    table = Table("frame", "objects", "interval", "sure (p > 0.9)", "doubtful (p < 0.7)")
    for line in count_rows(found, name):
        table.add_row(*line)
    screen.show(table)
