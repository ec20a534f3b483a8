"""OME-Zarr: reads NGFF 0.4 and 0.5 and plain Zarr arrays; writes NGFF 0.5 (see ``ngff_writer``)."""

import warnings
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

from quietscope.axes import guess_axes
from quietscope.errors import ImageFileError, MissingPixelsWarning
from quietscope.io.declared_size import check_block, check_declared
from quietscope.io.details import Details, valid_colors, valid_name, valid_ranges, valid_wavelengths
from quietscope.io.format import Format
from quietscope.io.image import Image, LazyArray, Opened, check_series
from quietscope.io.ngff_metadata import (
    Dataset,
    Multiscale,
    attributes_of,
    axes_of,
    fields_of,
    multiscales_of,
    raw_series_of,
)
from quietscope.io.ngff_writer import COMPRESSIONS, LAYOUTS, create, kept
from quietscope.io.ngff_xml import told_by_xml
from quietscope.io.units import micrometres, seconds, signed_micrometres
from quietscope.io.zarr_tasks import settle

_ROOT_FILES = ("zarr.json", ".zgroup", ".zarray")


def is_zarr(path: Path) -> bool:
    """Return whether a folder is a Zarr array or group, by its metadata files."""
    return path.is_dir() and any((path / name).is_file() for name in _ROOT_FILES)


def read(path: Path, series: int) -> Image:
    """Open an OME-Zarr image, a plain Zarr array, or one field of a plate.

    Args:
        path: The folder.
        series: Index of the image, if the folder holds several: the fields of a plate or a well, the images of
            bioformats2raw's layout, or several multiscales.

    Returns:
        The image at its highest resolution, with lazy pixels.

    Raises:
        ImageFileError: If the folder is not a Zarr store, or has no image.
    """
    import zarr

    if not is_zarr(path):
        raise ImageFileError(
            "a Zarr folder", f"{path}, which is not one", "pass the folder that holds zarr.json or .zgroup"
        )
    from quietscope.io.zarr_store import CarefulStore

    node = zarr.open(CarefulStore(path), mode="r")
    if isinstance(node, zarr.Array):
        return Image(_lazy(path, "", node), _named_axes(node), path=path)
    images = multiscales_of(path)
    if images:
        check_series(path, series, len(images))
        return replace(_multiscale(path, node, "", images[series]), num_series=len(images))
    fields = fields_of(path)
    members = fields or raw_series_of(path)
    if not members:
        raise _no_image(path, node)
    check_series(path, series, len(members))
    image = _member(path, node, members[series])
    if fields:
        return replace(image, num_series=len(fields), series_names=fields)
    return told_by_xml(replace(image, num_series=len(members)), path, series)


def _member(path: Path, node: Any, name: str) -> Image:
    """Open one of several images that have groups of their own."""
    images = multiscales_of(path / name)
    if not images:
        raise ImageFileError(f"an image at {path / name}", "none", "copy the folder again, or choose another series")
    return _multiscale(path, node, f"{name}/", images[0])


def _multiscale(path: Path, root: Any, prefix: str, image: Multiscale) -> Image:
    """Open an image of a store at its highest resolution."""
    folder = path / prefix
    level, array = _full(folder, root, prefix, image)
    name = prefix + level.path
    described = axes_of(folder, image, level.path, array.ndim)
    axes = "".join(axis.name[0].upper() for axis in described)
    scale, move = image.placed(level, array.ndim)
    units = {letter: axis.unit for letter, axis in zip(axes, described, strict=True)}
    sizes = {letter: micrometres(size, units[letter]) for letter, size in zip(axes, scale, strict=True)}
    interval = seconds(scale[axes.index("T")], units["T"]) if "T" in axes else None
    channels = _channels(folder)
    labels = tuple(str(channel.get("label", "")) for channel in channels)
    place = {letter: signed_micrometres(at, units[letter]) for letter, at in zip(axes, move, strict=True)}
    windows = [window if isinstance(window := channel.get("window"), dict) else {} for channel in channels]
    own_name = "" if image.name == (folder.name if prefix else path.name).split(".")[0] else valid_name(image.name)
    return Image(
        data=_lazy(path, name, array),
        axes=axes,
        pixel_size_um={letter: size for letter in "XYZ" if (size := sizes.get(letter)) is not None},
        channel_names=labels if any(labels) else (),
        path=path,
        frame_interval_s=interval,
        details=Details(
            name=own_name,
            colors=valid_colors(channel.get("color") for channel in channels),
            emission_nm=valid_wavelengths((channel.get("emissionWave"), "nm") for channel in channels),
            position_um={letter: at for letter, at in place.items() if letter in "XYZ" and at is not None}
            if any(place.values())
            else {},
            ranges=valid_ranges(window.get(end) for window in windows for end in ("start", "end")),
        ),
    )


