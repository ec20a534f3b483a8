"""Imaris files (.ims): HDF5 with a dataset for every channel at every time, padded to whole chunks."""

import re
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from quietscope.errors import ImageFileError
from quietscope.io.declared_size import check_declared
from quietscope.io.details import Details, valid_colors, valid_name
from quietscope.io.image import Image, LazyArray, Opened, check_series
from quietscope.io.units import micrometres
from quietscope.io.unrecorded import judged
from quietscope.io.vendors.block_array import Blocks
from quietscope.io.vendors.h5_file import check_readable, open_h5, read_box, text_of

_LEVEL = "DataSet/ResolutionLevel 0"
_DEFAULT_UNIT = "um"


def is_imaris(file: Any) -> bool:
    """Return whether an open HDF5 file is one of Imaris."""
    return _LEVEL in file and "DataSetInfo" in file


def read_imaris(path: Path, series: int, file: Any) -> Image:
    """Open an Imaris file at full resolution.

    Args:
        path: The file.
        series: Index of the image; must be 0.
        file: The open file.

    Returns:
        The image with lazy pixels; axes of length 1 are left out.

    Raises:
        ImageFileError: If it holds no pixels, or is compressed by what is not installed.
    """
    check_series(path, series)
    datasets, counts = _datasets(file)
    if not datasets:
        raise ImageFileError(f"pixels at full resolution in {path}", "none", "copy or export it again")
    first = next(iter(datasets.values()))
    check_readable(path, first)
    info = file["DataSetInfo"]
    image, stored = info.get("Image"), first.shape
    sizes = tuple(min(_whole(image, letter) or most, most) for letter, most in zip("ZYX", stored, strict=True))
    dtype = np.result_type(*{each.dtype for each in datasets.values()})
    axes = "".join(letter for letter, count in zip("TC", counts, strict=True) if count > 1)
    inner = "ZYX" if sizes[0] > 1 else "YX"
    block = sizes[3 - len(inner) :]
    recorded = np.array([place in datasets for place in product(*map(range, counts))])
    kept = tuple(count for count in counts if count > 1)
    count, mask = judged(path, recorded, (*kept, *block), axes + inner)
    kept = kept if count is None else (count, *kept[1:])
    shape = (*kept, *block)
    check_declared(path, shape, dtype)
    channels = [info.get(f"Channel {number}") for number in range(counts[1])]
    names = tuple(_attribute(channel, "Name") for channel in channels)
    return Image(
        LazyArray(partial(_open, path, axes, kept, block, dtype), shape, dtype, path),
        axes + inner,
        pixel_size_um={letter: size for letter, size in _steps(image, sizes).items() if letter in inner},
        channel_names=names if any(names) else (),
        path=path,
        frame_interval_s=_interval(info.get("TimeInfo"), counts[0]),
        mask=mask,
        details=Details(
            name=valid_name(_attribute(image, "Name")),
            acquired=_attribute(image, "RecordingDate")[:64],
            colors=valid_colors(_hex(_attribute(channel, "Color")) for channel in channels),
        ),
    )


def _datasets(file: Any) -> tuple[dict[tuple[int, ...], Any], tuple[int, int]]:
    """Return the datasets by time and channel, and how many of both there are."""
    times, found = file[_LEVEL], {}
    for time in times:
        for channel in times[time]:
            data = times[time][channel].get("Data")
            place = re.fullmatch(r"TimePoint (\d+)/Channel (\d+)", f"{time}/{channel}")
            if data is not None and place is not None:
                found[int(place[1]), int(place[2])] = data
    ends = [max((place[axis] for place in found), default=-1) + 1 for axis in (0, 1)]
    return dict(sorted(found.items())), (ends[0], ends[1])


def _attribute(group: Any, name: str) -> str:
    return "" if group is None else text_of(group.attrs.get(name)).strip("\x00 ")


def _number(group: Any, name: str) -> float | None:
    try:
        return float(_attribute(group, name))
    except ValueError:
        return None


def _whole(group: Any, name: str) -> int:
    number = _number(group, name)
    return int(number) if number is not None and number >= 1 else 0


def _steps(image: Any, sizes: tuple[int, ...]) -> dict[str, float]:
    """Return micrometres per pixel: the extent goes from the edge of the first pixel to the edge of the last."""
    steps: dict[str, float] = {}
    for letter, axis, size in zip("XYZ", "012", sizes[::-1], strict=True):
        ends = [_number(image, f"Ext{end}{axis}") for end in ("Min", "Max")]
        if ends[0] is not None and ends[1] is not None:
            step = micrometres(abs(ends[1] - ends[0]) / size, _attribute(image, "Unit") or _DEFAULT_UNIT)
            steps |= {} if step is None else {letter: step}
    return steps


def _interval(times: Any, count: int) -> float | None:
    """Return the mean time from one time point to the next."""
    try:
        first, last = (datetime.fromisoformat(_attribute(times, f"TimePoint{n}")) for n in (1, count))
    except ValueError:
        return None
    step = (last - first).total_seconds() / (count - 1) if count > 1 else 0.0
    return step if step > 0 else None


def _hex(color: str) -> str:
    """Return a colour of three numbers from 0 to 1 as RRGGBB; empty where it is none."""
    try:
        parts = [round(255 * float(word)) for word in color.split()]
    except ValueError:
        return ""
    return bytes(parts).hex() if len(parts) == 3 and all(0 <= part < 256 for part in parts) else ""


def _open(path: Path, axes: str, kept: tuple[int, ...], block: tuple[int, ...], dtype: np.dtype[Any]) -> Opened:
    with ExitStack() as files:
        datasets = _along(_datasets(open_h5(path, files))[0], axes)
        return Opened(Blocks(partial(read_box, datasets, dtype), kept, block, dtype), files.pop_all().close)


def _along(datasets: Mapping[tuple[int, ...], Any], axes: str) -> dict[tuple[int, ...], Any]:
    """Return datasets by their place along those of T and C that are kept."""
    kept = [at for at, letter in enumerate("TC") if letter in axes]
    return {tuple(place[at] for at in kept): each for place, each in datasets.items()}
