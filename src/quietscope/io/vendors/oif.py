"""Olympus OIB and OIF of FluoView, read with oiffile: a settings file, and a TIFF file for each plane."""

import re
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.errors import ImageFileError
from quietscope.io.declared_size import check_declared
from quietscope.io.details import Details, valid_name
from quietscope.io.first_bytes import COMPOUND
from quietscope.io.format import Format
from quietscope.io.image import Image, LazyArray, Opened, check_series
from quietscope.io.units import micrometres, seconds
from quietscope.io.unrecorded import judged
from quietscope.io.vendors.block_array import Blocks, Box
from quietscope.io.vendors.scan_axes import in_letters, with_rows
from quietscope.optional import imported
from quietscope.outside.regular_file import check_regular

_MOST_AXES = 8
_PLANE, _PLACE = re.compile(r"s_((?:[A-Z]\d+)+)\.tif", re.IGNORECASE), re.compile(r"([A-Z])(\d+)")
_OIF_START, _OIF_MARK = b"\xff\xfe[\x00", b"[ProfileSaveInfo]"


def read(path: Path, series: int) -> Image:
    """Open the image of an OIB or OIF file.

    Args:
        path: The file; an OIF has its planes in the folder ``NAME.oif.files`` beside it.
        series: Index of the image; must be 0.

    Returns:
        The image with lazy pixels; axes of length 1 are left out. Spectral axes are L, and count frames.

    Raises:
        ImageFileError: If the folder of planes is not there, or there is no plane.
    """
    check_series(path, series)
    with ExitStack() as files:
        file = _file(path, files)
        counted, numbers, names = _grid(_planes(path, file))
        first, settings = np.asarray(file.asarray(names[0])), file.mainfile
        letters = in_letters((*counted, *_plane_labels(settings, first.shape)), {})
        count, mask = judged(path, numbers.ravel() >= 0, (*numbers.shape, *first.shape), letters)
        numbers = numbers if count is None else numbers[:count]
        shape = (*numbers.shape, *first.shape)
        check_declared(path, shape, first.dtype)
        told_sizes, interval = _steps(settings)
        axes, pixel_size, told = with_rows(letters, told_sizes)
        open_array = partial(_open, path, numbers, names, first.shape, first.dtype)
        return Image(
            LazyArray(open_array, shape, first.dtype, path),
            axes,
            pixel_size_um=pixel_size,
            channel_names=_channel_names(settings, shape[letters.index("C")] if "C" in letters else 1),
            path=path,
            frame_interval_s=interval if "T" in axes else None,
            mask=mask,
            caveats=told,
            details=Details(name=valid_name(_inside(settings, "File Info", "DataName"))),
        )


def _file(path: Path, files: ExitStack) -> Any:
    oiffile = imported("oiffile", ImageFileError, "oif")
    if path.suffix.lower() == ".oif" and not path.with_name(f"{path.name}.files").is_dir():
        raise ImageFileError(
            f"the folder {path.name}.files, which has the planes of {path}", "none", "copy it beside it"
        )
    try:
        return files.enter_context(oiffile.OifFile(path))
    except KeyError as error:
        got = f"another compound document, without {error}"
        raise ImageFileError(f"an Olympus file in {path}", got, "export the image as OME-TIFF") from error


def _planes(path: Path, file: Any) -> dict[tuple[tuple[str, int], ...], str]:
    """Return the names of the files of planes, ``s_C001Z002.tif``, by their place; others are for the screen."""
    found = {}
    for name in file.glob("*.tif"):
        matched = _PLANE.fullmatch(re.split(r"[\\/]", name)[-1])
        if matched:
            found[tuple((letter, int(number)) for letter, number in _PLACE.findall(matched[1]))] = str(name)
            check_regular(path.parent / name, ImageFileError, f"the planes of {path}")
    if not found:
        raise ImageFileError(f"planes in {path}", "none", "copy it again, with its folder")
    return found


