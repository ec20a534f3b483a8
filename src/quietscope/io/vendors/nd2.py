"""Nikon ND2, read with nd2: stage positions as series."""

from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.errors import ImageFileError
from quietscope.io.declared_size import check_declared
from quietscope.io.details import Details, Told, valid_colors, valid_wavelengths
from quietscope.io.format import Format
from quietscope.io.image import Image, LazyArray, Opened, check_series, truncated
from quietscope.io.units import micrometres, seconds
from quietscope.io.unrecorded import judged
from quietscope.io.vendors.block_array import Blocks, Box
from quietscope.io.vendors.scan_axes import in_letters
from quietscope.optional import imported

_MAGIC, _OLD_MAGIC = b"\xda\xce\xbe\x0a", b"\x00\x00\x00\x0cjP  "
_LOOPS = {"TimeLoop": "T", "NETimeLoop": "T", "XYPosLoop": "P", "ZStackLoop": "Z"}


def read(path: Path, series: int) -> Image:
    """Open one stage position of an ND2 file.

    Args:
        path: The file.
        series: Index of the position.

    Returns:
        The image with lazy pixels; axes of length 1 are left out.

    Raises:
        ImageFileError: If the file is cut, is compressed with loss, or has no such position.
    """
    imported("nd2", ImageFileError, "nd2")
    with ExitStack() as files:
        file = _file(path, files)
        if file.attributes.compressionType == "lossy" and not file.is_legacy:
            raise ImageFileError(f"pixels of {path} without loss", "lossy compression", "export it as OME-TIFF in NIS")
        loops, frame = _loops(file), _frame(file)
        places = loops.get("P", 1)
        check_series(path, series, places)
        numbers, axes = _numbers(loops, series)
        inner = "".join(letter for letter, size in frame.items() if size > 1 or letter in "YX")
        block, dtype = tuple(frame[letter] for letter in inner), np.dtype(file.dtype)
        recorded = _recorded(path, file, numbers.ravel(), prod(block) * dtype.itemsize)
        count, mask = judged(path, recorded, (*numbers.shape, *block), axes + inner)
        numbers = numbers if count is None else numbers[:count]
        check_declared(path, (*numbers.shape, *block), dtype)
        return Image(
            LazyArray(partial(_open, path, numbers, frame, inner, dtype), (*numbers.shape, *block), dtype, path),
            axes + inner,
            path=path,
            num_series=places,
            series_names=_position_names(file) if places > 1 else (),
            mask=mask,
            **_metadata(file, axes, numbers),
        )


def _file(path: Path, files: ExitStack) -> Any:
    return files.enter_context(imported("nd2", ImageFileError, "nd2").ND2File(path))


def _loops(file: Any) -> dict[str, int]:
    """Return the axes that frames are counted along, outermost first, with their lengths."""
    labels = tuple(_LOOPS.get(loop.type, loop.type) for loop in file.experiment)
    sizes = {letter: int(loop.count) for letter, loop in zip(in_letters(labels, {}), file.experiment, strict=True)}
    stored = int(file.attributes.sequenceCount or 1)
    return sizes if sizes or stored == 1 else {"T": stored}  # frames that nothing says more of


def _frame(file: Any) -> dict[str, int]:
    """Return the axes of what is stored together: channels, rows, columns, and the samples of a colour."""
    attributes = file.attributes
    channels, components = int(attributes.channelCount or 1), int(attributes.componentCount)
    samples = components // channels
    if samples not in (3, 4):
        channels, samples = components, 1
    return {"C": channels, "Y": int(attributes.heightPx), "X": int(attributes.widthPx or 1), "S": samples}


def _numbers(loops: Mapping[str, int], series: int) -> tuple[npt.NDArray[np.int64], str]:
    """Return the numbers of the frames of one position, by their place along all other loops, and these loops."""
    numbers = np.arange(prod(loops.values())).reshape(tuple(loops.values()))
    if "P" in loops:
        numbers = np.take(numbers, series, axis=list(loops).index("P"))
    axes = "".join(letter for letter, size in loops.items() if size > 1 and letter != "P")
    return numbers.reshape([loops[letter] for letter in axes]), axes


