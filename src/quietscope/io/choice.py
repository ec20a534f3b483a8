"""Which format reads a file: its first bytes say so, and its extension where they do not."""

import difflib
import warnings
from importlib.util import find_spec
from pathlib import Path

from quietscope.errors import ImageFileError, SeriesError
from quietscope.io.first_bytes import first_bytes, what_it_is
from quietscope.io.format import Format
from quietscope.io.image import Image, names_shown, series_number
from quietscope.io.vendors import any_bioio
from quietscope.outside.regular_file import check_regular
from quietscope.registry import Registry


def reader_of(path: Path, formats: Registry[Format]) -> Format:
    """Choose the format that reads a file or folder.

    Args:
        path: The file or folder.
        formats: All formats. What packages declare is theirs by its extension.

    Returns:
        The format.

    Raises:
        ImageFileError: If there is no such file, or no format reads it.
    """
    check_regular(path, ImageFileError, "an image file")
    if not path.exists():
        raise _missing(path)
    if path.is_dir():
        fitting = [each for each in formats.values() if each.is_folder and each.recognises(path)]
        if fitting:
            return fitting[0]
        raise ImageFileError(
            "an image file or a Zarr folder", f"{path}, a folder that is neither", "name a file, e.g. one inside it"
        )
    if not path.stat().st_size:
        raise ImageFileError(f"an image in {path}", "an empty file (0 bytes)", "copy or export it again")
    return _reader_of_file(path, formats)


def read_series(path: Path, series: int | str | None, formats: Registry[Format]) -> Image:
    """Open one of the images of a file.

    Args:
        path: The file or folder.
        series: Its number or name; the first if None.
        formats: All formats.

    Returns:
        The image.

    Raises:
        ImageFileError: If there is no such file or image, or no format reads it.
    """
    chosen = reader_of(path, formats)
    if isinstance(series, str):
        first = _first(chosen, path)
        return chosen.read(path, series_number(path, series, first.num_series, first.series_names))
    try:
        return chosen.read(path, series or 0)
    except SeriesError as error:
        names = _first(chosen, path).series_names
        if len(names) < 2:
            raise
        raise SeriesError(f"{error.expected} ({names_shown(names)})", error.got, error.fix) from error


def _first(chosen: Format, path: Path) -> Image:
    with warnings.catch_warnings(action="ignore"):  # what is told of the first is not of interest
        return chosen.read(path, 0)


def by_suffix(path: Path, known: list[tuple[str, Format]]) -> Format | None:
    """Return the format of the longest extension that fits: .ome.tif before .tif."""
    fitting = [(len(suffix), each) for suffix, each in known if path.name.lower().endswith(suffix)]
    return max(fitting, key=lambda pair: pair[0])[1] if fitting else None


def _reader_of_file(path: Path, formats: Registry[Format]) -> Format:
    files = {name: each for name, each in formats.items() if not each.is_folder}
    theirs = [each for name, each in files.items() if formats.source_of(name) is not None]
    named = by_suffix(path, [(suffix, each) for each in theirs for suffix in each.suffixes])
    if named is not None:
        return named
    named = by_suffix(path, [(suffix, each) for each in files.values() for suffix in each.suffixes])
    head = first_bytes(path)
    fitting = [each for each in files.values() if each.begins is not None and each.begins(head)]
    if fitting:
        return named if named in fitting else fitting[0]
    if named is not None and named.begins is None:
        return named
    if named is None and find_spec("bioio") is not None and any_bioio.can_read(path):
        return any_bioio.FORMAT
    what = what_it_is(head)
    if named is not None:
        got = f"{path}, which is {what or 'no such file by its first bytes'}"
        fix = "give it the extension of its real format, or copy or export it again"
        raise ImageFileError(f"a file of the format {named.name}", got, fix)
    supported = " ".join(sorted({suffix for each in formats.values() for suffix in each.suffixes}))
    got = f"{path}, {what}" if what else str(path)
    raise ImageFileError(f"one of {supported}", got, "; ".join([_advice(path), *formats.notes()]))


def _missing(path: Path) -> ImageFileError:
    folder = path.parent
    if not folder.is_dir():
        return ImageFileError(f"an image at {path}", f"no folder {folder}", "check the path")
    names = [entry.name for entry in folder.iterdir() if not entry.name.startswith(".")]
    near = difflib.get_close_matches(path.name, names, n=3)
    fix = f"did you mean {' or '.join(str(folder / name) for name in near)}?" if near else "check the path"
    return ImageFileError(f"an image at {path}", "no such file", fix)


def _advice(path: Path) -> str:
    if path.suffix.lower() in (".jpg", ".jpeg"):
        return "use the original: JPEG compression has already changed the noise that the method learns from"
    return "export it as OME-TIFF, or install bioio and its plugin for this format"
