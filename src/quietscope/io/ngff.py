"""OME-Zarr: reads NGFF 0.4 and 0.5 and plain Zarr arrays; writes NGFF 0.5 (see ``ngff_writer``)."""

import warnings
from collections.abc import Mapping, Sequence
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
from quietscope.io.ngff_writer import COMPRESSIONS, LAYOUTS, create, kept
from quietscope.io.units import micrometres, seconds, signed_micrometres
from quietscope.io.zarr_tasks import settle

_ROOT_FILES = ("zarr.json", ".zgroup", ".zarray")


def is_zarr(path: Path) -> bool:
    """Return whether a folder is a Zarr array or group, by its metadata files."""
    return path.is_dir() and any((path / name).is_file() for name in _ROOT_FILES)


def read(path: Path, series: int) -> Image:
    """Open an OME-Zarr image, or a plain Zarr array.

    Args:
        path: The folder.
        series: Index of the image, if the folder holds several (several multiscales, or a bioformats2raw layout).

    Returns:
        The image at its highest resolution, with lazy pixels.

    Raises:
        ImageFileError: If the folder is not a Zarr store, or has no image at its root.
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
    if "bioformats2raw.layout" in _ngff(node) and not _ngff(node).get("multiscales"):
        count = sum(1 for name, _ in node.groups() if name.isdigit())
        check_series(path, series, count)
        return replace(_multiscale(path, node[str(series)], f"{series}/", 0), num_series=count)
    return _multiscale(path, node, "", series)


def _multiscale(path: Path, group: Any, prefix: str, series: int) -> Image:
    attributes = _ngff(group)
    images: Sequence[Mapping[str, Any]] = attributes.get("multiscales") or ()
    if not images:
        raise _no_image(path, group, attributes)
    check_series(path, series, len(images))
    image = images[series]
    level = image["datasets"][0]
    name = prefix + str(level["path"])
    array = group[str(level["path"])]
    described = _axes(image, array.ndim)
    axes = "".join(axis["name"][0].upper() for axis in described)
    scale = [_scale(image, at) * _scale(level, at) for at in range(array.ndim)]
    units = {letter: axis.get("unit") for letter, axis in zip(axes, described, strict=True)}
    sizes = {letter: micrometres(size, units[letter]) for letter, size in zip(axes, scale, strict=False)}
    interval = seconds(scale[axes.index("T")], units["T"]) if "T" in axes else None
    channels = (attributes.get("omero") or {}).get("channels") or ()
    labels = tuple(str(channel.get("label", "")) for channel in channels)
    return Image(
        data=_lazy(path, name, array),
        axes=axes,
        pixel_size_um={letter: size for letter in "XYZ" if (size := sizes.get(letter)) is not None},
        channel_names=labels if any(labels) else (),
        path=path,
        frame_interval_s=interval,
        num_series=len(images),
        details=_details(path, image, level, channels, units),
    )


def _details(
    path: Path,
    image: Mapping[str, Any],
    level: Mapping[str, Any],
    channels: Sequence[Mapping[str, Any]],
    units: Mapping[str, Any],
) -> Details:
    """Return name, place, colours, wavelengths and shown range, as far as they are told."""
    steps = [*(image.get("coordinateTransformations") or ()), *(level.get("coordinateTransformations") or ())]
    moves = [step["translation"] for step in steps if step.get("type") == "translation" and "translation" in step]
    place = {}
    if len(moves) == 1:  # several may be in units of each other
        known = {letter: signed_micrometres(at, units[letter]) for letter, at in zip(units, moves[0], strict=False)}
        place = {letter: at for letter, at in known.items() if letter in "XYZ" and at is not None}
    windows = [channel.get("window") or {} for channel in channels]
    return Details(
        name="" if image.get("name") == path.name.split(".")[0] else valid_name(image.get("name")),
        colors=valid_colors(channel.get("color") for channel in channels),
        emission_nm=valid_wavelengths((channel.get("emissionWave"), "nm") for channel in channels),
        position_um=place if any(place.values()) else {},
        ranges=valid_ranges(window.get(end) for window in windows for end in ("start", "end")),
    )


def _ngff(group: Any) -> Mapping[str, Any]:
    """Return the NGFF attributes: up to version 0.4 they are at the root, from 0.5 on under "ome"."""
    attributes = dict(group.attrs)
    nested: Mapping[str, Any] = attributes.get("ome") or attributes
    return nested


def _axes(image: Mapping[str, Any], ndim: int) -> list[Mapping[str, Any]]:
    """Return one record per axis; up to version 0.3 they were plain names, and before that always TCZYX."""
    axes = image.get("axes") or list("tczyx"[-ndim:])
    return [{"name": axis} if isinstance(axis, str) else axis for axis in axes]


def _scale(record: Mapping[str, Any], axis: int) -> float:
    steps = record.get("coordinateTransformations") or ()
    return prod(float(step["scale"][axis]) for step in steps if step.get("type") == "scale" and "scale" in step)


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


def _no_image(path: Path, group: Any, attributes: Mapping[str, Any]) -> ImageFileError:
    if "plate" in attributes:
        wells = attributes["plate"].get("wells") or [{"path": "A/1"}]
        inside = path / wells[0]["path"] / "0"
        return ImageFileError("one image", f"the plate {path}", f"name one field of it, e.g. {inside}")
    members = sorted(name for name, _ in group.members())
    fix = f"name an image inside it, e.g. {path / members[0]}" if members else "check how it was written"
    return ImageFileError("an OME-Zarr image", f"{path}, a Zarr group without one", fix)


FORMAT = Format(
    name="OME-Zarr",
    suffixes=(".ome.zarr", ".zarr"),
    written=(".ome.zarr", ".zarr"),
    read=read,
    create=create,
    keeps=kept,
    compressions=COMPRESSIONS,
    layouts=lambda name: LAYOUTS,
    is_folder=True,
    recognises=is_zarr,
)
