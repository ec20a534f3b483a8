"""The images of a prediction, and what is written of each: known by name until its turn comes, and opened then."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from quietscope.axes import NO_CONTEXT, Context
from quietscope.data.by_itself import in_context
from quietscope.errors import OutputError, SettingsError
from quietscope.io import FORMATS, Image, ImageSource, check_storage
from quietscope.io.part import ALL, Part
from quietscope.io.storage import USUAL_STORAGE, Storage
from quietscope.pipeline.files import endings_beside, files_of, known_endings, split_name, whole_path
from quietscope.pipeline.found_images import Found
from quietscope.pipeline.image_files import Target
from quietscope.pipeline.inputs import open_images
from quietscope.pipeline.results import Dtype
from quietscope.tiling.request import DEFAULT_REQUEST, Request
from quietscope.wording import typed


@dataclass(frozen=True, kw_only=True)
class Opening:
    """How images are opened.

    Attributes:
        axes: Their axes, where they do not name them.
        series: Which image of files that hold several, counted from 0; the first if None.
        mask: Where pixels were measured, see `quietscope.data.mask.masked`.
        part: What is wanted of every image.
        context: What a model sees beside each plane.
    """

    axes: str | None = None
    series: int | str | None = None
    mask: ImageSource | None = None
    part: Part = ALL
    context: Context = NO_CONTEXT

    def image(self, source: ImageSource) -> Image:
        """Open an image.

        Raises:
            QuietScopeError: If it cannot be opened, or does not fit what the model sees.
        """
        (opened,) = open_images([source], self.axes, self.series, self.mask, self.part)
        return in_context(opened, self.context)


@dataclass(frozen=True, kw_only=True)
class Targets:
    """What is to be written for images of which names alone are known; `targets[3]` opens the fourth.

    Attributes:
        sources: The noisy images: paths, arrays, or `Image` objects.
        folder: Where the results go.
        stems: How the names of their results begin, folders below `folder` included.
        endings: What follows, for each kind of results that is wanted.
        opening: How the images are opened.
        main: Which kind is the denoised image.
        request: How to predict.
        dtype: "input" rounds and clips images to the input's type.
        storage: Compression, pyramid and size of pieces in the files.
        overwrite: Whether results that exist may be replaced.
    """

    sources: tuple[ImageSource, ...]
    folder: Path
    stems: tuple[str, ...]
    endings: Mapping[str, str]
    opening: Opening = Opening()
    main: str = "mean"
    request: Request = DEFAULT_REQUEST
    dtype: Dtype = "float32"
    storage: Storage = USUAL_STORAGE
    overwrite: bool = False

    @classmethod
    def one(cls, image: Image, path: Path, kinds: Sequence[str], opening: Opening, **alike: Any) -> "Targets":
        """Return what is to be written of one image that is open, where the estimate has a name of its own.

        Args:
            image: The noisy image.
            path: Where the estimate goes; other results stand beside it, with a word before the extension.
            kinds: Which kinds of results are wanted.
            opening: What the model sees.
            alike: The attributes from `main` on.
        """
        stem, ending = split_name(path.name)
        endings = endings_beside(ending, kinds, alike["main"])
        return cls(sources=(image,), folder=path.parent, stems=(stem,), endings=endings, opening=opening, **alike)

    def __len__(self) -> int:
        return len(self.sources)

    def __getitem__(self, number: int) -> Target:
        """Open an image, and return what is to be written of it.

        Raises:
            QuietScopeError: If it cannot be opened.
        """
        return self.of(number, self.opening.image(self.sources[number]))

    def of(self, number: int, image: Image) -> Target:
        """Return what is to be written of an image that is open."""
        return Target(
            image=image,
            files=self.files(number),
            main=self.main,
            request=self.request,
            dtype=self.dtype,
            storage=self.storage,
            overwrite=self.overwrite,
        )

    def only(self, number: int) -> "Targets":
        """Return what is to be written of one of the images."""
        return replace(self, sources=(self.sources[number],), stems=(self.stems[number],))

    def __iter__(self) -> Iterator[Target]:
        return (self[number] for number in range(len(self)))

    def files(self, number: int) -> dict[str, Path]:
        """Return the file of each kind of results of an image, which is not opened."""
        return files_of(self.folder / self.stems[number], self.endings)

    def name(self, number: int) -> str:
        """Return what tells the results of an image from those of others: the first of them, seen from the folder."""
        return self.stems[number] + next(iter(self.endings.values()))

    def source(self, number: int) -> str:
        """Return the path of an image as text; "array" where it has none."""
        source = self.sources[number]
        if isinstance(source, Image):
            source = source.path
        return os.fspath(source) if isinstance(source, str | os.PathLike) else "array"

    def standing(self, number: int) -> list[bool]:
        """Tell of each result of an image whether something stands at its place."""
        start = str(self.folder / self.stems[number])
        return [os.path.lexists(start + ending) for ending in self.endings.values()]

    def check_apart(self) -> None:
        """Refuse results that would take the place of one of the images, as far as names tell.

        Raises:
            OutputError: If one would.
        """
        inputs = {whole_path(self.source(number)) for number in range(len(self))}
        start = whole_path(self.folder) + os.sep
        for number, stem in enumerate(self.stems):
            for ending in self.endings.values():
                if start + stem + ending in inputs:
                    raise OutputError(
                        "results beside what is read",
                        f"{self.source(number)}, whose result would take the place of {stem}{ending}, an image too",
                        "choose another folder, or leave that image out",
                    )


def names_file(output: Path, found: Sequence[Found]) -> bool:
    """Tell whether an output names a file for the result of one image, rather than a folder for those of many.

    Args:
        output: What is named.
        found: The images.

    Returns:
        Whether it has the extension of a format, or any, unless it is a folder or the images were not named themselves.
    """
    if output.name.lower().endswith(tuple({*known_endings(), *_written()})):
        return True
    return bool(output.suffix) and not output.is_dir() and len(found) == 1 and found[0].root is None


def check_one(output: Path, found: Sequence[Found], *, resume: bool) -> None:
    """Refuse to write the results of several images into one file, and to go on with what is one image.

    Raises:
        OutputError: If there are several images.
        SettingsError: If the run is to be resumed.
    """
    folder = typed(output="out/")
    if len(found) != 1:
        raise OutputError(
            "a folder for the results of several images", f"{output} for {len(found):,} images", f"pass e.g. `{folder}`"
        )
    if resume:
        fix = f"leave `{typed(resume=True)}` out, or pass a folder, e.g. `{folder}`"
        raise SettingsError("a folder of results to go on in", f"{output}, the result of one image", fix)


def check_format(ending: str, storage: Storage) -> None:
    """Refuse an ending that no format writes, and what its format cannot store.

    Raises:
        SettingsError: If none does.
        OutputError: If it has no such compression, pyramid, chunks or shards.
    """
    if "." + ending.strip().lower().lstrip(".") not in _written():
        names = " ".join(sorted(suffix.lstrip(".") for suffix in _written()))
        raise SettingsError(f"one of {names} as format", repr(ending), f"pass e.g. `{typed(format='ome.tif')}`")
    check_storage(ending, storage)


def _written() -> frozenset[str]:
    return frozenset(suffix for each in FORMATS.values() for suffix in each.written)
