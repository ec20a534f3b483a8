"""``quietscope segment``: objects of an image by the consensus of its samples, with how sure each is."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from rich.table import Table

from quietscope.cli.analysed_images import Analysed, find_analysed, one_by_one, open_sampler
from quietscope.cli.analysis_options import USUAL_SAMPLING, NoisyImages, SamplingModel, SamplingOptions
from quietscope.cli.comparison_report import ComparedCounts
from quietscope.cli.drawing_time import DrawingTime
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
    vary_diameter: Annotated[
        float,
        InBasic,
        Parameter(help="How far diameters of samples lie apart, as a share: 0.25 for 1/1.25 to 1.25 of it, 0 for one."),
    ] = 0.0,
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
        float, InBasic, Parameter(help="Share of the samples that must have an object, or its corrected probability.")
    ] = 0.5,
    compare: Annotated[
        Path | None,
        InBasic,
        Parameter(help="Folder, or counts.csv, of another group: do its counts differ? Default: none."),
    ] = None,
    existence: Annotated[
        str | None,
        InBasic,
        Parameter(
            help="Correction of probabilities: none, simulated, or a .json file, learnt in Python from labels. "
            "Default: simulated for watershed, none for others."
        ),
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
    from quietscope.consensus.existence_file import existence_named
    from quietscope.consensus.segment_files import check_folder
    from quietscope.consensus.segmenters import Chosen
    from quietscope.consensus.segmenting import segment as segmented
    from quietscope.pipeline.files import result_folder

    screen = Screen()
    segmenters = Chosen(name=with_, diameter=diameter, weights=weights, vary_diameter=vary_diameter).segmenters()
    correction, probabilities = existence_named(existence, with_)
    denoiser = open_sampler(model, sampling.samples, sampling.device)
    drawing = DrawingTime(screen, sampling.samples)
    found, is_alone = find_analysed(images, series)
    folders = _folders(found, output, is_alone=is_alone, overwrite=overwrite)
    compared = ComparedCounts.of(compare, output, overwrite=overwrite)
    about = [
        ("method", denoiser.method.name),
        ("samples", f"{sampling.samples}, seed {sampling.seed}"),
        ("segmenter", _segmenter_in_words(with_, diameter, len(segmenters))),
        ("consensus", f"{consensus}, least probability {least_probability:g}"),
        ("probabilities", probabilities),
    ]

    def analyse(each: Analysed) -> None:
        image, folder = each.image(axes, series, mask, part.part, screen.note), folders[each.stem]
        if folder.exists():
            check_folder(folder, image.path, overwrite=overwrite)
        with drawing.shown("drawing samples") as progress:
            segmentation = segmented(
                denoiser,
                image,
                segmenters,
                consensus=consensus,
                least_probability=least_probability,
                existence=correction,
                channel=channel,
                dims=dims,
                progress=progress,
                **sampling.settings(),
            )
        with result_folder(folder):
            files = _whole(segmentation, folder, overwrite)
            write_report(segmentation, files, each.name, about, sampling.confidence, overwrite=overwrite)
        _tell(segmentation, "the image" if is_alone else each.name, screen)
        screen.show(f"results: {', '.join(str(path) for path in files.values())}")

    status = one_by_one(found, analyse, screen.note)
    compared.tell(list(folders.values()), sampling.confidence, denoiser, screen)
    return status


def _segmenter_in_words(name: str, diameter: float | None, num: int) -> str:
    size = "" if diameter is None else f", diameter {diameter:g} pixels"
    return f"{name}{size}{f', {num} diameters in turn' if num > 1 else ''}"


def _whole(segmentation: "Segmented", folder: Path, overwrite: bool) -> dict[str, Path]:
    """Write what was found, and return its files with that of the report, which is still to be written."""
    from quietscope.consensus.segment_files import write_segmented
    from quietscope.io.segment_names import SEGMENTATION

    files = write_segmented(segmentation, folder, overwrite=overwrite)
    return {**files, "report": folder / SEGMENTATION}


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
    from quietscope.report.sheet.segmented_part import COUNT_HEADS

    for frame in found.frames:
        for failure in frame.failures:
            screen.note(failure.words)
    screen.note(found.note)
    table = Table(*COUNT_HEADS)
    for line in count_rows(found, name):
        table.add_row(*line)
    screen.show(table)
