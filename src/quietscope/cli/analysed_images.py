"""Models and images of the verbs that analyse samples: exported models too, folders and patterns, one after another."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from quietscope.errors import QuietScopeError

if TYPE_CHECKING:
    from quietscope.io import Image, ImageSource
    from quietscope.io.part import Part
    from quietscope.model.trained import TrainedModel


def open_sampler(path: Path, num_samples: int, device: str | None) -> "TrainedModel":
    """Open a model that samples.

    Args:
        path: A model file, an exported model, or a folder of `compress`.
        num_samples: How many samples are wanted.
        device: Where to compute; the best there is if None.

    Raises:
        SettingsError: If it does not sample, or the number is too small.
        QuietScopeError: If there is no model, or it cannot be opened.
    """
    from quietscope.consensus.posterior_samples import check_samples
    from quietscope.deploy import is_exported, model_in

    file = model_in(path)
    model: TrainedModel
    if is_exported(file):
        from quietscope.model.exported import Deployed

        model = Deployed.load(file, device)
    else:
        from quietscope import Denoiser

        model = Denoiser.load(file, device=device)
    check_samples(model, num_samples)
    return model


@dataclass(frozen=True)
class Analysed:
    """An image that is analysed.

    Attributes:
        source: What is opened.
        stem: What its results are called, with the folders that it was found in, as `quietscope predict` calls them.
        name: The same with its ending.
    """

    source: "ImageSource"
    stem: str
    name: str

    def image(
        self,
        axes: str | None,
        series: int | str | None,
        mask: str | None,
        part: "Part",
        note: Callable[[str], None],
    ) -> "Image":
        """Open it, with NaN where nothing was measured, and tell what that is.

        Raises:
            QuietScopeError: If it cannot be opened.
        """
        from quietscope.data.measured import as_measured, gap_notes
        from quietscope.pipeline.found_images import series_of
        from quietscope.pipeline.inputs import open_images

        (opened,) = open_images([self.source], axes, series_of(series), mask, part)
        image = as_measured(opened)
        for text in gap_notes([image]):
            note(text)
        return image


def find_analysed(named: Sequence[Path], series: int | str | None) -> tuple[list[Analysed], bool]:
    """Find the images that are analysed: files, folders and patterns.

    Args:
        named: What was named.
        series: Which image of files that hold several; "all" for every one.

    Returns:
        The images, and whether it is one that was named itself.

    Raises:
        QuietScopeError: If there is none, or two would have the same results.
    """
    from quietscope.io.one_of_many import OneOfMany
    from quietscope.pipeline.files import split_name
    from quietscope.pipeline.found_images import find_images
    from quietscope.pipeline.stems import stems_of

    found = find_images(list(named), series)
    images = []
    for each, stem in zip(found, stems_of(found), strict=True):
        path = each.source.path if isinstance(each.source, OneOfMany) else each.source
        images.append(Analysed(each.source, stem, stem + split_name(Path(str(path)).name)[1]))
    return images, len(images) == 1 and found[0].root is None


def one_by_one(images: Sequence[Analysed], analyse: Callable[[Analysed], None], note: Callable[[str], None]) -> int:
    """Analyse one image after another; where there are several, what fails is told, and the others go on.

    Processes that analyse samples are the same for all of them.

    Args:
        images: The images.
        analyse: What is done with each.
        note: Told of what fails.

    Returns:
        The exit status: 2 where one has failed.

    Raises:
        QuietScopeError: If the only one, or every one, has failed.
    """
    from quietscope.consensus.kept_processes import processes_kept

    failed = 0
    with processes_kept():
        for each in images:
            try:
                analyse(each)
            except QuietScopeError as error:
                failed += 1
                if failed == len(images):
                    raise
                note(f"{each.name}: {error}")
    if failed:
        note(f"{failed:,} of {len(images):,} images could not be analysed")
    return 2 if failed else 0
