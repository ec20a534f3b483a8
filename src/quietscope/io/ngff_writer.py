"""Writing of OME-Zarr, NGFF 0.5: https://ngff.openmicroscopy.org/0.5/."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from quietscope.axes import reorder
from quietscope.errors import OutputError
from quietscope.io.format import WriteRequest
from quietscope.io.image import Sink
from quietscope.io.zarr_tasks import settle

# Chunks are 512 x 512 pixels of one plane, so that tiles and frames consist of whole chunks.
_CHUNK = 512
_COLORS = ("FFFFFF", "00FF00", "FF00FF", "00FFFF", "FFFF00", "FF0000", "0000FF")


class _Reordered:
    """A Zarr array that is written to with its axes in another order."""

    def __init__(self, array: Any, own: str, asked: str) -> None:
        self._array, self._own, self._asked = array, own, asked

    def __setitem__(self, key: Any, block: Any) -> None:
        index = _full_key(key, len(self._asked))
        kept = "".join(a for a, at in zip(self._asked, index, strict=True) if isinstance(at, slice))
        own = tuple(index[self._asked.index(letter)] for letter in self._own)
        block = np.asarray(block)
        assert block.ndim in (0, len(kept)), "a number, or a block with the dimensions that the index leaves"
        if block.ndim:
            block = reorder(block, kept, "".join(letter for letter in self._own if letter in kept))
        self._array[own] = block


@contextmanager
def create(path: Path, request: WriteRequest) -> Iterator[Sink]:
    """Start an OME-Zarr image of one resolution, and provide its pixels as an array.

    NGFF prescribes the order time, channel, space; the array has the order of the request.

    Args:
        path: Temporary path to write to.
        request: Description of the image.

    Yields:
        An array of the request's shape.

    Raises:
        OutputError: If there are axes that NGFF does not allow.
    """
    import zarr

    order = _ngff_order(request)
    sizes = dict(zip(request.axes, request.shape, strict=True))
    try:
        group = zarr.open_group(str(path), mode="w-", zarr_format=3)
        array = group.create_array(
            "0",
            shape=tuple(sizes[letter] for letter in order),
            dtype=request.dtype,
            chunks=tuple(min(sizes[letter], _CHUNK) if letter in "YX" else 1 for letter in order),
            dimension_names=[letter.lower() for letter in order],
            config={"write_empty_chunks": True},  # so that a chunk that is not there is known to be lost
        )
        group.attrs["ome"] = _attributes(request, order, sizes)
        yield _Reordered(array, order, request.axes)
    except BaseException:  # of headers, too: several are written at once
        settle()
        raise


def _ngff_order(request: WriteRequest) -> str:
    """Return the axes in the order of NGFF: time, then one channel or other axis, then two or three of space."""
    middle = "".join(letter for letter in request.axes if letter not in "TZYX")
    if len(middle) > 1:
        raise OutputError(
            f"at most one axis besides T, Z, Y and X for {request.path.name}",
            f"axes {request.axes}",
            f"write to {request.path.name.split('.')[0]}.tif instead",
        )
    return "".join(letter for letter in "T" + middle + "ZYX" if letter in request.axes)


def _attributes(request: WriteRequest, order: str, sizes: dict[str, int]) -> dict[str, Any]:
    scale = [1.0] * len(order)
    axes: list[dict[str, str]] = []
    for at, letter in enumerate(order):
        axis = {"name": letter.lower()}
        if letter == "T":
            axis["type"] = "time"
            if request.frame_interval_s is not None:
                axis["unit"], scale[at] = "second", float(request.frame_interval_s)
        elif letter in "ZYX":
            axis["type"] = "space"
            if letter in request.pixel_size_um:
                axis["unit"], scale[at] = "micrometer", float(request.pixel_size_um[letter])
        elif letter in "CS":
            axis["type"] = "channel"
        axes.append(axis)
    steps: list[dict[str, Any]] = [{"type": "scale", "scale": scale}]
    place = request.details.position_um
    if _has_place(request):
        steps.append({"type": "translation", "translation": [float(place.get(letter, 0.0)) for letter in order]})
    datasets = [{"path": "0", "coordinateTransformations": steps}]
    name = request.details.name or request.path.name.split(".")[0]
    ome: dict[str, Any] = {"version": "0.5", "multiscales": [{"name": name, "axes": axes, "datasets": datasets}]}
    channels = _channels(request, sizes.get("C", 1))
    if channels:
        ome["omero"] = {"channels": channels}
    return ome


def _channels(request: WriteRequest, num_channels: int) -> list[dict[str, Any]]:
    """Describe each channel, as far as anything is known of the channels."""
    details = request.details
    names = request.channel_names if len(request.channel_names) == num_channels else ()
    colors = details.colors_of(num_channels)
    wavelengths = details.emission_nm if len(details.emission_nm) == num_channels else ()
    ranges = details.ranges if len(details.ranges) == 2 * num_channels else ()
    if not (names or colors or wavelengths):
        return []
    # NGFF requires a display range. Where none is known, and the pixels are not yet, it is that of the data type.
    kind = request.dtype.kind
    low, high = (np.iinfo(request.dtype).min, np.iinfo(request.dtype).max) if kind in "iu" else (0, 1)
    channels = []
    for n in range(num_channels):
        start, end = ranges[2 * n : 2 * n + 2] or (low, high)
        window = {"min": min(low, start), "max": max(high, end), "start": start, "end": end}
        channel: dict[str, Any] = {"label": names[n]} if names else {}
        channel |= {"color": colors[n] if colors else _COLORS[n % len(_COLORS)], "window": window, "active": True}
        if wavelengths and wavelengths[n] is not None:
            channel["emissionWave"] = wavelengths[n]
        channels.append(channel)
    return channels


def _has_place(request: WriteRequest) -> bool:
    """Tell whether a position can be written: along X and Y, since NGFF has a number for each axis, known or not."""
    return {"X", "Y"} <= set(request.details.position_um) & set(request.pixel_size_um)


def kept(request: WriteRequest) -> frozenset[str]:
    """Return the facts and details that NGFF has a place for, see `quietscope.io.details`."""
    usual = ("pixel_size_um", "channel_names", "frame_interval_s", "name", "colors", "emission_nm", "ranges")
    return frozenset((*usual, *(("position_um",) if _has_place(request) else ())))


def _full_key(key: Any, ndim: int) -> tuple[Any, ...]:
    """Expand an index of integers, slices and at most one ellipsis to one entry per axis."""
    parts = key if isinstance(key, tuple) else (key,)
    if any(part is Ellipsis for part in parts):
        at = next(i for i, part in enumerate(parts) if part is Ellipsis)
        parts = (*parts[:at], *[slice(None)] * (ndim - len(parts) + 1), *parts[at + 1 :])
    return (*parts, *[slice(None)] * (ndim - len(parts)))