def _grid(planes: Mapping[tuple[tuple[str, int], ...], str]) -> tuple[str, npt.NDArray[np.int64], tuple[str, ...]]:
    """Return the axes that planes are counted along, the number of each plane by its place, -1 for none, and names."""
    letters = "".join(letter for letter, _ in next(iter(planes)))
    places = [tuple(number for _, number in place) for place in planes]
    along = [sorted({place[axis] for place in places}) for axis in range(len(letters))]
    numbers = np.full([len(each) for each in along], -1)
    for at, place in enumerate(places):
        numbers[tuple(each.index(number) for each, number in zip(along, place, strict=True))] = at
    kept = "".join(letter for letter, size in zip(letters, numbers.shape, strict=True) if size > 1)
    return kept, numbers.squeeze(), tuple(planes.values())


def _plane_labels(settings: Mapping[str, Any], shape: tuple[int, ...]) -> tuple[str, ...]:
    """Return what the rows and columns of a plane are: the first two axes of the scan, the fastest last."""
    order = str(_inside(settings, "Axis Parameter Common", "AxisOrder") or "XY")
    rows = order[1] if order[:1] == "X" and order[1:2] in ("Y", "Z") else "Y"
    return (rows, "X", "S")[: len(shape)]


def _steps(settings: Mapping[str, Any]) -> tuple[dict[str, float | None], float | None]:
    """Return micrometres per pixel and seconds per frame."""
    sizes: dict[str, float | None] = {}
    interval = None
    for number in range(_MOST_AXES):
        axis = settings.get(f"Axis {number} Parameters Common") or {}
        letter, unit, count = str(axis.get("AxisCode", "")), str(axis.get("UnitName", "")), axis.get("MaxSize") or 0
        try:
            span = abs(float(axis["EndPosition"]) - float(axis["StartPosition"]))
        except (KeyError, TypeError, ValueError):
            continue
        if letter in ("X", "Y") and count:
            sizes[letter] = micrometres(span / count, unit)  # from edge to edge
        elif letter == "Z" and count > 1:
            sizes["Z"] = micrometres(span / (count - 1), unit)  # from the first plane to the last
        elif letter == "T" and count > 1:
            interval = seconds(span / (count - 1), unit)
    reference = settings.get("Reference Image Parameter") or {}
    for letter, side in (("X", "Width"), ("Y", "Height")):
        told = micrometres(reference.get(f"{side}ConvertValue"), str(reference.get(f"{side}Unit", "")))
        sizes[letter] = told if told is not None else sizes.get(letter)
    return sizes, interval


def _channel_names(settings: Mapping[str, Any], count: int) -> tuple[str, ...]:
    groups = [settings.get(f"GUI Channel {number} Parameters") or {} for number in range(1, count + 1)]
    dyes = [settings.get(f"Channel {number} Parameters") or {} for number in range(1, count + 1)]
    names = tuple(
        str(dye.get("DyeName") or group.get("DyeName") or group.get("CH Name") or "")
        for dye, group in zip(dyes, groups, strict=True)
    )
    return names if any(names) else ()


def _inside(settings: Mapping[str, Any], section: str, key: str) -> Any:
    return (settings.get(section) or {}).get(key)


def _open(
    path: Path, numbers: npt.NDArray[np.int64], names: tuple[str, ...], plane: tuple[int, ...], dtype: Any
) -> Opened:
    with ExitStack() as files:
        file, one_at_a_time = _file(path, files), Lock()

        def read_plane(place: tuple[int, ...], box: Box) -> npt.NDArray[Any]:
            number = int(numbers[place])
            if number < 0:
                return np.zeros(plane, dtype)[box]
            with one_at_a_time:  # planes of an OIB share the position in its file
                return np.asarray(file.asarray(names[number]))[box]

        return Opened(Blocks(read_plane, numbers.shape, plane, dtype), files.pop_all().close)


def _is_oif(head: bytes) -> bool:
    return head.startswith((COMPOUND, _OIF_START)) or (head.startswith(b"[") and _OIF_MARK in head)


FORMAT = Format(name="OIB/OIF", suffixes=(".oib", ".oif"), read=read, begins=_is_oif)
