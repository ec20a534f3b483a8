"""Files that nothing here reads, by bioio and its plugins, where these are installed."""

from functools import partial
from pathlib import Path
from typing import Any

from quietscope.errors import ImageFileError
from quietscope.io.declared_size import check_declared
from quietscope.io.format import Format
from quietscope.io.image import Image, LazyArray, Opened, check_series
from quietscope.optional import imported


def can_read(path: Path) -> bool:
    """Return whether an installed plugin of bioio opens a file."""
    bioio = imported("bioio", ImageFileError, "formats")
    try:
        return bool(bioio.BioImage.determine_plugin(str(path)))
    except Exception:  # plugins of others can raise anything
        return False


def read(path: Path, series: int) -> Image:
    """Open a file by the plugin that bioio chooses.

    Args:
        path: The file.
        series: Index of the scene.

    Returns:
        The image with lazy pixels, without axes of length 1.

    Raises:
        ImageFileError: If there is no such scene.
    """
    opened = imported("bioio", ImageFileError, "formats").BioImage(str(path))
    names = tuple(map(str, opened.scenes))
    check_series(path, series, len(names))
    opened.set_scene(series)
    sizes = {letter: int(size) for letter, size in zip(opened.dims.order, opened.dims.shape, strict=True)}
    axes = "".join(letter for letter, size in sizes.items() if size > 1 or letter in "YX")
    shape = tuple(sizes[letter] for letter in axes)
    check_declared(path, shape, opened.dtype)
    steps = {letter: getattr(opened.physical_pixel_sizes, letter, None) for letter in "XYZ"}
    interval = getattr(opened, "time_interval", None)
    seconds = getattr(interval, "total_seconds", lambda: interval)()
    return Image(
        LazyArray(partial(_open, path, series, axes), shape, opened.dtype, path),
        axes,
        pixel_size_um={letter: float(size) for letter, size in steps.items() if size and size > 0},
        channel_names=tuple(map(str, opened.channel_names or ())),
        path=path,
        frame_interval_s=float(seconds) if seconds else None,
        num_series=len(names),
        series_names=names,
    )


def _open(path: Path, series: int, axes: str) -> Opened:
    opened: Any = imported("bioio", ImageFileError, "formats").BioImage(str(path))
    opened.set_scene(series)
    return Opened(opened.get_image_dask_data(axes))


FORMAT = Format(name="bioio", suffixes=(), read=read)
