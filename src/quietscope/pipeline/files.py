"""What files are called, and the folder that they lie in."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from quietscope.errors import OutputError
from quietscope.io import FORMATS
from quietscope.wording import elsewhere, typed

MODEL, BEST, LAST, DIRECT = "model.safetensors", "best.safetensors", "last.safetensors", "direct.safetensors"
CONFIG, OVERVIEW, REGIONS = "config.yaml", "overview.png", "regions.csv"
PREDICTED = "predicted.csv"
REPORT, RECORD = "report.html", "report.json"
"""The report of a run, and what it is made of."""

UNFINISHED = "unfinished"
"""Folder, within the results of `denoise`, of what a stopped run goes on from; it is gone once all is done."""


def known_endings() -> frozenset[str]:
    """Return every ending that an image may have, in small letters, with its dots."""
    return frozenset(suffix for each in FORMATS.values() for suffix in each.suffixes)


def split_name(name: str, endings: frozenset[str] | None = None) -> tuple[str, str]:
    """Split a file's name into stem and extension: ``a.ome.tif`` into ``a`` and ``.ome.tif``.

    Args:
        name: The name; folders may stand before it.
        endings: What `known_endings` returned, for whoever splits many names.

    Returns:
        Stem and extension.
    """
    small = name.lower()
    fitting = [suffix for suffix in endings or known_endings() if small.endswith(suffix)]
    length = len(max(fitting, key=len)) if fitting else len(Path(name).suffix)
    return name[: len(name) - length], name[len(name) - length :]


def whole_path(path: str | os.PathLike[str]) -> str:
    """Return a path from the root on, without ``..``; links are not followed, and the disk is not asked."""
    text = os.fspath(path)
    is_whole = text.startswith(os.sep) or os.path.splitdrive(text)[0]  # in texts: there may be a hundred thousand
    return os.path.normpath(text if is_whole else f"{Path.cwd()}{os.sep}{text}")


def folder_beside(named: Sequence[str | os.PathLike[str]]) -> Path:
    """Return where results go where nobody says: ``NAME_quietscope`` beside the one image or folder that was named.

    Args:
        named: What was named.

    Returns:
        The folder, which need not be there.

    Raises:
        OutputError: If several were named, or a pattern or the root, which have no one name.
    """
    fix = f"pass e.g. `{typed(output='out/')}`"
    if len(named) != 1:
        raise OutputError("a folder for the results of several images", f"none for {len(named):,} of them", fix)
    path = Path(whole_path(named[0]))
    is_pattern = not os.path.lexists(path) and any(each in str(path) for each in "*?[")
    if is_pattern or not path.name:
        raise OutputError("a folder for results", f"none for {os.fspath(named[0])}, which has no name to go by", fix)
    has_ending = path.name.lower().endswith(tuple(known_endings())) or not path.is_dir()
    return path.with_name(f"{split_name(path.name)[0] if has_ending else path.name}_quietscope")


def endings_beside(ending: str, kinds: Sequence[str], main: str) -> dict[str, str]:
    """Return what follows the stem where the estimate `main` has a name of its own: ``.tif``, ``_std.tif``, ..."""
    return {kind: ending if kind == main else f"_{kind}{ending}" for kind in kinds}


def endings_in(ending: str, kinds: Sequence[str], main: str) -> dict[str, str]:
    """Return what follows the stem of results that a run names: ``_denoised.ome.tif``, ``_std.ome.tif``, ...

    Args:
        ending: Extension that picks the format, with or without its first dot.
        kinds: What is to be saved.
        main: Which of it is the denoised image.

    Returns:
        What follows, by kind.
    """
    suffix = "." + ending.strip().lstrip(".")
    return {kind: f"_{'denoised' if kind == main else kind}{suffix}" for kind in kinds}


def files_of(stem: str | Path, endings: Mapping[str, str]) -> dict[str, Path]:
    """Name the results of one image.

    Args:
        stem: Their folder, and how their names begin.
        endings: What follows, by kind.

    Returns:
        The files, by kind.
    """
    return {kind: Path(f"{stem}{ending}") for kind, ending in endings.items()}


def report_files(folder: Path) -> dict[str, Path]:
    """Return where the report of a run and what it is made of lie, by "report" and "record"."""
    return {"report": folder / REPORT, "record": folder / RECORD}


def files_per_channel(path: Path, num_channels: int) -> list[Path]:
    """Name the noise files of several channels ``noise_c0.safetensors``, ...; one channel keeps the plain name."""
    if num_channels == 1:
        return [path]
    return [path.with_name(f"{path.stem}_c{channel}{path.suffix}") for channel in range(num_channels)]


@contextmanager
def result_folder(path: Path) -> Iterator[Path]:
    """Make a folder for results, and take it away again where the block fails and nothing came to lie in it.

    Args:
        path: The folder; parents are made, and taken away, too.

    Yields:
        The folder.

    Raises:
        OutputError: If it cannot be made, or a file stands in its place.
    """
    missing = [each for each in (path, *path.parents) if not each.exists()]
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        words = str(error.strerror) if missing else "a file of that name"
        raise OutputError(f"a folder at {path}", words, elsewhere()) from error
    try:
        yield path
    except BaseException:
        with suppress(OSError):
            for each in missing:
                each.rmdir()
        raise


@contextmanager
def trial_folder(path: Path) -> Iterator[None]:
    """Make a folder for a trial, and take it away again where there was none.

    Args:
        path: The folder.

    Raises:
        OutputError: If it cannot be made, or a file stands in its place.
    """
    with suppress(_TrialOverError), result_folder(path):
        yield
        raise _TrialOverError


class _TrialOverError(Exception):
    """The trial went well; the folder is to go."""