def _recorded(path: Path, file: Any, numbers: npt.NDArray[np.int64], frame_bytes: int) -> npt.NDArray[np.bool_]:
    """Return which frames the file holds; the library reads others as zeros.

    Raises:
        ImageFileError: If the file ends before a frame does.
    """
    offsets = getattr(getattr(file, "_rdr", None), "_frame_offsets", None)
    if not isinstance(offsets, dict):
        return np.ones(len(numbers), bool)
    packed = file.attributes.compressionType is not None
    size = path.stat().st_size
    ends = [offsets[int(number)] + (1 if packed else frame_bytes) for number in numbers if int(number) in offsets]
    if ends and max(ends) > size:
        raise truncated(path, needed=max(ends), size=size)
    return np.array([int(number) in offsets for number in numbers])


def _position_names(file: Any) -> tuple[str, ...]:
    points = next((loop.parameters.points for loop in file.experiment if loop.type == "XYPosLoop"), ())
    names = tuple(str(point.name or "") for point in points)
    return names if any(names) else ()


def _metadata(file: Any, axes: str, numbers: npt.NDArray[np.int64]) -> Told:
    channels = list(getattr(file.metadata, "channels", None) or ())
    names = tuple(str(each.channel.name or "") for each in channels)
    calibrated = channels[0].volume.axesCalibrated if channels else (False, False, False)
    sizes = dict(zip("XYZ", file.voxel_size(), strict=True))
    known = {
        letter: micrometres(sizes[letter], "um") for letter, is_known in zip("XYZ", calibrated, strict=True) if is_known
    }
    return {
        "pixel_size_um": {letter: size for letter, size in known.items() if size is not None and letter in f"{axes}YX"},
        "channel_names": names if any(names) else (),
        "frame_interval_s": _interval(file, numbers, axes),
        "details": Details(
            colors=valid_colors(_hex(each.channel.color) for each in channels),
            emission_nm=valid_wavelengths((each.channel.emissionLambdaNm, "nm") for each in channels),
        ),
    }


def _hex(color: Any) -> str:
    return "".join(f"{int(getattr(color, part, 0)):02X}" for part in ("r", "g", "b"))


def _interval(file: Any, numbers: npt.NDArray[np.int64], axes: str) -> float | None:
    """Return the time step as measured from the first frame to the last; as planned where no times are kept."""
    if "T" not in axes:
        return None
    frames = np.moveaxis(numbers, axes.index("T"), 0).reshape(numbers.shape[axes.index("T")], -1)[:, 0]
    first, last = (_time_ms(file, int(frame)) for frame in (frames[0], frames[-1]))
    if first is not None and last is not None and len(frames) > 1:
        measured = seconds((last - first) / (len(frames) - 1), "ms")
        if measured is not None:
            return measured
    planned = next((loop.parameters for loop in file.experiment if loop.type == "TimeLoop"), None)
    return seconds(getattr(planned, "periodMs", None), "ms")


def _time_ms(file: Any, frame: int) -> float | None:
    try:
        return float(file.frame_metadata(frame).channels[0].time.relativeTimeMs)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):  # files of old programs keep no times
        return None


def _open(path: Path, numbers: npt.NDArray[np.int64], frame: Mapping[str, int], inner: str, dtype: Any) -> Opened:
    with ExitStack() as files:
        file = _file(path, files)
        block = tuple(frame[letter] for letter in inner)
        pixels = Blocks(partial(_read, file, numbers, frame, block), numbers.shape, block, dtype)
        return Opened(pixels, files.pop_all().close)


def _read(
    file: Any,
    numbers: npt.NDArray[np.int64],
    frame: Mapping[str, int],
    block: tuple[int, ...],
    place: tuple[int, ...],
    box: Box,
) -> npt.NDArray[Any]:
    channels = int(file.attributes.channelCount or 1)
    stored = np.asarray(file.read_frame(int(numbers[place]))).reshape(channels, frame["Y"], frame["X"], -1)
    # Colours stay together; other components of a channel are channels.
    pixels = stored if frame["S"] > 1 else np.moveaxis(stored, -1, 1)
    return np.array(pixels.reshape(block)[box])


def _is_nd2(head: bytes) -> bool:
    return head.startswith((_MAGIC, _OLD_MAGIC))


FORMAT = Format(name="ND2", suffixes=(".nd2",), read=read, begins=_is_nd2)
