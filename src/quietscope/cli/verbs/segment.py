"""``quietscope segment``: objects of an image by the consensus of its samples, with how sure each is."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from rich.table import Table

from quietscope.cli.analysis_options import USUAL_SAMPLING, SamplingOptions
from quietscope.cli.options import Axes, Flag, Group, InBasic, InOutput, Mask, Output, Series, also, read_measured
from quietscope.cli.part_options import NO_PART, PartOptions
from quietscope.cli.screen import Screen
from quietscope.errors import SettingsError

if TYPE_CHECKING:
    from quietscope.consensus.segmenting import Segmented


def segment(
    model: Annotated[Path, Parameter(help="Model file of a method that samples, such as hdn, divnoising, instant.")],
    images: Annotated[list[Path], Parameter(name="IMAGES...", help="Noisy images.")],
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
    channel: Annotated[int, Parameter(help="Which channel is segmented, from 0.")] = 0,
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
    """Segment cells by the consensus of many samples, and say how sure each cell is.

    Every sample is segmented, and their mean, whose objects the samples vote on. Into the folder go labels.tif, the
    consensus; agreement.tif and probability.tif, the share of the samples that agree with it and that have an object,
    pixel by pixel; objects.csv, a line for each object with its probability of existing, area, intensity and position,
    with intervals; counts.csv; and overlay.png. Of OME-Zarr images also labels.ome.zarr, with labels where NGFF has
    them.
    """
    from quietscope import Denoiser
    from quietscope.consensus.posterior_samples import check_samples
    from quietscope.consensus.segment_files import check_folder, write_segmented
    from quietscope.consensus.segmenters import Chosen
    from quietscope.consensus.segmenting import segment as segmented

    screen = Screen()
    segmenter = Chosen(name=with_, diameter=diameter, weights=weights).segmenter()
    denoiser = Denoiser.load(model, device=sampling.device)
    check_samples(denoiser, sampling.samples)
    folders = folders_of(images, output)
    opened = read_measured(images, axes, series, mask, screen.note, part=part.part)
    for image, folder in zip(opened, folders, strict=True):
        if folder.parent.exists() or folder == output:
            check_folder(folder, image.path, overwrite=overwrite)
    for image, folder in zip(opened, folders, strict=True):
        with screen.predicting("drawing samples") as progress:
            found = segmented(
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
        folder.parent.mkdir(exist_ok=True)
        files = write_segmented(found, folder, overwrite=overwrite)
        _tell(found, screen)
        screen.show(f"results: {', '.join(str(path) for path in files.values())}")


def folders_of(images: Sequence[Path], output: Path) -> list[Path]:
    """Return where the results of each image go: of one into the folder itself, of several into folders in it.

    Raises:
        SettingsError: If two images would share a folder.
    """
    if len(images) == 1:
        return [output]
    names = [image.name.split(".")[0] for image in images]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SettingsError("images of different names", f"{twice} twice", "segment them one by one")
    return [output / name for name in names]


def _tell(found: "Segmented", screen: Screen) -> None:
    for frame in found.frames:
        for failure in frame.failures:
            screen.note(failure.words)
    screen.note(found.note)
    table = Table("frame", "objects", "interval", "sure (p > 0.9)", "doubtful (p < 0.7)")
    for frame in found.frames:
        place = ", ".join(f"{letter} {number}" for letter, number in frame.at.items()) or "the image"
        sure = [each.probability for each in frame.objects]
        between = f"{frame.count.low:.0f} to {frame.count.high:.0f}"
        numbers = (
            f"{frame.count.value:.0f}",
            between,
            f"{sum(p > 0.9 for p in sure)}",
            f"{sum(p < 0.7 for p in sure)}",
        )
        table.add_row(place, *numbers)
    screen.show(table)
