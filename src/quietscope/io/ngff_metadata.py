"""Metadata of NGFF as others have written them, read within bounds: images, plates, wells, and bioformats2raw's layout.

https://ngff.openmicroscopy.org: up to version 0.4 they are the attributes of a group, from 0.5 on they lie under "ome".
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, TypeVar

from annotated_types import Len, MaxLen

from quietscope.errors import ImageFileError
from quietscope.outside.bounded import Real, Word
from quietscope.outside.plain_data import MalformedError, parse_json, validated
from quietscope.outside.regular_file import read_bounded
from quietscope.wording import typed

_FILES = ("zarr.json", ".zattrs")
_MOST_BYTES = 1 << 24
_MOST_KEPT = 4096
_STEPS = "coordinateTransformations"
_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class Axis:
    """An axis, and the unit of the numbers along it."""

    name: Annotated[str, Len(1, 1000)]
    unit: Word | None = None


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of the way from pixels to places."""

    type: Word = ""
    scale: list[Real] | None = None
    translation: list[Real] | None = None


@dataclass(frozen=True, kw_only=True)
class Inside:
    """Something in a folder."""

    path: Word

    def __post_init__(self) -> None:
        """Refuse to leave the folder."""
        if any(part in ("", ".", "..") for part in self.path.split("/")) or "\\" in self.path or "\0" in self.path:
            raise ValueError("no path of something inside the folder")


@dataclass(frozen=True, kw_only=True)
class Dataset(Inside):
    """The array of one resolution."""

    steps: list[Step] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Multiscale:
    """An image in several resolutions."""

    datasets: Annotated[list[Dataset], Len(1, 100)]
    axes: Annotated[list[Axis], MaxLen(32)] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    name: Any = ""

    def placed(self, dataset: Dataset, ndim: int) -> tuple[list[float], list[float]]:
        """Return size and place of a pixel of a dataset: what is told of it, and then of all of the image.

        Args:
            dataset: One of the image's.
            ndim: Number of its axes.

        Returns:
            Factor and summand for each axis, in the unit of the axis.

        Raises:
            MalformedError: If steps have another number of axes.
        """
        scale, move = [1.0] * ndim, [0.0] * ndim
        for step in (*dataset.steps, *self.steps):
            for values in (step.scale, step.translation):
                if values is not None and len(values) != ndim:
                    raise MalformedError(f"{len(values)} numbers in {_STEPS} for {ndim} axes")
            if step.scale is not None:
                scale = [each * by for each, by in zip(scale, step.scale, strict=True)]
                move = [each * by for each, by in zip(move, step.scale, strict=True)]
            if step.translation is not None:
                move = [each + by for each, by in zip(move, step.translation, strict=True)]
        return scale, move


@dataclass(frozen=True, kw_only=True)
class _Plate:
    wells: Annotated[list[Inside], MaxLen(20_000)] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class _Well:
    images: Annotated[list[Inside], MaxLen(20_000)] = field(default_factory=list)


def attributes_of(folder: Path) -> Mapping[str, Any]:
    """Read what NGFF tells of a Zarr group.

    Args:
        folder: The folder of the group.

    Returns:
        The attributes; nothing where there are none.

    Raises:
        ImageFileError: If they cannot be read.
    """
    stamp = _stamp(folder)
    return {} if stamp is None else _attributes(*stamp)


def _stamp(folder: Path) -> tuple[Path, int, int] | None:
    """Return the file of a group's attributes, and what changes with it; None where there is none."""
    for name in _FILES:
        file = folder / name
        if os.path.lexists(file):
            found = file.stat() if file.exists() else None
            return (file, 0, 0) if found is None else (file, found.st_mtime_ns, found.st_size)
    return None


@lru_cache(maxsize=_MOST_KEPT)
def _attributes(file: Path, modified: int, size: int) -> Mapping[str, Any]:
    """Read a file of metadata; it is read again where it has changed, and a plate has thousands."""
    text = read_bounded(file, _MOST_BYTES, ImageFileError, "Zarr metadata")
    try:
        values = parse_json(text, most_bytes=_MOST_BYTES)
    except MalformedError as error:
        raise _unreadable(file, error) from error
    if file.name == "zarr.json" and isinstance(values, dict):
        values = values.get("attributes")
    attributes = values if isinstance(values, dict) else {}
    nested = attributes.get("ome")
    return nested if isinstance(nested, dict) and nested else attributes


