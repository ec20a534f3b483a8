"""Writing of OME-Zarr, NGFF 0.5 and 0.4: https://ngff.openmicroscopy.org/0.5/."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.errors import OutputError
from quietscope.io.format import WriteRequest
from quietscope.io.gathered import Box, Gathered
from quietscope.io.image import Sink
from quietscope.io.pyramid import Level, levels_of
from quietscope.io.reordered import Reordered
from quietscope.io.shown_range import shown_range
from quietscope.io.storage import Storage
from quietscope.io.zarr_tasks import settle

# Chunks are 512 x 512 pixels of one plane, so that tiles and frames consist of whole chunks.
_CHUNK = 512
# A shard is 4 x 4 chunks of a plane, of small planes as many as have so many bytes: a terabyte is some 50,000 files.
_CHUNKS_OF_SHARD, _BYTES_OF_SHARD = 4, 1 << 25
_COLORS = ("FFFFFF", "00FF00", "FF00FF", "00FFFF", "FFFF00", "FF0000", "0000FF")

COMPRESSIONS = ("zstd", "deflate", "none")
LAYOUTS = frozenset({"pyramid", "chunk", "shard", "ngff"})


@contextmanager
def create(path: Path, request: WriteRequest) -> Iterator[Sink]:
    """Start an OME-Zarr image and its pyramid, and provide its pixels as an array.

    NGFF prescribes the order time, channel, space; the array has the order of the request.

    Args:
        path: Temporary path to write to.
        request: Description of the image.

    Yields:
        An array of the request's shape; whole chunks are written as soon as they are there, of all levels.

    Raises:
        OutputError: If there are axes that NGFF does not allow.
    """
    try:
        begin(path, request)
        sink, gathered = open_begun(path, request)
        yield sink
        gathered.finish()
        tell_range(path, request)
    except BaseException:  # of headers, too: several are written at once
        settle()
        raise


def begin(path: Path, request: WriteRequest) -> None:
    """Make the folder of an image, with all that it holds but its pixels.

    Args:
        path: Where; nothing is there yet.
        request: Description of the image.

    Raises:
        OutputError: If there are axes that NGFF does not allow.
    """
    import zarr

    order, levels = _ngff_order(request), _levels(request)
    group = zarr.create_group(str(path), zarr_format=2 if request.storage.ngff == "0.4" else 3)
    for number, level in enumerate(levels):
        _create_array(group, str(number), request, order, level)
    group.attrs.update(attributes(request, order, levels))


def open_begun(path: Path, request: WriteRequest) -> tuple[Sink, Gathered]:
    """Open an image that was begun, to write its pixels and those of its pyramid.

    Args:
        path: Its folder.
        request: What it was begun with.

    Returns:
        An array of the request's shape to write to, and what writes the pieces.
    """
    gathered = Gathered(_levels(request), pieces_in(path, request))
    return Reordered(gathered, _ngff_order(request), request.axes), gathered


def pieces_in(path: Path, request: WriteRequest) -> list["ZarrPieces"]:
    """Return the levels of an image that was begun, in NGFF's order of axes."""
    import zarr

    group = zarr.open_group(str(path), mode="r+")
    found = []
    for number in range(len(_levels(request))):
        array = group[str(number)]
        array = array.with_config({"write_empty_chunks": True})  # so that a chunk that is not there is known to be lost
        found.append(ZarrPieces(array, array.shards or array.chunks, path / str(number)))
    return found


def piece_of(request: WriteRequest) -> dict[str, int]:
    """Return the size of a piece, the least that one file holds of the image, along each of its axes."""
    order, [level, *_] = _ngff_order(request), _levels(request)
    chunks, shards = _chunks(request, order, level)
    return dict(zip(order, shards or chunks, strict=True))


def order_of(request: WriteRequest) -> str:
    """Return the axes of an image in the order of its arrays."""
    return _ngff_order(request)


def levels_in(request: WriteRequest) -> tuple[Level, ...]:
    """Return the levels of the pyramid of an image, itself first."""
    return _levels(request)


def _levels(request: WriteRequest) -> tuple[Level, ...]:
    order = _ngff_order(request)
    sizes = dict(zip(request.axes, request.shape, strict=True))
    shape = tuple(sizes[letter] for letter in order)
    levels = levels_of(order, shape, request.pixel_size_um, is_asked=bool(request.storage.pyramid))
    return levels[:1] if request.storage.pyramid is False else levels


