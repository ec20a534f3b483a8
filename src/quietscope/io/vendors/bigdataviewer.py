"""Files of BigDataViewer (BDV): HDF5 with a dataset for every setup at every time, and an .xml file beside it."""

import re
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np

from quietscope.errors import ImageFileError
from quietscope.io.declared_size import check_declared
from quietscope.io.image import Image, LazyArray, Opened, check_series
from quietscope.io.ome_xml import read_document
from quietscope.io.units import micrometres
from quietscope.io.unrecorded import judged
from quietscope.io.vendors.block_array import Blocks
from quietscope.io.vendors.h5_file import check_readable, member, open_h5, read_box

_TIME, _SETUP = re.compile(r"t(\d{5,})"), re.compile(r"s(\d{2,})")
_MOST_BYTES = 1 << 26
_ATTRIBUTES = ("channel", "angle", "tile", "illumination")


def is_bdv(file: Any) -> bool:
    """Return whether an open HDF5 file is one of BigDataViewer."""
    return any(_TIME.fullmatch(name) for name in file) and any(_SETUP.fullmatch(name) for name in file)


def read_bdv(path: Path, series: int, file: Any) -> Image:
    """Open one setup (channel, angle, tile, illumination) of a BigDataViewer file at full resolution.

    Args:
        path: The file.
        series: Index of the setup.
        file: The open file.

    Returns:
        The image with lazy pixels; axes of length 1 are left out. Signed numbers of 16 bits stand for unsigned ones, as
        BigDataViewer has it.

    Raises:
        ImageFileError: If there is no such setup, or its pixels are not there.
    """
    setups = sorted(name for name in file if _SETUP.fullmatch(name))
    check_series(path, series, len(setups))
    times = sorted(name for name in file if _TIME.fullmatch(name))
    datasets = _datasets(path, file, times, setups[series])
    if not datasets:
        raise ImageFileError(f"pixels of setup {series} in {path}", "none", "choose another series")
    first = next(iter(datasets.values()))
    check_readable(path, first)
    dtype = np.dtype(np.uint16) if first.dtype == np.int16 else np.dtype(first.dtype)
    block = first.shape if first.shape[0] > 1 else first.shape[1:]
    axes = ("T" if len(times) > 1 else "") + "ZYX"[3 - len(block) :]
    recorded = np.array([(number,) in datasets for number in range(len(times))])
    kept = (len(times),) if len(times) > 1 else ()
    count, mask = judged(path, recorded, (*kept, *block), axes)
    kept = kept if count is None else (count,)
    check_declared(path, (*kept, *block), dtype)
    views = setups_beside(path)
    numbers = [int(name[1:]) for name in setups]
    names = tuple(name_of_setup(views, number) for number in numbers)
    steps = steps_of(views.get(numbers[series]))
    return Image(
        LazyArray(partial(_open, path, series, kept, block, dtype), (*kept, *block), dtype, path),
        axes,
        pixel_size_um={letter: step for letter, step in steps.items() if letter in axes},
        path=path,
        num_series=len(setups),
        series_names=names if any(names) else (),
        mask=mask,
    )


def _datasets(path: Path, file: Any, times: list[str], setup: str) -> dict[tuple[int, ...], Any]:
    """Return the datasets of a setup by time; those of other files are opened with them."""
    groups = {number: member(path, file, time) for number, time in enumerate(times)}
    found = {
        (number,): group.get(f"{setup}/0/cells")
        for number, group in groups.items()
        if group is not None and member(path, group, setup) is not None
    }
    return {place: each for place, each in found.items() if each is not None}


def setups_beside(path: Path) -> dict[int, Element]:
    """Return what the .xml beside a file or folder tells of each setup, by its number; nothing where there is none."""
    beside = path.with_suffix(".xml")
    if not beside.is_file() or beside.stat().st_size > _MOST_BYTES:
        return {}
    root = read_document(beside.read_text(encoding="utf-8", errors="replace"))
    views = () if root is None else root.iterfind("SequenceDescription/ViewSetups/ViewSetup")
    return {int(view.findtext("id", "-1")): view for view in views if view.findtext("id", "").strip().isdigit()}


def name_of_setup(views: dict[int, Element], number: int) -> str:
    """Return the name of a setup, or its channel, angle and so on; nothing where none is told."""
    view = views.get(number)
    if view is None:
        return ""
    name = (view.findtext("name") or "").strip()
    parts = [f"{kind} {text.strip()}" for kind in _ATTRIBUTES if (text := view.findtext(f"attributes/{kind}"))]
    return name if name and not name.isdigit() else ", ".join(parts)


def steps_of(view: Element | None) -> dict[str, float]:
    """Return the micrometres per pixel of a setup by axis, as far as they are told."""
    if view is None:
        return {}
    words = (view.findtext("voxelSize/size") or "").split()
    found = {
        letter: micrometres(word, view.findtext("voxelSize/unit")) for letter, word in zip("XYZ", words, strict=False)
    }
    return {letter: step for letter, step in found.items() if step is not None}


def _open(path: Path, series: int, kept: tuple[int, ...], block: tuple[int, ...], dtype: np.dtype[Any]) -> Opened:
    with ExitStack() as files:
        file = open_h5(path, files)
        setups = sorted(name for name in file if _SETUP.fullmatch(name))
        datasets = _datasets(path, file, sorted(name for name in file if _TIME.fullmatch(name)), setups[series])
        by_place: dict[tuple[int, ...], Any] = datasets if kept else {(): next(iter(datasets.values()))}
        return Opened(Blocks(partial(read_box, by_place, dtype), kept, block, dtype), files.pop_all().close)
