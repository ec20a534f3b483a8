"""What can still be told of a run that has left no record: the results in its folder, and the images beside it."""

import csv
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from quietscope.data.planes import describe_image
from quietscope.errors import OutputError, QuietScopeError
from quietscope.io import Image, read_image
from quietscope.outside.regular_file import read_bounded
from quietscope.outside.shown import shown
from quietscope.pipeline.files import REGIONS, known_endings, split_name
from quietscope.pipeline.outcome import Predicted, Trained
from quietscope.pipeline.panels import Panels
from quietscope.pipeline.picture import overview_of
from quietscope.pipeline.results import Abilities
from quietscope.report.region_list import safe_cell
from quietscope.report.sheet.channel_pictures import channels_of
from quietscope.report.sheet.run_record import NOT_KNOWN, ImageRecord, RunRecord, ShownChannel

if TYPE_CHECKING:
    from quietscope.denoiser import Denoiser

MOST_RESULTS, MOST_BYTES = 200, 1 << 26
"""Images that are listed, and the largest list of regions that is read."""

_DENOISED = "_denoised"


@dataclass(frozen=True)
class Found:
    """The results of an image.

    Attributes:
        stem: How their names begin.
        files: They, by what follows the stem, "denoised" first.
        source: The noisy image, where it lies beside the folder or in the working directory.
    """

    stem: str
    files: dict[str, Path]
    source: Path | None


def with_results(record: RunRecord, folder: Path, denoiser: "Denoiser") -> RunRecord:
    """Add what the results in a folder tell to what its model does.

    Args:
        record: What the model tells.
        folder: The folder.
        denoiser: The model.

    Returns:
        The record of a denoising with its images, pictures of the first whose noisy image is found, and what is
        missing; the same record where there are no results.
    """
    every = list(_found_in(folder))
    if not every:
        return record
    regions = _regions_in(folder)
    images: list[ImageRecord] = []
    missing: list[str] = []
    channels: tuple[ShownChannel, ...] = ()
    part, pixel_size = "", None
    for each in every:
        try:
            result = read_image(each.files["denoised"])
            images.append(_record_of(each, result, record, regions))
            if not channels and each.source is not None:
                image = read_image(each.source)
                if (image.axes, image.shape) == (result.axes, result.shape):
                    picture = _picture(image, each, denoiser)
                    channels, part, pixel_size = channels_of(picture), picture.part, picture.pixel_size_um
        except QuietScopeError as error:
            missing.append(f"{each.stem}: {shown(str(error))}")
    if not channels:
        missing.append("Pictures: the noisy images are not beside the folder, nor in the working directory.")
    changes: dict[str, Any] = {"verb": "denoise", "images": tuple(images), "channels": channels, "part": part}
    changes |= {"estimate": "[mean or most probable images]"}
    changes |= {"deviates": any("std" in each.files for each in every), "missing": (*record.missing, *missing)}
    changes |= {} if pixel_size is None else {"pixel_size_um": pixel_size}
    return record.model_copy(update=changes)


def _found_in(folder: Path) -> Iterator[Found]:
    """Yield the results in a folder and those below it, by name; images that are folders are not looked into."""
    endings, count = known_endings(), 0
    for place, folders, files in os.walk(folder):
        names = sorted((*folders, *files))
        folders[:] = sorted(name for name in folders if split_name(name, endings)[1].lower() not in endings)
        for name in names:
            stem, ending = split_name(name, endings)
            if not stem.endswith(_DENOISED) or ending.lower() not in endings or count == MOST_RESULTS:
                continue
            count += 1
            own = stem.removesuffix(_DENOISED)
            others = {kind: Path(place) / f"{own}_{kind}{ending}" for kind in ("std", "deconvolved", "samples")}
            kept = {kind: path for kind, path in others.items() if path.name in names}
            source = _source_of(own, folder, endings)
            yield Found(own, {"denoised": Path(place) / name, **kept}, source)


def _source_of(stem: str, folder: Path, endings: frozenset[str]) -> Path | None:
    places = dict.fromkeys((folder.resolve().parent, Path.cwd()))
    candidates = (place / f"{stem}{ending}" for place in places for ending in sorted(endings))
    return next((path for path in candidates if path.exists()), None)


def _regions_in(folder: Path) -> Counter[str] | None:
    """Return how many regions the list of a folder has of each image; None where there is no list."""
    try:
        text = read_bounded(folder / REGIONS, MOST_BYTES, OutputError, "a list of regions").decode()
        return Counter(line.get("image") or "" for line in csv.DictReader(text.splitlines()))
    except (OSError, OutputError, UnicodeDecodeError, csv.Error):
        return None


def _record_of(found: Found, result: Image, record: RunRecord, regions: "Counter[str] | None") -> ImageRecord:
    name = found.stem if found.source is None else found.source.name
    count = None if regions is None else _count(regions, found)
    return ImageRecord(
        name=shown(name),
        what=describe_image(result),
        files=tuple(shown(path.name) for path in found.files.values()),
        level=record.level,
        verdict=NOT_KNOWN,
        unexplained=NOT_KNOWN if count is None else f"{count}, see {REGIONS}" if count else "none",
    )


def _count(regions: "Counter[str]", found: Found) -> int:
    """Return the number of regions of an image, which the list names with its ending."""
    return sum(count for name, count in regions.items() if split_name(name)[0] in (found.stem, safe_cell(found.stem)))


def _picture(image: Image, found: Found, denoiser: "Denoiser") -> Any:
    """Return the picture of an image and of the results that lie in the folder."""
    numbers = denoiser.card.training
    trained = Trained(denoiser=denoiser, steps=int(numbers.get("steps", 0)), seconds=0.0)
    method = denoiser.method
    panels = Panels.of(image, method.spatial_dims, Abilities.of(type(method)), 0)
    files = {"mean": found.files["denoised"]}
    files |= {kind: path for kind, path in found.files.items() if kind in ("std", "deconvolved")}
    planes = {kind: _plane(read_image(path), panels) for kind, path in files.items()}
    return overview_of(image, panels, Predicted(seconds=0.0, panels=planes), trained)


def _plane(result: Image, panels: Panels) -> npt.NDArray[np.float32]:
    """Return the part of a result that is shown, (C, Y, X)."""
    box = result.layout(panels.layout.spatial_dims).region(result.data, panels.frame, panels.view.thin_box)
    return np.asarray(box.reshape(len(box), *box.shape[-2:]), np.float32)