@dataclass(frozen=True)
class ZarrPieces:
    """A Zarr array, written by whole chunks or shards, see `quietscope.io.gathered.Pieces`.

    Attributes:
        array: The array.
        piece: Shape of a chunk, or of a shard where there are any.
        folder: Where it lies.
    """

    array: Any
    piece: tuple[int, ...]
    folder: Path

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return tuple(self.array.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels."""
        dtype: np.dtype[Any] = np.dtype(self.array.dtype)
        return dtype

    def write(self, box: Box, pixels: npt.NDArray[Any]) -> None:
        """Write a piece."""
        self.array[box] = pixels

    def read(self, box: Box) -> npt.NDArray[Any]:
        """Read a piece."""
        return np.asarray(self.array[box])

    def files(self, box: Box) -> Iterator[Path]:
        """Yield the files of the pieces that a box reaches into."""
        ranges = (range(at.start // each, -(-at.stop // each)) for at, each in zip(box, self.piece, strict=True))
        for place in product(*ranges):
            yield self.folder / self.array.metadata.encode_chunk_key(place)


def _chunks(request: WriteRequest, order: str, level: Level) -> tuple[tuple[int, ...], tuple[int, ...] | None]:
    """Return the shapes of chunks and shards of one level."""
    side = request.storage.chunk or _CHUNK
    chunks = tuple(min(size, side) if letter in "YX" else 1 for letter, size in zip(order, level.shape, strict=True))
    return chunks, _shards(order, level.shape, chunks, request.dtype.itemsize) if request.storage.shard else None


def _create_array(group: Any, name: str, request: WriteRequest, order: str, level: Level) -> None:
    """Create the array of one level."""
    storage = request.storage
    chunks, shards = _chunks(request, order, level)
    options: dict[str, Any] = {"compressors": _compressors(storage)}
    if storage.ngff == "0.4":
        options["chunk_key_encoding"] = {"name": "v2", "separator": "/"}
    else:
        options["dimension_names"] = [letter.lower() for letter in order]
    group.create_array(name, shape=level.shape, dtype=request.dtype, chunks=chunks, shards=shards, **options)


def _shards(order: str, shape: tuple[int, ...], chunks: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """Return the shape of a shard: of small planes, many are in one; of large ones, no more than a row waits."""
    shard = dict(zip(order, chunks, strict=True))
    sizes = dict(zip(order, shape, strict=True))
    for letter in "YX":
        shard[letter] *= min(_CHUNKS_OF_SHARD, -(-sizes[letter] // shard[letter]))
    waiting = sizes["Y"] * sizes["X"] * itemsize
    for stacked in (letter for letter in "ZT" if letter in order):
        while shard[stacked] < sizes[stacked] and 2 * waiting <= _BYTES_OF_SHARD:
            shard[stacked], waiting = 2 * shard[stacked], 2 * waiting
    return tuple(shard.values())


def _compressors(storage: Storage) -> Any:
    """Return Zarr's name for a compression."""
    from numcodecs import Blosc, Zlib
    from zarr.codecs import GzipCodec

    if storage.compression == "none":
        return None
    if storage.ngff == "0.4":  # of what 0.4 has, what all its readers have
        return Zlib(level=5) if storage.compression == "deflate" else Blosc(cname="zstd", clevel=5)
    return GzipCodec(level=5) if storage.compression == "deflate" else "auto"


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


def attributes(request: WriteRequest, order: str, levels: Sequence[Level]) -> dict[str, Any]:
    """Return the metadata of an image, as NGFF has them.

    Args:
        request: Description of the image.
        order: Its axes in the order of NGFF.
        levels: The levels of its pyramid, itself first.

    Returns:
        The attributes of its group.
    """
    axes, scale = _axes(request, order)
    known = request.details.position_um if _has_place(request) else {}
    place = [float(known.get(letter, 0.0)) for letter in order]
    datasets = [
        {"path": str(number), "coordinateTransformations": _steps(level, scale, place)}
        for number, level in enumerate(levels)
    ]
    image: dict[str, Any] = {"name": request.details.name or request.path.name.split(".")[0], "axes": axes}
    image["datasets"] = datasets
    if len(levels) > 1:
        image["type"] = "mean"
    num_channels = dict(zip(order, levels[0].shape, strict=True)).get("C", 1)
    channels = _channels(request, num_channels)
    omero = {"omero": {"channels": channels}} if channels else {}
    if request.storage.ngff == "0.4":
        return {"multiscales": [{"version": "0.4", **image}], **omero}
    return {"ome": {"version": "0.5", "multiscales": [image], **omero}}


def tell_range(path: Path, request: WriteRequest) -> None:
    """Say which intensities to show, once all pixels are written: those that they have, where nobody has told others.

    Args:
        path: The folder of the image.
        request: Description of the image.
    """
    import zarr

    group = zarr.open_group(str(path), mode="r+")
    found: dict[str, Any] = dict(group.attrs)
    block = found if request.storage.ngff == "0.4" else found["ome"]
    channels = block.get("omero", {}).get("channels", [])
    if not channels or len(request.details.ranges) == 2 * len(channels):
        return
    smallest: Any = group[block["multiscales"][0]["datasets"][-1]["path"]]
    axes = _ngff_order(request)
    for number, channel in enumerate(channels):
        seen = shown_range(smallest.__getitem__, axes, tuple(smallest.shape), number)
        if seen is not None:
            channel["window"] = _window(request, *seen)
    group.attrs.update(found)


def _axes(request: WriteRequest, order: str) -> tuple[list[dict[str, str]], list[float]]:
    """Return what NGFF says of each axis, and the size of a pixel along it."""
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
    return axes, scale


def _steps(level: Level, scale: Sequence[float], place: Sequence[float]) -> list[dict[str, Any]]:
    """Return how the pixels of a level lie in space: a pixel lies in the middle of those that it is the mean of."""
    steps: list[dict[str, Any]] = [
        {"type": "scale", "scale": [each * factor for each, factor in zip(scale, level.factor, strict=True)]}
    ]
    moves = [at + each * (factor - 1) / 2 for at, each, factor in zip(place, scale, level.factor, strict=True)]
    if any(moves):
        steps.append({"type": "translation", "translation": moves})
    return steps


def _channels(request: WriteRequest, num_channels: int) -> list[dict[str, Any]]:
    """Describe each channel, as far as anything is known of the channels."""
    details = request.details
    names = request.channel_names if len(request.channel_names) == num_channels else ()
    colors = details.colors_of(num_channels)
    wavelengths = details.emission_nm if len(details.emission_nm) == num_channels else ()
    ranges = details.ranges if len(details.ranges) == 2 * num_channels else ()
    if not (names or colors or wavelengths):
        return []
    channels = []
    for n in range(num_channels):
        window = _window(request, *ranges[2 * n : 2 * n + 2])  # of the data type until the pixels are known
        channel: dict[str, Any] = {"label": names[n]} if names else {}
        channel |= {"color": colors[n] if colors else _COLORS[n % len(_COLORS)], "window": window, "active": True}
        if wavelengths and wavelengths[n] is not None:
            channel["emissionWave"] = wavelengths[n]
        channels.append(channel)
    return channels


def _window(request: WriteRequest, start: float | None = None, end: float | None = None) -> dict[str, float]:
    """Return what NGFF says of the display range, which it requires: what there may be, and what is shown of it."""
    kind = request.dtype.kind
    low, high = 0.0, 1.0
    if kind in "iu":
        low, high = np.iinfo(request.dtype).min, np.iinfo(request.dtype).max
    start, end = low if start is None else start, high if end is None else end
    high = end if kind == "f" else max(high, end)
    return {"min": min(low, start), "max": high, "start": start, "end": end}


def _has_place(request: WriteRequest) -> bool:
    """Tell whether a position can be written: along X and Y, since NGFF has a number for each axis, known or not."""
    return {"X", "Y"} <= set(request.details.position_um) & set(request.pixel_size_um)


def kept(request: WriteRequest) -> frozenset[str]:
    """Return the facts and details that NGFF has a place for, see `quietscope.io.details`."""
    usual = ("pixel_size_um", "channel_names", "frame_interval_s", "name", "colors", "emission_nm", "ranges")
    return frozenset((*usual, *(("position_um",) if _has_place(request) else ())))