def _full(folder: Path, root: Any, prefix: str, image: Multiscale) -> tuple[Dataset, Any]:
    """Return the level of the highest resolution, which is the first, unless the order is the other way round."""
    import zarr

    found: list[tuple[Dataset, Any]] = []
    for level in image.datasets:
        array = root.get(prefix + level.path)
        if isinstance(array, zarr.Array):
            found.append((level, array))
        elif not found:
            raise ImageFileError(
                f"the pixels of {folder} in {level.path}, as it says", "no array there", "copy the folder again"
            )
    return max(found, key=lambda each: prod(each[1].shape))  # of equal ones the first


def _channels(folder: Path) -> list[Mapping[str, Any]]:
    """Return what is told of each channel; nothing where that is no list of records."""
    omero = attributes_of(folder).get("omero")
    channels = omero.get("channels") if isinstance(omero, dict) else None
    known = channels if isinstance(channels, list) else []
    return known if all(isinstance(each, dict) for each in known) else []


def _named_axes(array: Any) -> str:
    """Return the axes of a plain array: from Zarr's dimension names, from xarray's attribute, or guessed."""
    names = getattr(array.metadata, "dimension_names", None) or array.attrs.get("_ARRAY_DIMENSIONS") or ()
    letters = "".join(str(name)[:1].upper() for name in names)
    if len(letters) == array.ndim and letters.isalpha() and len(set(letters)) == array.ndim:
        return letters
    return guess_axes(array.shape) if array.ndim in (2, 3) else ""


def _lazy(path: Path, name: str, array: Any) -> LazyArray:
    check_declared(path, array.shape, array.dtype)
    check_block(path, [min(pair) for pair in zip(array.chunks, array.shape, strict=True)], array.dtype, "chunk")
    stored = (file for file in (path / name).rglob("*") if file.name[:1] != "." and file.name != "zarr.json")
    if not any(not file.is_dir() for file in stored):  # stops at the first chunk; a pipe in its place is refused later
        warnings.warn(
            f"{path} holds no chunk of its pixels: all are read as {array.fill_value}. Copy it again, unless it is so.",
            MissingPixelsWarning,
            stacklevel=2,
        )
    return LazyArray(partial(_open, path, name), array.shape, array.dtype, path)


def _open(path: Path, name: str) -> Opened:
    import zarr

    from quietscope.io.zarr_store import CarefulStore

    return Opened(zarr.open_array(CarefulStore(path), path=name, mode="r"), settle=settle)


def _no_image(path: Path, group: Any) -> ImageFileError:
    members = sorted(name for name, _ in group.members())
    fix = f"name an image inside it, e.g. {path / members[0]}" if members else "check how it was written"
    return ImageFileError("an OME-Zarr image", f"{path}, a Zarr group without one", fix)


def members_of(path: Path) -> tuple[str, ...]:
    """Return the fields of a plate or a well, see `quietscope.io.ngff_metadata.fields_of`; nothing for an image."""
    return () if attributes_of(path).get("multiscales") else fields_of(path)


FORMAT = Format(
    name="OME-Zarr",
    suffixes=(".ome.zarr", ".zarr"),
    written=(".ome.zarr", ".zarr"),
    read=read,
    create=create,
    keeps=kept,
    compressions=COMPRESSIONS,
    layouts=lambda name: LAYOUTS,
    members=members_of,
    is_folder=True,
    recognises=is_zarr,
)
