"""Whether a run is complete, so that nothing of it is left to go on with."""

import os
from pathlib import Path

from quietscope.errors import ModelFileError
from quietscope.outside.plain_data import MOST_BYTES_OF_JSON, MalformedError
from quietscope.outside.regular_file import read_bounded
from quietscope.outside.shown import shown
from quietscope.pipeline.files import MODEL, RECORD, UNFINISHED
from quietscope.pipeline.found_images import Sources, find_images
from quietscope.presets import AUTO
from quietscope.report.sheet.run_record import RunRecord


def is_complete(folder: Path, images: Sources, series: int | str | None = None, method: str | None = None) -> bool:
    """Tell whether a folder holds a complete run of `denoise` of these images, by its record and the files there.

    Args:
        folder: The folder.
        images: The noisy images, as for `quietscope.plan_denoise`.
        series: Which image of files that hold several.
        method: The method that is asked for by name; None or "auto" where any will do.

    Returns:
        False also where that cannot be told.

    Raises:
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
    if method not in (None, AUTO, record.method):
        return False
    known = {image.name for image in record.images}
    named = [each.source for each in find_images(images, series)]
    asked = {shown(Path(each).name) for each in named if isinstance(each, str | os.PathLike)}
    there = {name for _, folders, files in os.walk(folder) for name in (*folders, *files)}
    return len(asked) == len(named) and asked == known and all(set(image.files) <= there for image in record.images)
