"""Whether a run is complete, so that nothing of it is left to go on with."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from quietscope.errors import ModelFileError
from quietscope.outside.plain_data import MOST_BYTES_OF_JSON, MalformedError
from quietscope.outside.regular_file import read_bounded
from quietscope.outside.shown import shown
from quietscope.pipeline.files import CONFIG, MODEL, RECORD, UNFINISHED
from quietscope.pipeline.found_images import Sources, find_images
from quietscope.pipeline.run_folder import agreed
from quietscope.report.sheet.run_record import RunRecord


def is_complete(
    folder: Path,
    images: Sources,
    series: int | str | None = None,
    settings: Mapping[str, Any] = MappingProxyType({}),
    num_samples: int | None = None,
) -> bool:
    """Tell whether a folder holds a complete run of `denoise` of these images, by its record and the files there.

    Args:
        folder: The folder.
        images: The noisy images, as for `quietscope.plan_denoise`.
        series: Which image of files that hold several.
        settings: Settings that are asked for, by name.
        num_samples: Samples that are asked for; None where any number will do.

    Returns:
        False also where that cannot be told, and where more training or another number of samples is asked for.

    Raises:
        SettingsError: If another method, or other settings, are asked for.
        QuietScopeError: If the images cannot be found.
    """
    if (folder / UNFINISHED).exists() or not (folder / MODEL).is_file():
        return False
    try:
        record = RunRecord.of_json(
            read_bounded(folder / RECORD, MOST_BYTES_OF_JSON, ModelFileError, "the record of a run")
        )
    except (OSError, MalformedError, ModelFileError):
        return False
    known = {image.name for image in record.images}
    named = [each.source for each in find_images(images, series)]
    asked = {shown(Path(each).name) for each in named if isinstance(each, str | os.PathLike)}
    there = {name for _, folders, files in os.walk(folder) for name in (*folders, *files)}
    if len(asked) < len(named) or asked != known or not all(set(image.files) <= there for image in record.images):
        return False
    earlier, wanted = agreed(folder / CONFIG, {}), agreed(folder / CONFIG, settings)
    has_budget = (earlier.budget, earlier.steps) == (wanted.budget, wanted.steps)
    return has_budget and num_samples in (None, record.num_samples or num_samples)
