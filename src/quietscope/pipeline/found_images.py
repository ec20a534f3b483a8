"""The images that a user means: files, folders of them, and patterns in quotes; names alone are looked at."""

import fnmatch
import os
import re
import shlex
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from quietscope.errors import ImageFileError, QuietScopeError
from quietscope.io import FORMATS, ImageSource, read_image
from quietscope.io.one_of_many import OneOfMany, labels_of
from quietscope.io.segment_names import PICTURES, TABLES
from quietscope.pipeline.files import CONFIG, MODEL, OVERVIEW, UNFINISHED, known_endings, split_name, whole_path
from quietscope.tiling.kinds import names_of_kinds

Sources: TypeAlias = ImageSource | Sequence[ImageSource]
"""One image or several: paths of files or folders, patterns, arrays, or `Image` objects."""

EVERY = "all"
"""What `series` is where every image of a file that holds several is meant."""

RESULTS = ("denoised", "std")
"""Words that end the names of results, which are never taken for images to be denoised."""

_RUN_PICTURES = (OVERVIEW, "psf.npy")
_WILD = re.compile(r"[*?]|\[[^\]]+\]")
_DIGITS = re.compile(r"(\d+)")


@dataclass(frozen=True, slots=True)
class Found:
    """An image that a user means.

    Attributes:
        source: Its path as text where it was found in a folder or by a pattern, otherwise what was named.
        root: The folder that was named, or the part of a pattern without wildcards; None where the image was named.
    """

    source: ImageSource
    root: str | None = None


def find_images(named: Sources, series: int | str | None = None) -> list[Found]:
    """Find the images that a user means, and open none.

    A folder stands for every image in it and below with an ending that `quietscope.io.FORMATS` reads, and for every
    OME-Zarr image, which is a folder itself; a plate stands for all of its fields. A pattern has wildcards, as a shell
    knows them, in the parts of its path: ``*``, ``?``, ``[ab]``, and ``**`` for any number of folders; it stands for
    the images that it fits, and for those in folders that it fits. Hidden files and what QuietScope has written itself
    are left out of both, and no image is found twice.

    Args:
        named: One image or several: paths of files or folders, patterns, arrays, or `Image` objects.
        series: Which image of a file or folder that holds several is meant, by number or name. Then a plate is one
            image: that field. "all" for every one, for which files are opened.

    Returns:
        The images: those of a folder or a pattern in natural order (a2 before a10), the rest as they were named.

    Raises:
        ImageFileError: If a folder or a pattern stands for none, a plate has no field, or a folder cannot be read.
    """
    sources = named if isinstance(named, list | tuple) else [named]
    chosen = None if series == EVERY else series
    trees = [_tree_of(source, chosen, is_alone=len(sources) == 1) for source in sources]
    seen = {
        whole_path(source)
        for source, tree in zip(sources, trees, strict=True)
        if tree is None and isinstance(source, str | os.PathLike)
    }
    found: list[Found] = []
    for source, tree in zip(sources, trees, strict=True):
        if tree is None:
            found.append(Found(source))
            continue
        paths = list(tree.images())
        if not paths:
            raise tree.nothing
        new = [(path, place) for path in paths if (place := whole_path(path)) not in seen]
        found += [Found(path, tree.root) for path, _ in new]
        seen.update(place for _, place in new)
    return [one for each in found for one in images_in(each)] if series == EVERY else found


def images_in(found: Found) -> list[Found]:
    """Return every image of a file that holds several; what cannot be opened is returned as it is, and told later."""
    if not isinstance(found.source, str | os.PathLike):
        return [found]
    path = os.fspath(found.source)
    try:
        with warnings.catch_warnings(action="ignore"):  # what is told of the first is told when it has its turn
            first = read_image(path, series=0)
    except QuietScopeError:
        return [found]
    if first.num_series == 1:
        return [found]
    labels = labels_of(first.num_series, first.series_names)
    return [Found(OneOfMany(path, number, label), found.root) for number, label in enumerate(labels)]


def series_of(series: int | str | None) -> int | str | None:
    """Return which image of a file is meant that is not one of several of it already: the only one for "all"."""
    return 0 if series == EVERY else series


