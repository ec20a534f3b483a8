"""Pixel size, channel names, frame interval and details of a TIFF file, from where each dialect stores them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from quietscope.io.details import (
    LUT_BYTES,
    Details,
    Told,
    valid_colors,
    valid_name,
    valid_ranges,
    valid_wavelengths,
)
from quietscope.io.lossy import loss_note
from quietscope.io.ome_xml import names_of_images, told_of_image
from quietscope.io.tiff_vendors import from_vendor, names_on_slide
from quietscope.io.units import micrometres, seconds

# Resolution tags with larger pixels are ignored: 300 dpi (85 micrometres), for example, is meant for a printer.
_LARGEST_CREDIBLE_PIXEL_UM = 20.0


def read_metadata(tif: Any, series: Any, index: int) -> Told:
    """Read pixel size, channel names, frame interval and details, as far as the file has them.

    Args:
        tif: An open tifffile.TiffFile.
        series: One of its series.
        index: Index of this series.

    Returns:
        The fields of `Image` that are known.
    """
    if tif.is_ome and series.kind == "ome":
        return told_of_image(tif.ome_metadata or "", index)
    told = from_vendor(tif, series)
    if told is not None:
        return told
    if tif.is_imagej:
        return _from_imagej(tif.imagej_metadata or {}, series)
    if series.kind == "shaped":
        return _from_shaped(series.keyframe)
    return {"pixel_size_um": _from_tags(series.keyframe)}


def names_of_series(tif: Any, all_series: Sequence[Any]) -> tuple[str, ...]:
    """Return what a file calls its images; nothing where there is one, or they have no names."""
    if not tif.is_ome:
        return names_on_slide(all_series)
    names = names_of_images(tif.ome_metadata or "")
    return names if len(names) == len(all_series) > 1 and any(names) else ()


def _calibration(tif: Any, series: Any) -> tuple[float, ...]:
    """Return the coefficients of ImageJ's linear calibration, constant first; nothing where there is none."""
    metadata = (tif.imagej_metadata or {}) if tif.is_imagej and series.kind != "ome" else {}
    if metadata.get("cf") != 0:
        return ()
    try:
        return tuple(float(metadata[name]) for name in ("c0", "c1"))
    except (KeyError, TypeError, ValueError):
        return ()


def is_signed(tif: Any, series: Any) -> bool:
    """Return whether uint16 pixels stand for signed numbers: ImageJ stores these 32768 too high."""
    return series.dtype == np.uint16 and _calibration(tif, series) == (-32768.0, 1.0)


def caveats(tif: Any, series: Any) -> tuple[str, ...]:
    """Return what a person should know of the pixels of a series, one line each."""
    page = series.keyframe
    found: list[str] = []
    found += loss_note(page)
    if page.photometric == page.photometric.PALETTE and not tif.is_imagej:
        found.append(
            "the pixels are numbers of colours in a palette, not intensities. Save the image as grey or RGB, unless "
            "the palette only colours it."
        )
    metadata = (tif.imagej_metadata or {}) if tif.is_imagej and series.kind != "ome" else {}
    if "cf" in metadata and not is_signed(tif, series) and _calibration(tif, series) != (0.0, 1.0):
        unit = str(metadata.get("vunit", "")).strip()
        found.append(
            f"ImageJ's calibration of intensities{f' ({unit})' if unit else ''} is not applied: pixels are as stored."
        )
    return tuple(found)


def _known(sizes: dict[str, float | None]) -> dict[str, float]:
    return {letter: size for letter, size in sizes.items() if size is not None}


def _from_imagej(metadata: dict[str, Any], series: Any) -> Told:
    unit = str(metadata.get("unit", ""))
    page = series.keyframe
    if micrometres(1, unit) is None:
        sizes: dict[str, float | None] = dict(_from_tags(page))
    else:
        sizes = {
            "X": micrometres(_pixel(page, "XResolution"), unit),
            "Y": micrometres(_pixel(page, "YResolution"), metadata.get("yunit", unit)),
            "Z": micrometres(metadata.get("spacing"), metadata.get("zunit", unit)),
        }
    channels = int(metadata.get("channels", 1))
    labels = [str(label) for label in metadata.get("Labels") or ()]
    # ImageJ labels planes, not channels. Labels that repeat along all other axes are names of channels.
    repeat = labels[:channels] * (len(labels) // channels)
    names = tuple(labels[:channels]) if labels and labels == repeat and channels > 1 else ()
    return {
        "pixel_size_um": _known(sizes),
        "channel_names": names,
        "frame_interval_s": seconds(metadata.get("finterval"), metadata.get("tunit", "s")),
        "details": _imagej_details(metadata, page, () if names else tuple(labels)),
    }


def _imagej_details(metadata: dict[str, Any], page: Any, labels: tuple[str, ...]) -> Details:
    luts = tuple(np.asarray(lut, np.uint8).tobytes() for lut in metadata.get("LUTs") or ())
    if not luts and page.photometric == page.photometric.PALETTE and page.colormap is not None:
        # ImageJ stores the look-up table of an 8-bit image as a palette, whose indices are the intensities.
        luts = ((np.asarray(page.colormap) >> 8).astype(np.uint8).tobytes(),)
    overlays = metadata.get("Overlays") or ()
    return Details(
        luts=luts if all(len(lut) == LUT_BYTES for lut in luts) else (),
        ranges=valid_ranges(metadata.get("Ranges") or [metadata[end] for end in ("min", "max") if end in metadata]),
        labels=labels if any(labels) else (),
        overlays=tuple(overlays) if isinstance(overlays, list | tuple) else (bytes(overlays),),
        roi=bytes(metadata.get("ROI") or b""),
        info=str(metadata.get("Info") or ""),
    )


def _from_shaped(page: Any) -> Told:
    from tifffile import tifffile

    saved = tifffile.shaped_description_metadata(page.shaped_description)
    sizes = {
        letter: micrometres(saved.get(f"PhysicalSize{letter}"), saved.get(f"PhysicalSize{letter}Unit"))
        for letter in "XYZ"
    }
    names = saved.get("channel_names") or ()
    return {
        "pixel_size_um": _known(sizes) or _from_tags(page),
        "channel_names": tuple(map(str, names)) if isinstance(names, list) else (),
        "frame_interval_s": seconds(saved.get("TimeIncrement"), saved.get("TimeIncrementUnit")),
        "details": Details(
            name=valid_name(saved.get("Name")),
            acquired=valid_name(saved.get("AcquisitionDate")),
            colors=valid_colors(_list(saved.get("channel_colors"))),
            emission_nm=valid_wavelengths((value, "nm") for value in _list(saved.get("emission_nm"))),
        ),
    }


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _from_tags(page: Any) -> dict[str, float]:
    unit = page.tags.valueof("ResolutionUnit")
    name = {2: "inch", 3: "cm"}.get(int(unit)) if unit is not None else None
    sizes = _known({letter: micrometres(_pixel(page, f"{letter}Resolution"), name) for letter in "XY"})
    return {letter: size for letter, size in sizes.items() if size <= _LARGEST_CREDIBLE_PIXEL_UM}


def _pixel(page: Any, tag: str) -> float | None:
    """Return the units per pixel from a resolution tag, which holds the pixels per unit."""
    value = page.tags.valueof(tag)
    try:
        pixels, units = value
        return float(units / pixels)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
