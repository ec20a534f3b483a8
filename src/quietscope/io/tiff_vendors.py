"""What vendors of microscopes tell in TIFF files of their own: LSM, MetaMorph STK, Micro-Manager, slides of Aperio."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from quietscope.io.details import Details, Told, valid_colors, valid_name
from quietscope.io.units import micrometres, seconds

_MS_PER_DAY = 86400000.0
_FRAME_TAG = 51123
"""Where Micro-Manager keeps the settings of each plane."""


def from_vendor(tif: Any, series: Any) -> Told | None:
    """Read pixel size, channel names, frame interval and details of a vendor's own TIFF file.

    Args:
        tif: An open tifffile.TiffFile.
        series: One of its series.

    Returns:
        What is told; None where the file is of none of these vendors.
    """
    if tif.is_lsm:
        return _from_lsm(tif.lsm_metadata or {})
    if tif.is_stk:
        return _from_stk(tif.stk_metadata or {}, series.axes)
    if series.kind in ("mmstack", "ndtiff"):
        return _from_micromanager(tif, series.axes)
    if series.kind == "svs":
        return _from_svs(series.keyframe)
    return None


def without_thumbnails(tif: Any) -> list[Any]:
    """Return the series of a file that are images: an LSM has a small copy of its image as a second one."""
    found = list(tif.series)
    return found[:1] if tif.is_lsm else found


def names_on_slide(all_series: Sequence[Any]) -> tuple[str, ...]:
    """Return what a slide calls its images: the scan itself, the label, and so on; nothing for other files."""
    is_slide = all(each.kind in ("svs", "ndpi", "scn", "bif", "philips") for each in all_series)
    names = tuple(valid_name(each.name) for each in all_series)
    return names if is_slide and len(names) > 1 and any(names) else ()


def _known(sizes: dict[str, float | None]) -> dict[str, float]:
    return {letter: size for letter, size in sizes.items() if size is not None}


def _from_lsm(metadata: dict[str, Any]) -> Told:
    colors = metadata.get("ChannelColors") or {}
    stamps = np.ravel(metadata.get("TimeStamps", ()))
    measured = float(stamps[-1] - stamps[0]) / (len(stamps) - 1) if len(stamps) > 1 else None
    return {
        "pixel_size_um": _known({letter: micrometres(metadata.get(f"VoxelSize{letter}"), "m") for letter in "XYZ"}),
        "channel_names": tuple(map(str, colors.get("ColorNames") or ())),
        # Spelled like this in LSM files, where it is 0 if frames follow each other at once.
        "frame_interval_s": seconds(metadata.get("TimeIntervall"), "s") or seconds(measured, "s"),
        "details": Details(
            name=valid_name((metadata.get("ScanInformation") or {}).get("Name")),
            colors=valid_colors(bytes(color[:3]).hex() for color in colors.get("Colors") or ()),
        ),
    }


def _from_stk(metadata: dict[str, Any], axes: str) -> Told:
    unit = str(metadata.get("CalibrationUnits", ""))
    sizes = {letter: micrometres(metadata.get(f"{letter}Calibration"), unit) for letter in "XY"}
    if "Z" in axes:
        sizes["Z"] = micrometres(float(np.median(np.abs(np.ravel(metadata["ZDistance"])))), unit or "um")
    times = np.ravel(metadata.get("TimeCreated", ())).astype(np.float64)
    step = float(np.mean(np.diff(times) % _MS_PER_DAY)) if "T" in axes and len(times) > 1 else None
    return {"pixel_size_um": _known(sizes), "frame_interval_s": seconds(step, "ms")}


def _from_micromanager(tif: Any, axes: str) -> Told:
    summary = (tif.micromanager_metadata or {}).get("Summary") or {}
    plane = tif.pages[0].tags.valueof(_FRAME_TAG)
    first = plane if isinstance(plane, dict) else {}
    across = micrometres(summary.get("PixelSize_um"), "um") or micrometres(first.get("PixelSizeUm"), "um")
    sizes = {"X": across, "Y": across, "Z": micrometres(summary.get("z-step_um"), "um") if "Z" in axes else None}
    names = summary.get("ChNames") or ()
    return {
        "pixel_size_um": _known(sizes),
        "channel_names": tuple(map(str, names)) if isinstance(names, list) else (),
        "frame_interval_s": seconds(summary.get("Interval_ms"), "ms"),
    }


def _from_svs(page: Any) -> Told:
    """Return the pixel size that the first line of an Aperio slide tells: MPP, micrometres per pixel."""
    fields = dict(part.split("=", 1) for part in str(page.description or "").split("|") if "=" in part)
    told = {name.strip(): value.strip() for name, value in fields.items()}
    size = micrometres(told.get("MPP"), "um")
    return {"pixel_size_um": _known({"X": size, "Y": size})}
