"""Planes as PNG files of few bytes: eight bits, with a palette where they have colours."""

import base64
import struct
import zlib
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from quietscope.report.canvas import CONTRAST
from quietscope.report.sheet.run_record import Picture, Picture_

Plane: TypeAlias = npt.NDArray[Any]
_MAPS = {"heat": "inferno", "signed": "RdBu_r"}


def limits_of(plane: Plane) -> tuple[float, float]:
    """Return the intensities that are shown darkest and brightest; NaN stands for pixels that were never measured."""
    known = np.asarray(plane, np.float64)[np.isfinite(plane)]
    low, high = (float(level) for level in np.percentile(known, CONTRAST)) if known.size else (0.0, 1.0)
    return (low, high) if high > low else (low, low + 1.0)


def picture_of(plane: Plane, limits: tuple[float, float], colors: Picture_ = "gray") -> Picture:
    """Return a plane as it is shown.

    Args:
        plane: Intensities (Y, X); what is NaN, which was never measured, is shown as the darkest, or as zero.
        limits: Intensities that are shown darkest and brightest.
        colors: How.

    Returns:
        The picture.
    """
    low, high = limits
    levels = (np.asarray(plane, np.float64) - low) / (high - low)
    unknown = 0.5 if colors == "signed" else 0.0
    shown = np.round(255.0 * np.clip(np.nan_to_num(levels, nan=unknown), 0.0, 1.0)).astype(np.uint8)
    png = base64.b64encode(png_of(shown, _palette(colors))).decode("ascii")
    return Picture(png=png, width=shown.shape[1], height=shown.shape[0], low=low, high=high, colors=colors)


def png_of(levels: npt.NDArray[np.uint8], palette: bytes = b"") -> bytes:
    """Return a PNG file.

    Args:
        levels: Pixels (Y, X).
        palette: Red, green and blue of each of 256 levels; empty for grey.

    Returns:
        The file.
    """
    height, width = levels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, 3 if palette else 0, 0, 0, 0)
    lines = np.zeros((height, width + 1), np.uint8)  # a zero before each line: it is not filtered
    lines[:, 1:] = levels
    parts = [(b"IHDR", header), (b"PLTE", palette), (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in parts if part[1] or part[0] == b"IEND")


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _palette(colors: Picture_) -> bytes:
    if colors == "gray":
        return b""
    from matplotlib import colormaps

    found = colormaps[_MAPS[colors]](np.arange(256), bytes=True)
    return np.asarray(found)[:, :3].astype(np.uint8).tobytes()
