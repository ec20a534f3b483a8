"""N5: containers of BigDataViewer, of other multiscale images, and of plain datasets, each of them a series."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np

from quietscope.errors import ImageFileError
from quietscope.io.declared_size import check_block, check_declared
from quietscope.io.format import Format
from quietscope.io.image import Image, LazyArray, Opened, check_series
from quietscope.io.n5_blocks import COMPRESSIONS, DTYPES, N5Dataset
from quietscope.io.units import micrometres, seconds
from quietscope.io.unrecorded import judged
from quietscope.io.vendors.bigdataviewer import name_of_setup, setups_beside, steps_of
from quietscope.io.vendors.block_array import Blocks, Box
from quietscope.outside.plain_data import MOST_BYTES_OF_JSON, MalformedError, parse_json
from quietscope.outside.regular_file import read_bounded

_METADATA = "attributes.json"
_FULL = "s0"
_SETUP, _TIME = re.compile(r"setup(\d+)"), re.compile(r"timepoint(\d+)")
_NUMBER = re.compile(r"(\d+)")
_DEEPEST, _MOST = 8, 10_000
"""Groups within groups, and datasets, that are looked at."""


@dataclass(frozen=True)
class _Found:
    """An image in a container.

    Attributes:
        name: Its place below the container, with ``/``.
        datasets: Places of its pixels: one for each time point of a setup that there is, by its number.
        groups: Places of what tells of it, the innermost first.
    """

    name: str
    datasets: Mapping[int, str]
    groups: tuple[str, ...]

    @property
    def setup(self) -> int | None:
        """The number of a setup of BigDataViewer; None of what is none."""
        match = _SETUP.fullmatch(self.name.split("/")[-1])
        return int(match[1]) if match and _TIME.search(next(iter(self.datasets.values()))) else None


def is_n5(path: Path) -> bool:
    """Return whether a folder is an N5 container or a dataset of one, by its metadata."""
    if not path.is_dir():
        return False
    if path.name.lower().endswith(".n5"):
        return True
    try:
        values = _attributes(path)
    except ImageFileError:  # of what it is, nobody knows
        return False
    return "n5" in values or _is_dataset(values)


def read(path: Path, series: int) -> Image:
    """Open an image of an N5 container at full resolution.

    Args:
        path: The folder of the container, or of a dataset.
        series: Index of the image: a setup of BigDataViewer, another multiscale image, or a dataset, by name.

    Returns:
        The image with lazy pixels.

    Raises:
        ImageFileError: If there is no such image, or its metadata are damaged.
    """
    found = _images(path)
    if not found:
        raise ImageFileError(f"a dataset of N5 in {path}", "none", "name a folder with datasets in it")
    check_series(path, series, len(found))
    chosen = found[series]
    views = setups_beside(path) if chosen.setup is not None else {}
    image = replace(
        _image(path, chosen, sorted({time for each in found for time in each.datasets})),
        num_series=len(found),
        series_names=tuple(_named(views, each) for each in found),
    )
    steps = {} if chosen.setup is None else steps_of(views.get(chosen.setup))
    told = {letter: step for letter, step in steps.items() if letter in image.axes}
    return replace(image, pixel_size_um={**image.pixel_size_um, **told})


def _image(path: Path, chosen: _Found, times: Sequence[int]) -> Image:
    """Open one image, whose container has these time points."""
    one = next(iter(chosen.datasets.values()))
    first = _dataset(path, one)
    told = [_attributes(path / place) for place in (one, *chosen.groups)]
    axes, kept, count, mask = _axes(told, len(first.shape)), tuple[int, ...](), None, None
    places: dict[tuple[int, ...], str] = {(): one}
    if chosen.setup is not None and len(times) > 1:
        axes, kept = f"T{axes}", (len(times),)
        recorded = np.array([time in chosen.datasets for time in times])
        count, mask = judged(path, recorded, (*kept, *first.shape), axes)
        kept = kept if count is None else (count,)
        places = {(n,): chosen.datasets[time] for n, time in enumerate(times) if time in chosen.datasets}
    shape = (*kept, *first.shape)
    check_declared(path, shape, first.dtype)
    check_block(path, first.block, first.dtype, "block")
    return Image(
        LazyArray(partial(_open, path, places, kept), shape, first.dtype, path),
        axes,
        pixel_size_um=_steps(told, axes),
        path=path,
        frame_interval_s=_interval(told) if "T" in axes else None,
        mask=mask,
    )


def _named(views: dict[int, Element], found: _Found) -> str:
    return (name_of_setup(views, found.setup) if found.setup is not None else "") or found.name


def _images(root: Path) -> list[_Found]:
    """Return the images in a container, in natural order."""
    if _is_dataset(_attributes(root)):
        return [_Found("", {0: ""}, ())]
    return list(islice(_below(root, "", ()), _MOST))


def _below(root: Path, place: str, above: tuple[str, ...]) -> Iterator[_Found]:
    names, groups = _folders(root / place), (place, *above)
    times = {int(match[1]): name for name in names if (match := _TIME.fullmatch(name))}
    if times and _SETUP.fullmatch(place.split("/")[-1]):
        full = {time: _joined(place, name, _FULL) for time, name in times.items()}
        there = {time: each for time, each in full.items() if _is_dataset(_attributes(root / each))}
        if there:
            first = _joined(place, times[next(iter(there))])
            yield _Found(place, there, (first, *groups))
            return
    if _FULL in names and _is_dataset(_attributes(root / place / _FULL)):
        yield _Found(place or _FULL, {0: _joined(place, _FULL)}, groups)
        return
    for name in names:
        below = _joined(place, name)
        values = _attributes(root / below)
        if _is_dataset(values):
            if len(values["dimensions"]) >= 2 and values.get("dataType") in DTYPES:
                yield _Found(below, {0: below}, groups)
        elif len(above) < _DEEPEST:
            yield from _below(root, below, groups)


def _joined(*parts: str) -> str:
    return "/".join(part for part in parts if part)


def _folders(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
    return sorted(names, key=lambda name: [int(part) if n % 2 else part for n, part in enumerate(_NUMBER.split(name))])


def _attributes(folder: Path) -> dict[str, Any]:
    """Return what the metadata of a group or dataset say; nothing where there are none."""
    path = folder / _METADATA
    try:
        values = parse_json(read_bounded(path, MOST_BYTES_OF_JSON, ImageFileError, "metadata of N5"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except MalformedError as error:
        raise ImageFileError(f"metadata of N5 in {path}", str(error), "copy the folder again") from error
    return values if isinstance(values, dict) else {}


def _is_dataset(values: Mapping[str, Any]) -> bool:
    sizes, blocks = values.get("dimensions"), values.get("blockSize")
    return (
        isinstance(sizes, list)
        and isinstance(blocks, list)
        and len(sizes) == len(blocks) > 0
        and all(type(each) is int and each > 0 for each in (*sizes, *blocks))
    )


def _dataset(path: Path, place: str) -> N5Dataset:
    """Return a dataset, once its metadata make sense.

    Raises:
        ImageFileError: If they do not.
    """
    folder = path / place
    values = _attributes(folder)
    if not _is_dataset(values):
        raise ImageFileError(f"sizes of image and blocks in {folder / _METADATA}", "none", "copy the folder again")
    kind, packed = values.get("dataType"), values.get("compression", {"type": values.get("compressionType", "raw")})
    if kind not in DTYPES:
        raise ImageFileError(f"numbers in {folder}", f"data of the type {kind!r}", "choose another series")
    if not isinstance(packed, dict) or packed.get("type") not in COMPRESSIONS:
        got = repr(packed.get("type")) if isinstance(packed, dict) else repr(packed)
        fix = "save it with another compression, e.g. gzip"
        raise ImageFileError(f"one of the compressions {', '.join(COMPRESSIONS)} in {folder}", got, fix)
    return N5Dataset(
        folder=folder,
        shape=tuple(values["dimensions"][::-1]),
        block=tuple(values["blockSize"][::-1]),
        dtype=np.dtype(str(kind)).newbyteorder(">"),
        compression=packed,
    )


def _axes(told: Sequence[Mapping[str, Any]], ndim: int) -> str:
    """Return the axes, in the order of NumPy: those that are named, or as programs have them without a name."""
    for values in told:
        for letters in _letters(values):
            axes = "".join(str(each)[:1].upper() for each in letters)
            if len(axes) == ndim and axes.isalpha() and len(set(axes)) == ndim and {"X", "Y"} <= set(axes):
                return axes
    return "ZYX"[3 - ndim :] if ndim in (2, 3) else ""


def _letters(values: Mapping[str, Any]) -> Iterator[Sequence[Any]]:
    """Yield axes that a group names, in the order of NumPy."""
    transform, given = values.get("transform"), values.get("axes")
    if isinstance(transform, dict) and isinstance(transform.get("axes"), list):  # of Janelia, in that order
        yield transform["axes"]
    if isinstance(given, list):
        yield given[::-1]
    if "numChannels" in values:  # of ImageJ, which leaves out what there is one of
        counts = (("T", "numFrames"), ("Z", "numSlices"), ("C", "numChannels"))
        yield [*(letter for letter, name in counts if values.get(name, 1) != 1), "Y", "X"]


def _steps(told: Sequence[Mapping[str, Any]], axes: str) -> dict[str, float]:
    """Return micrometres per pixel, as programs write them; the innermost group goes first."""
    for values in told:
        found = {letter: micrometres(size, unit) for letter, size, unit in _sizes(values)}
        steps = {letter: size for letter, size in found.items() if size is not None and letter in axes}
        if steps:
            return steps
    return {}


def _sizes(values: Mapping[str, Any]) -> list[tuple[str, Any, str | None]]:
    """Return axes, sizes and units of pixels, as one group tells them."""
    transform: Any = values.get("transform")
    resolution: Any = values.get("pixelResolution", values.get("resolution"))
    unit: Any = values.get("unit", values.get("units", values.get("pixelUnit")))
    if isinstance(transform, dict):
        parts = [part for name in ("axes", "scale", "units") if isinstance(part := transform.get(name), list)]
        if len(parts) == 3:
            return [(str(axis)[:1].upper(), size, str(each)) for axis, size, each in zip(*parts, strict=False)]
    if isinstance(resolution, dict):
        resolution, unit = resolution.get("dimensions"), resolution.get("unit", unit)
    if isinstance(resolution, list):
        units = unit if isinstance(unit, list) else [unit or "um"] * len(resolution)
        return [(axis, size, str(each)) for axis, size, each in zip("XYZ", resolution, units, strict=False)]
    names = (("X", "pixelWidth"), ("Y", "pixelHeight"), ("Z", "pixelDepth"))
    return [(axis, values[name], str(unit)) for axis, name in names if name in values]


def _interval(told: Sequence[Mapping[str, Any]]) -> float | None:
    return next((seconds(values["frameInterval"], "s") for values in told if "frameInterval" in values), None)


def _open(path: Path, places: Mapping[tuple[int, ...], str], kept: tuple[int, ...]) -> Opened:
    datasets = {place: _dataset(path, name) for place, name in places.items()}
    first = next(iter(datasets.values()))

    def read_box(place: tuple[int, ...], box: Box) -> Any:
        dataset = datasets.get(place)
        sizes = [part.stop - part.start for part in box]
        return np.zeros(sizes, first.dtype) if dataset is None else dataset.read(box)

    return Opened(Blocks(read_box, kept, first.shape, first.dtype))


FORMAT = Format(name="N5", suffixes=(".n5",), read=read, is_folder=True, recognises=is_n5)