def images_below(
    folder: Path,
    patterns: Sequence[str],
    apart: Path,
    tell: Callable[[ImageFileError], None],
    series: int | str | None = None,
) -> list[Found]:
    """Find the images in a folder and below as they are just now; none is no mistake.

    Args:
        folder: The folder.
        patterns: What names or, with ``/`` in it, paths below the folder are like; all images where there is none.
        apart: A folder below it that is not looked into.
        tell: Told of each folder that cannot be read, which is passed over.
        series: Which image of those that hold several is meant, as for `find_images`, but for "all".

    Returns:
        The images, in natural order for each pattern, none twice.
    """
    found: dict[str, Found] = {}
    for pattern in patterns or ("",):
        parts = tuple(pattern.replace("\\", "/").split("/")) if pattern else ()
        parts = ("**", *parts) if len(parts) == 1 else parts
        tree = _Tree(str(folder), parts, series, tell)
        tree.is_new(apart)
        found |= {path: Found(path, tree.root) for path in tree.images()}
    return list(found.values())


def natural_key(name: str) -> list[str | int]:
    """Return what sorts names as people do: a2 before a10."""
    return [int(part) if number % 2 else part for number, part in enumerate(_DIGITS.split(name))]


@dataclass
class _Tree:
    """A folder, or a pattern below one.

    Attributes:
        root: The folder.
        pattern: The parts of the pattern below it; none for the whole folder.
        series: Which image of those that hold several is meant.
        tell: Told of each folder that cannot be read, which is passed over then; None to refuse it.
    """

    root: str
    pattern: tuple[str, ...] = ()
    series: int | str | None = None
    tell: Callable[[ImageFileError], None] | None = None
    _seen: set[tuple[int, int]] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Make ready what is asked of every name."""
        self._parts = tuple(None if part == "**" else re.compile(fnmatch.translate(part)) for part in self.pattern)
        self._deepest = None if None in self._parts else len(self._parts)
        last = self.pattern[-1] if self.pattern else ""
        self._left_out = tuple(f"_{word}" for word in RESULTS if word not in last)  # unless they are asked for by name
        self._known, self._kinds = known_endings(), frozenset(names_of_kinds()).difference(RESULTS)
        self._endings = tuple(each for kind in FORMATS.values() if not kind.is_folder for each in kind.suffixes)
        self._folders = tuple(kind for kind in FORMATS.values() if kind.is_folder)

    @property
    def nothing(self) -> ImageFileError:
        """The error where there is no image."""
        endings = " ".join(sorted(known_endings()))
        if self.pattern:
            named = Path(self.root, *self.pattern)
            return ImageFileError(
                f"images that fit {named} ({endings})", "none", "check the pattern; `**` stands for any folders"
            )
        return ImageFileError(f"images in {self.root} or below ({endings})", "none", "check the folder")

    def images(self) -> Iterator[str]:
        """Yield the paths of the images, in natural order."""
        self.is_new(Path(self.root))  # a link below it may lead back
        own = () if self.pattern else self._members(self.root)
        yield from own or self._below(self.root, (), not self.pattern)

    def _below(self, folder: str, parts: tuple[str, ...], is_meant: bool) -> Iterator[str]:
        entries = self._entries(folder)
        names = {entry.name for entry in entries}
        for entry in entries:
            below = (*parts, entry.name)
            meant = is_meant or _fits(self._parts, below)
            is_folder = entry.is_dir()
            if is_folder and not any(kind.recognises(Path(entry.path)) for kind in self._folders):
                is_deep_enough = self._deepest is None or len(below) < self._deepest
                is_own = entry.name == UNFINISHED or _is_part_of_a_file(entry.name, names)
                if not is_own and (meant or is_deep_enough) and self.is_new(entry):
                    yield from self._below(entry.path, below, meant)
            elif meant and (is_folder or self._is_image(entry)) and not self._is_own(entry.name, names):
                path = entry.path.removeprefix(os.curdir + os.sep)
                yield from (is_folder and self._members(path)) or (path,)

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        try:
            return _entries(folder)
        except ImageFileError as error:
            if self.tell is None:
                raise
            self.tell(error)
            return []

    def _members(self, folder: str) -> tuple[str, ...]:
        """Return the images of a folder that is a collection of them in a format; nothing for others."""
        if self.series is not None:
            return ()
        path = Path(folder)
        found: tuple[str, ...] = ()
        with suppress(ImageFileError):  # of damaged metadata, which is told when it has its turn
            found = next((kind.members(path) for kind in self._folders if kind.recognises(path)), ())
        return tuple(f"{folder}{os.sep}{name}" for name in found)

    def _is_image(self, entry: os.DirEntry[str]) -> bool:
        """Tell an image by its ending; a link to nothing is one too, of which opening it will tell."""
        return entry.name.lower().endswith(self._endings) and (entry.is_file() or entry.is_symlink())

    def is_new(self, folder: Path | os.DirEntry[str]) -> bool:
        """Tell whether a folder has not been looked through yet: links may lead back."""
        try:
            found = Path(folder).stat()
        except OSError:  # gone by now
            return False
        is_new = (found.st_dev, found.st_ino) not in self._seen
        self._seen.add((found.st_dev, found.st_ino))
        return is_new

    def _is_own(self, name: str, beside: set[str]) -> bool:
        """Tell whether a file is one that QuietScope has written, by its name and what lies beside it."""
        if name in _RUN_PICTURES:
            return MODEL in beside or CONFIG in beside
        if name in PICTURES:
            return beside >= TABLES
        if "_" not in name:
            return False
        stem, ending = split_name(name, self._known)
        if stem.endswith(self._left_out):
            return True
        start, _, word = stem.rpartition("_")
        return word in self._kinds and f"{start}_{RESULTS[0]}{ending}" in beside


def _tree_of(source: ImageSource, series: int | str | None, *, is_alone: bool) -> _Tree | None:
    """Return the folder or the pattern that is named; None where an image is, or what nothing is known of.

    Damaged metadata of one of several images are told when it has its turn.
    """
    if not isinstance(source, str | os.PathLike):
        return None
    path = Path(source)
    if _is_there(path):
        kinds = [] if not path.is_dir() else [kind for kind in FORMATS.values() if kind.is_folder]
        kind = next((kind for kind in kinds if kind.recognises(path)), None)
        is_collection = False
        with nullcontext() if is_alone else suppress(ImageFileError):
            is_collection = kind is not None and series is None and bool(kind.members(path))
        is_image = not path.is_dir() or (kind is not None and not is_collection)
        return None if is_image else _Tree(str(path), series=series)
    if not _WILD.search(str(path)):
        return None
    root, parts = Path(), list(path.parts)
    while not _WILD.search(parts[0]) or _is_there(root / parts[0]):
        root /= parts.pop(0)
    if not root.is_dir():
        raise ImageFileError(f"images that fit {path}", f"no folder {root}", "check the path")
    return _Tree(str(root), tuple(parts), series)


def _is_there(path: Path) -> bool:
    try:
        return path.exists() or path.is_symlink()
    except (OSError, ValueError):  # no name that a file can have, of which whoever opens it tells
        return False


def _is_part_of_a_file(folder: str, names: set[str]) -> bool:
    """Tell a folder in which a file beside it keeps its planes, as ``cells.oif`` does in ``cells.oif.files``."""
    return folder.endswith(".files") and folder.removesuffix(".files") in names


def _entries(folder: str) -> list[os.DirEntry[str]]:
    """Return what lies in a folder and is not hidden, in natural order."""
    try:
        with os.scandir(folder) as found:
            entries = [entry for entry in found if not entry.name.startswith(".")]
    except OSError as error:
        words = error.strerror or "an error"
        fix = f"run `chmod +rx {shlex.quote(folder)}`" if isinstance(error, PermissionError) else "check the path"
        raise ImageFileError(f"a folder that can be read at {folder}", words, fix) from error
    return sorted(entries, key=lambda entry: natural_key(entry.name))


def _fits(pattern: tuple[re.Pattern[str] | None, ...], names: tuple[str, ...]) -> bool:
    """Tell whether the parts of a path fit those of a pattern; None stands for any number of folders."""
    if not pattern:
        return not names
    first, *rest = pattern
    if first is None:
        return any(_fits(tuple(rest), names[start:]) for start in range(len(names) + 1))
    return bool(names) and first.match(names[0]) is not None and _fits(tuple(rest), names[1:])
