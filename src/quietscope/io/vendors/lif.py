"""Leica LIF and LOF, read with liffile: every image of the file is a series."""

import logging
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from quietscope.errors import ImageFileError
from quietscope.io.declared_size import check_declared
from quietscope.io.details import Details, valid_name
from quietscope.io.format import Format
from quietscope.io.image import Image, LazyArray, Opened, check_series, truncated
from quietscope.io.units import micrometres, seconds
from quietscope.io.vendors.scan_axes import in_letters, with_rows
from quietscope.optional import imported

_START, _SECOND = b"\x70\x00\x00\x00", 0x2A
_LETTERS = {"λ": "L", "Λ": "E", "L": "O"}
"""Emission and excitation wavelength; the library's L is a loop of the acquisition."""
_DESCRIPTION = "./Data/Image/ImageDescription"
_LABELS = {
    "1": "X",
    "2": "Y",
    "3": "Z",
    "4": "T",
    "5": "λ",
    "6": "A",
    "7": "N",
    "8": "Q",
    "9": "Λ",
    "10": "M",
    "11": "L",
}
"""What the library calls the numbers of dimensions."""


def read(path: Path, series: int) -> Image:
    """Open one image of a LIF file.

    Args:
        path: The file.
        series: Index of the image.

    Returns:
        The image with lazy pixels. Spectral axes are L (emission) and E (excitation), and count frames.

    Raises:
        ImageFileError: If the file is cut, has no such image, or this one holds photon counts of FLIM or channels
            of several data types.
    """
    with ExitStack() as files:
        file = _file(path, files)
        images = list(file.images)
        if not images:
            raise ImageFileError(f"an image in {path}", "none, or the file is cut", "copy or export it again")
        check_series(path, series, len(images))
        image = images[series]
        if image.is_flim:
            raise ImageFileError(
                f"an image of intensities in series {series} of {path}",
                "photon counts of FLIM",
                "export the intensities, or choose another series",
            )
        _check_memory(path, file, image)
        labels, sizes, dtype = tuple(image.dims), tuple(map(int, image.shape)), np.dtype(image.dtype)
        told_sizes, interval = _steps(image)
        axes, pixel_size, told = with_rows(in_letters(labels, _LETTERS), told_sizes)
        check_declared(path, sizes, dtype)
        names = tuple(str(each.path) for each in images)
        num_channels = sizes[axes.index("C")] if "C" in axes else 1
        return Image(
            LazyArray(partial(_open, path, series), sizes, dtype, path),
            axes,
            pixel_size_um=pixel_size,
            channel_names=_channel_names(image, num_channels),
            path=path,
            frame_interval_s=interval if "T" in axes else None,
            num_series=len(images),
            series_names=names,
            caveats=told,
            details=Details(name=valid_name(image.name)),
        )


def _file(path: Path, files: ExitStack) -> Any:
    liffile = imported("liffile", ImageFileError, "lif")
    logging.getLogger("liffile").setLevel(logging.ERROR)
    return files.enter_context(liffile.LifFile(path))


def _check_memory(path: Path, file: Any, image: Any) -> None:
    """Refuse an image whose channels are of several data types, or whose pixels are not in the file as a whole."""
    memory = image.xml_element.find("./Memory")
    wanted = "" if memory is None else memory.get("MemoryBlockID", "")
    block = file.memory_blocks.get(wanted)
    size = path.stat().st_size
    if _strides(image) is None:
        raise ImageFileError(
            f"channels of one kind in {path}", "channels of several", "export them as OME-TIFF in LAS X"
        )
    if block is None or block.offset + block.size > size or block.size < image.nbytes:
        raise truncated(path, size=size)


def _steps(image: Any) -> tuple[dict[str, float | None], float | None]:
    """Return micrometres per pixel and seconds per frame: a length goes from the first pixel to the last."""
    sizes: dict[str, float | None] = {}
    interval = None
    for each in image.xml_element.findall(f"{_DESCRIPTION}/Dimensions/DimensionDescription"):
        count, length = int(each.get("NumberOfElements", "0")), each.get("Length", "")
        letter = _LABELS.get(each.get("DimID"), "")
        if count < 2 or letter not in "XYZT":
            continue
        step = abs(float(length)) / (count - 1)
        if letter == "T":
            interval = seconds(step, each.get("Unit") or "s")
        else:
            sizes[letter] = micrometres(step, each.get("Unit") or "m")
    return sizes, interval


def _channel_names(image: Any, count: int) -> tuple[str, ...]:
    """Return the dye of each channel, or the colour it is shown in."""
    names = []
    for each in _channels(image):
        properties = {found.findtext("Key"): found.findtext("Value") for found in each.findall("ChannelProperty")}
        names.append(properties.get("DyeName") or each.get("LUTName") or "")
    return tuple(names) if len(names) == count and any(names) else ()


def _open(path: Path, series: int) -> Opened:
    with ExitStack() as files:
        image = _file(path, files).images[series]
        strides, block = _strides(image), image.memory_block
        stored = np.memmap(path, np.uint8, "r", block.offset, (block.size,))
        pixels: Any = np.ndarray(image.shape, image.dtype, stored, strides=strides)
        return Opened(pixels[..., ::-1] if _is_blue_first(image) else pixels)


def _channels(image: Any) -> list[Any]:
    """Return what describes each channel, in the order in which they are stored."""
    described = image.xml_element.findall(f"{_DESCRIPTION}/Channels/ChannelDescription")
    return sorted(described, key=lambda channel: int(channel.get("BytesInc", "0")))


def _strides(image: Any) -> tuple[int, ...] | None:
    """Return bytes from one pixel to the next along each axis; None for channels of several data types and the like."""
    channels = _channels(image)
    if len({(each.get("DataType"), each.get("Resolution")) for each in channels}) != 1:
        return None
    described = image.xml_element.findall(f"{_DESCRIPTION}/Dimensions/DimensionDescription")
    steps = {_LABELS.get(each.get("DimID"), ""): int(each.get("BytesInc", "0")) for each in described}
    starts, samples = [int(each.get("BytesInc", "0")) for each in channels], int(image.sizes.get("S", 1))
    steps |= {"S": starts[1] - starts[0]} if samples > 1 and len(starts) > 1 else {}
    steps |= {"C": starts[samples] - starts[0]} if len(starts) > samples else {}
    return tuple(steps[label] for label in image.dims) if set(image.dims) <= set(steps) else None


def _is_blue_first(image: Any) -> bool:
    return bool(image.dims[-1:] == ("S",)) and [each.get("ChannelTag") for each in _channels(image)][:2] == ["3", "2"]


def _is_lif(head: bytes) -> bool:
    return head[:4] == _START and len(head) > 8 and head[8] == _SECOND


FORMAT = Format(name="LIF", suffixes=(".lif", ".lof"), read=read, begins=_is_lif)
