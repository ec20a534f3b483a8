"""The picture of a point spread function: sections through its peak, and profiles along its axes."""

import os
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from quietscope.psf.psf import Psf
from quietscope.psf.width import peak_of, profiles
from quietscope.report.canvas import INK, Canvas, open_frame

Section: TypeAlias = npt.NDArray[np.float32]

DECADES = 4
"""Powers of ten below the peak that the sections show; the second ring of an Airy disk is three below the peak."""

_HEIGHT, _PANEL = 4.2, 4.0
"""Inches: height of the picture, and width of a section."""

_COLOURS = {"X": "#b3361e", "Y": "#1f5fa8", "Z": "#3a7d34"}


def write_psf_figure(path: str | os.PathLike[str], psf: Psf, title: str, *, overwrite: bool = False) -> None:
    """Draw the XY section, for volumes also the XZ section, and the profiles, and write them as PNG.

    Args:
        path: File to write.
        psf: The PSF.
        title: Title of the picture.
        overwrite: Whether an existing file may be replaced.

    Raises:
        OutputError: If the file exists and must not be replaced, or cannot be written.
    """
    peak = peak_of(psf)
    sections = [("Y", psf.values[peak[0]] if psf.spatial_dims == 3 else psf.values)]
    if psf.spatial_dims == 3:
        sections.append(("Z", psf.values[:, peak[1]]))
    canvas = Canvas.blank(_PANEL * len(sections) + 1.25 * _PANEL, _HEIGHT, layout="compressed")
    ratios = [1.0] * len(sections) + [1.15]
    panels = canvas.figure.subplots(1, len(ratios), width_ratios=ratios, squeeze=False)[0]
    for axes, (letter, section) in zip(panels, sections, strict=False):
        image = _draw_section(axes, section, letter, psf)
    canvas.figure.colorbar(image, ax=panels[: len(sections)], shrink=0.8, label="log10 of value / peak")
    _draw_profiles(panels[-1], psf)
    canvas.figure.suptitle(title, fontsize=11, color=INK, parse_math=False)
    canvas.save(path, overwrite=overwrite)


def _draw_section(axes: Any, section: Section, letter: str, psf: Psf) -> Any:
    floor = float(psf.values.max()) * 10.0**-DECADES
    logarithm = np.log10(np.maximum(section, floor) / psf.values.max())
    down, across = (_step(psf, each) for each in (letter, "X"))
    height, width = (side * step / 2.0 for side, step in zip(section.shape, (down, across), strict=True))
    image = axes.imshow(
        logarithm,
        extent=(-width, width, height, -height),
        vmin=-DECADES,
        vmax=0.0,
        cmap="magma",
        interpolation="nearest",
    )
    axes.set_title(f"{letter}X section", fontsize=10, color=INK)
    axes.set_xlabel(f"X ({_unit(psf)})", fontsize=9)
    axes.set_ylabel(f"{letter} ({_unit(psf)})", fontsize=9)
    axes.tick_params(labelsize=8)
    return image


def _draw_profiles(axes: Any, psf: Psf) -> None:
    peak = float(psf.values.max())
    for letter, values in reversed(list(zip(psf.axes, profiles(psf), strict=True))):
        profile = values / peak
        place = (np.arange(len(profile)) - len(profile) // 2) * _step(psf, letter)
        dashed = letter == "Y"  # it often coincides with the profile along X
        style = {"linestyle": "--" if dashed else "-", "marker": "o", "markersize": 2.5, "linewidth": 1.3}
        axes.plot(place, np.maximum(profile, 10.0 ** -(DECADES + 1)), color=_COLOURS[letter], label=letter, **style)
    axes.set_yscale("log")
    axes.set_ylim(10.0**-DECADES, 1.5)
    axes.axhline(0.5, color=INK, linewidth=0.7, linestyle=":")
    axes.set_title("profiles through the peak, value / peak", fontsize=10, color=INK)
    axes.set_xlabel(f"distance ({_unit(psf)})", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.legend(fontsize=8.5, frameon=False)
    open_frame(axes)


def _step(psf: Psf, letter: str) -> float:
    """Return micrometres per pixel if they are known along every axis, otherwise 1."""
    return psf.pixel_size_um[letter] if set(psf.axes) <= set(psf.pixel_size_um) else 1.0


def _unit(psf: Psf) -> str:
    return "um" if set(psf.axes) <= set(psf.pixel_size_um) else "pixels"