def multiscales_of(folder: Path) -> list[Multiscale]:
    """Return the images of a group; none where it has none of its own.

    Args:
        folder: The folder of the group.

    Returns:
        The images.

    Raises:
        ImageFileError: If what is told of them cannot be understood.
    """
    told = attributes_of(folder).get("multiscales") or []
    return _validated(folder, list[Multiscale], [_renamed(each) for each in told] if isinstance(told, list) else told)


def fields_of(folder: Path) -> tuple[str, ...]:
    """Return the fields of a plate or a well: paths of images below its folder.

    Wells of a plate that was imaged in part only are passed over.

    Args:
        folder: The folder of the plate or the well.

    Returns:
        Such as "A/1/0"; nothing where it is neither.

    Raises:
        ImageFileError: If what is told of them cannot be understood, or there is none.
    """
    stamp = _stamp(folder)
    if stamp is None:
        return ()
    attributes = _attributes(*stamp)
    if "plate" in attributes:
        wells = _wells(*stamp)
        found = [f"{well}/{name}" for well in wells if (at := _stamp(folder / well)) for name in _images(*at)]
        if not found:
            got = f"no image in any of its wells ({len(wells)} listed)" if wells else "none"
            raise ImageFileError(f"fields in the plate {folder}", got, "copy it again")
        return tuple(found)
    if "well" in attributes:
        images = _images(*stamp)
        if not images:
            raise ImageFileError(f"fields in the well {folder}", "none", "name another well")
        return images
    return ()


@lru_cache(maxsize=_MOST_KEPT)
def _wells(file: Path, modified: int, size: int) -> tuple[str, ...]:
    plate = _validated(file.parent, _Plate, _attributes(file, modified, size)["plate"])
    return tuple(well.path for well in plate.wells)


@lru_cache(maxsize=_MOST_KEPT)
def _images(file: Path, modified: int, size: int) -> tuple[str, ...]:
    """Return the fields of a well."""
    well = _validated(file.parent, _Well, _attributes(file, modified, size).get("well") or {})
    return tuple(image.path for image in well.images)


def raw_series_of(folder: Path) -> tuple[str, ...]:
    """Return the images of a folder in bioformats2raw's layout: "0", "1", ..., or as its group "OME" lists them.

    Args:
        folder: The folder.

    Returns:
        Their paths below the folder; nothing where it has another layout.

    Raises:
        ImageFileError: If the list cannot be understood.
    """
    if "bioformats2raw.layout" not in attributes_of(folder):
        return ()
    listed = attributes_of(folder / "OME").get("series")
    if listed:
        paths = [{"path": each} for each in listed] if isinstance(listed, list) else listed
        return tuple(each.path for each in _validated(folder / "OME", list[Inside], paths))
    numbers = sorted(int(each.name) for each in folder.iterdir() if each.name.isdecimal() and each.is_dir())
    return tuple(map(str, numbers))


def _renamed(image: Any) -> Any:
    """Return what is told of an image, with names of ours, and axes as records: earlier versions had names alone."""
    if not isinstance(image, dict):
        return image
    datasets, axes = image.get("datasets"), image.get("axes") or []
    if isinstance(datasets, list):
        datasets = [
            {"path": each.get("path"), "steps": each.get(_STEPS) or []} if isinstance(each, dict) else each
            for each in datasets
        ]
    if isinstance(axes, list):
        axes = [{"name": each} if isinstance(each, str) else each for each in axes]
    return {"datasets": datasets, "axes": axes, "steps": image.get(_STEPS) or [], "name": image.get("name")}


def axes_of(folder: Path, image: Multiscale, array: str, ndim: int) -> Sequence[Axis]:
    """Return the axes of an array; before version 0.3 nobody named them, and they were always TCZYX.

    Args:
        folder: The folder of the image, for the message.
        image: What is told of it.
        array: Path of the array below the folder.
        ndim: Its number of dimensions.

    Raises:
        ImageFileError: If there are more or fewer axes than dimensions.
    """
    axes = image.axes or [Axis(name=name) for name in "tczyx"[-ndim:]]
    if len(axes) != ndim:
        named = ", ".join(axis.name for axis in axes)
        fix = f"name the array itself, {folder / array}, with e.g. `{typed(axes='ZCTYX'[-ndim:])}`"
        raise ImageFileError(f"an axis for each of the {ndim} dimensions of {folder / array}", f"axes {named}", fix)
    return axes


def _validated(folder: Path, kind: type[_T], values: Any) -> _T:
    try:
        return validated(kind, values)
    except MalformedError as error:
        raise _unreadable(folder, error) from error


def _unreadable(place: Path, error: MalformedError) -> ImageFileError:
    return ImageFileError(f"metadata of OME-Zarr in {place}", str(error), "copy it again, or check what wrote it")
