"""TIFF written in any order: OME-TIFF, ImageJ hyperstacks, or tifffile's own layout.

Pages are one piece each, as every program reads them and a memory map writes them, unless the image is large or it is
asked for tiles, compression or a pyramid: then see `quietscope.io.tiff_tiled`.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from quietscope.axes import reorder
from quietscope.errors import OutputError
from quietscope.io import tiff_tiled
from quietscope.io.atomic import reserve
from quietscope.io.details import Details
from quietscope.io.format import WriteRequest
from quietscope.io.image import Sink
from quietscope.io.ome_xml import describe_file
from quietscope.io.pyramid import LARGEST_OF_LAST, levels_of
from quietscope.io.reordered import Reordered
from quietscope.wording import typed

_IMAGEJ_ORDER = "TZCYXS"
_IMAGEJ_DTYPES = {"uint8", "uint16", "float32"}
# Largest size for which 32-bit file offsets suffice, with a margin for the page headers.
_CLASSIC_LIMIT = 2**32 - 2**25
# An OME-TIFF whose planes are larger than that on a side, or which has more bytes, gets a pyramid.
_LARGE_SIDE, _LARGE_BYTES = 4096, 2**32

COMPRESSIONS = ("zstd", "lzw", "deflate", "none")


@contextmanager
def create(path: Path, request: WriteRequest) -> Iterator[Sink]:
    """Start a TIFF file, and provide its pixels as one array.

    OME-TIFF and ImageJ prescribe the order of the axes in the file; the array has them in the order of the request.

    Args:
        path: Temporary path to write to.
        request: Description of the image. Pixels of type bool are stored as uint8, 0 or 1.

    Yields:
        An array of the request's shape.

    Raises:
        OutputError: If OME-TIFF cannot hold the data type or the axes.
    """
    import tifffile

    dialect = _dialect(request)
    dtype = np.dtype(np.uint8) if request.dtype == bool else request.dtype
    wanted = _IMAGEJ_ORDER if dialect == "imagej" else "".join(a for a in request.axes if a not in "YXS") + "YXS"
    order = "".join(letter for letter in wanted if letter in request.axes)
    sizes = dict(zip(request.axes, request.shape, strict=True))
    options = _OPTIONS[dialect](request, order, sizes)
    start = _tiled if _is_tiled(request) else _mapped
    with ExitStack() as stack:
        try:
            pixels = stack.enter_context(start(path, request, order, dtype, options))
        except (ValueError, tifffile.OmeXmlError) as error:  # raised for what OME does not support
            raise OutputError(
                f"axes and a data type that OME-TIFF can hold in {request.path.name}",
                f"{request.axes} of {dtype} ({error})",
                f"name it .tif, without .ome, or .ome.zarr; in a folder `{typed(format='tif')}`",
            ) from error
        yield pixels


@contextmanager
def _mapped(
    path: Path, request: WriteRequest, order: str, dtype: np.dtype[Any], options: dict[str, Any]
) -> Iterator[Sink]:
    """Start a file of one piece, and provide a memory map of it."""
    import tifffile

    sizes = dict(zip(request.axes, request.shape, strict=True))
    shape = tuple(sizes[letter] for letter in order)
    place = tifffile.imwrite(
        path,
        shape=shape,
        dtype=dtype,
        bigtiff=prod(shape) * dtype.itemsize > _CLASSIC_LIMIT,
        align=16,
        returnoffset=True,
        **_photometric(order, sizes),
        **options,
    )
    assert place is not None, "an uncompressed TIFF is one piece"
    if options["ome"]:
        describe_file(path, request.details)
    reserve(path)
    pixels = np.memmap(path, dtype, "r+", place[0], shape)
    yield reorder(pixels, order, request.axes)
    pixels.flush()


@contextmanager
def _tiled(
    path: Path, request: WriteRequest, order: str, dtype: np.dtype[Any], options: dict[str, Any]
) -> Iterator[Sink]:
    """Start a file of tiles, and of a pyramid where there is to be one; its depth stays as it is, page by page."""
    sizes = dict(zip(request.axes, request.shape, strict=True))
    wanted = request.storage.pyramid
    levels = levels_of(order, [sizes[letter] for letter in order], {}, halves_z=False, is_asked=bool(wanted))
    layout = tiff_tiled.Layout(
        levels=levels if wanted or (wanted is None and _is_large(request)) else levels[:1],
        dtype=dtype,
        has_samples="S" in order,
        storage=request.storage,
        options=options,
        page_options=_photometric(order, sizes),
        details=request.details,
    )
    with tiff_tiled.create(path, layout) as sink:
        yield Reordered(sink, order, request.axes)


def _dialect(request: WriteRequest) -> str:
    if ".ome." in request.path.name.lower():
        return "ome"
    return "shaped" if _is_tiled(request) or not _fits_imagej(request) else "imagej"


def layouts(name: str) -> frozenset[str]:
    """Return what else of `Storage` a file of a name can have: the smaller versions of other dialects nobody finds."""
    return frozenset({"pyramid", "chunk"} if ".ome." in name.lower() else {"chunk"})


def _is_tiled(request: WriteRequest) -> bool:
    storage = request.storage
    if storage.pyramid or storage.chunk or storage.compression not in (None, "none"):
        return True
    return storage.pyramid is None and _is_large(request)


def _is_large(request: WriteRequest) -> bool:
    """Tell whether an image is to have a pyramid where nobody says so."""
    side = max(size for letter, size in zip(request.axes, request.shape, strict=True) if letter in "YX")
    num_bytes = prod(request.shape) * request.dtype.itemsize
    is_large = side > _LARGE_SIDE or (num_bytes > _LARGE_BYTES and side > LARGEST_OF_LAST)
    return is_large and ".ome." in request.path.name.lower()


def _fits_imagej(request: WriteRequest) -> bool:
    sizes = dict(zip(request.axes, request.shape, strict=True))
    dtype = request.dtype if request.dtype != bool else np.dtype(np.uint8)
    if not set(request.axes) <= set(_IMAGEJ_ORDER) or dtype.name not in _IMAGEJ_DTYPES:
        return False
    if sizes["X"] == 1:  # tifffile would take the height for the width, and frames for lines
        return False
    if "S" in sizes and not (dtype == np.uint8 and sizes["S"] in (3, 4)):
        return False
    # An ImageJ file has one unit, and no way to say that the pixel size along X and Y is unknown.
    scaled = not request.pixel_size_um or {"X", "Y"} <= set(request.pixel_size_um)
    return scaled and prod(request.shape) * dtype.itemsize <= _CLASSIC_LIMIT


def _photometric(order: str, sizes: dict[str, int]) -> dict[str, Any]:
    if "S" not in order:
        return {"photometric": "minisblack"}
    options: dict[str, Any] = {"photometric": "minisblack", "planarconfig": "contig"}
    if sizes["S"] == 4:  # a fourth sample is data like the rest; without a word it would be opacity
        options["extrasamples"] = ("unspecified",)
    return options | ({"photometric": "rgb"} if sizes["S"] in (3, 4) else {})


def _ome_options(request: WriteRequest, order: str, sizes: dict[str, int]) -> dict[str, Any]:
    metadata: dict[str, Any] = {"axes": order, **_physical_sizes(request)}
    if request.channel_names and len(request.channel_names) == sizes.get("C", 1):
        metadata["Channel"] = {"Name": list(request.channel_names)}
    return {"ome": True, "metadata": metadata}


def _imagej_options(request: WriteRequest, order: str, sizes: dict[str, int]) -> dict[str, Any]:
    metadata: dict[str, Any] = {"axes": order}
    options: dict[str, Any] = {"ome": False, "imagej": True, "metadata": metadata}
    if request.pixel_size_um:
        metadata["unit"] = "um"
        options["resolution"] = (1 / request.pixel_size_um["X"], 1 / request.pixel_size_um["Y"])
        options["resolutionunit"] = 1  # no unit: ImageJ stores the unit in its own metadata
        if "Z" in request.pixel_size_um:
            metadata["spacing"] = request.pixel_size_um["Z"]
    if request.frame_interval_s is not None:
        metadata["finterval"] = request.frame_interval_s
    channels = sizes.get("C", 1)
    if channels > 1 and "S" not in sizes:
        metadata["mode"] = "composite"
        if len(request.channel_names) == channels:
            planes = sizes.get("T", 1) * sizes.get("Z", 1)
            metadata["Labels"] = list(request.channel_names) * planes
    metadata |= _imagej_details(request.details, sizes)
    return options


def _imagej_details(details: Details, sizes: dict[str, int]) -> dict[str, Any]:
    """Return what ImageJ keeps for itself, in the words of tifffile."""
    channels = sizes.get("C", 1)
    planes = channels * sizes.get("T", 1) * sizes.get("Z", 1)
    luts = [np.frombuffer(lut, np.uint8).reshape(3, 256) for lut in details.luts_of(channels)]
    ranges = details.ranges if len(details.ranges) == 2 * channels else ()
    found: dict[str, Any] = {
        "LUTs": [] if "S" in sizes else luts,
        "Ranges": ranges,
        "Labels": list(details.labels) if len(details.labels) == planes else [],
        "Overlays": list(details.overlays),
        "ROI": details.roi,
        "Info": details.info,
    }
    if len(ranges) == 2:
        found |= {"min": ranges[0], "max": ranges[1]}
    return {name: value for name, value in found.items() if value or name in ("min", "max")}


def kept(request: WriteRequest) -> frozenset[str]:
    """Return the facts and details that the dialect of a request has a place for, see `quietscope.io.details`."""
    usual = {"pixel_size_um", "channel_names", "frame_interval_s"}
    dialect = _dialect(request)
    if dialect == "ome":
        return frozenset(usual | {"name", "acquired", "colors", "emission_nm", "position_um", "ome"})
    if dialect == "imagej":
        return frozenset(usual | {"colors", "luts", "ranges", "labels", "overlays", "roi", "info"})
    return frozenset(usual | {"name", "acquired", "colors", "emission_nm"})


def _shaped_options(request: WriteRequest, order: str, sizes: dict[str, int]) -> dict[str, Any]:
    metadata: dict[str, Any] = {"axes": order, **_physical_sizes(request)}
    if request.channel_names:
        metadata["channel_names"] = list(request.channel_names)
    details = request.details
    own = {
        "Name": details.name,
        "AcquisitionDate": details.acquired,
        "channel_colors": list(details.colors_of(sizes.get("C", 1))),
        "emission_nm": list(details.emission_nm),
    }
    metadata |= {name: value for name, value in own.items() if value}
    return {"ome": False, "metadata": metadata}


def _physical_sizes(request: WriteRequest) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    for letter, size in request.pixel_size_um.items():
        metadata |= {f"PhysicalSize{letter}": size, f"PhysicalSize{letter}Unit": "µm"}
    if request.frame_interval_s is not None:
        metadata |= {"TimeIncrement": request.frame_interval_s, "TimeIncrementUnit": "s"}
    return metadata


_OPTIONS = {"ome": _ome_options, "imagej": _imagej_options, "shaped": _shaped_options}
