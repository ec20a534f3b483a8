"""What the results of many images are called: the tree of what was named is kept, and no two have one name."""

import os
from collections.abc import Sequence
from pathlib import Path

from quietscope.errors import OutputError
from quietscope.io import Image, ImageSource
from quietscope.io.one_of_many import OneOfMany
from quietscope.pipeline.files import known_endings, split_name
from quietscope.pipeline.found_images import Found


def stems_of(found: Sequence[Found]) -> list[str]:
    """Return what the results of images are called, without what they are and without extension.

    Args:
        found: The images.

    Returns:
        A text per image. Of one that was found in a folder, its place below it: ``day1/cells``; below the name of the
        folder where several were named: ``plate1/day1/cells``. Of one that was named itself, its name: ``cells``; where
        files of several folders have one name, it begins with these folders: ``day1_cells``. Where every image of a
        file is meant, its name or number follows: ``cells_Position_4``.

    Raises:
        OutputError: If two images would have the same results.
    """
    named = iter(_told_apart([_parts(each.source) for each in found if each.root is None], "_"))
    folders = list(dict.fromkeys(each.root for each in found if each.root is not None))
    labels = dict(zip(folders, _labels(folders), strict=True))
    endings = known_endings()
    stems: list[str] = []
    for each in found:
        if each.root is None:
            stems.append(next(named))
        else:
            below = os.fspath(each.source).removeprefix(each.root.rstrip(os.sep) + os.sep)
            stems.append(labels[each.root] + split_name(below, endings)[0] + _label(each.source))
    _check_apart(found, stems)
    return stems


def _labels(folders: Sequence[str]) -> list[str]:
    """Return what tells folders apart, with a separator at its end; nothing for one that is alone."""
    if len(folders) < 2:
        return [""] * len(folders)
    labels = _told_apart([Path(folder).absolute().parts[1:] for folder in folders], os.sep)
    return [label + os.sep for label in labels]


def _check_apart(found: Sequence[Found], stems: Sequence[str]) -> None:
    first: dict[str, int] = {}
    for number, stem in enumerate(stems):
        other = first.setdefault(stem, number)
        if other == number:
            continue
        one, two = (_words(found[each].source) for each in (other, number))
        got = f"{one} twice" if one == two else f"{one} and {two}, {stem!r} twice"
        fix = "rename one, name images of one kind, or take them one by one"
        raise OutputError("images of different names", got, fix)


def _told_apart(parts: Sequence[tuple[str, ...]], separator: str) -> list[str]:
    """Return the last parts of paths, with as many of those before them as keep equal ones apart."""
    names = [each[-1:] for each in parts]
    for depth in range(2, max(map(len, parts), default=1) + 1):
        counts: dict[tuple[str, ...], int] = {}
        for name in names:
            counts[name] = counts.get(name, 0) + 1
        if len(counts) == len(names):
            break
        names = [each[-depth:] if counts[name] > 1 else name for each, name in zip(parts, names, strict=True)]
    return [separator.join(name) for name in names]


def _parts(source: ImageSource) -> tuple[str, ...]:
    """Return the folders that an image lies in, outermost first, and its name without extension."""
    path = _path_of(source)
    if path is None:
        return ("image",)
    return (*path.absolute().parts[1:-1], split_name(path.name)[0] + _label(source))


def _label(source: ImageSource) -> str:
    return f"_{source.label}" if isinstance(source, OneOfMany) else ""


def _path_of(source: ImageSource) -> Path | None:
    if isinstance(source, Image):
        return source.path
    return Path(source) if isinstance(source, str | os.PathLike) else None


def _words(source: ImageSource) -> str:
    return str(_path_of(source) or "image")
