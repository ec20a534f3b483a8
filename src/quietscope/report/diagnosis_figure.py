"""The picture of a diagnosis: a crop, its noise, autocorrelation of the noise, and noise variance against signal."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from quietscope.diagnosis import Diagnosis, verdict
from quietscope.diagnosis.correlation import CORRELATED, UNCORRELATED, AxisCorrelation
from quietscope.report.canvas import CONTRAST, INK, UNITS, Canvas, open_frame, without_ticks
from quietscope.report.crop import choose_crop

Plane: TypeAlias = npt.NDArray[Any]

PANEL, HEADING, BELOW, LEFT, GAP = 3.0, 0.75, 0.55, 0.25, 0.6
"""Inches: side of a panel, space above a row for its heading and below it for labels, margin, gap between panels."""

NUM_PANELS = 4
CROP = 128
"""Side of the crop in pixels; small, so that single pixels are visible."""

SMOOTHING = 1.5
"""Width in pixels of the Gaussian that is subtracted to show the noise; no measurement uses it."""

_SPREAD = 3.0
_FAINT, _GREY = "#e8e8e8", "#777777"
_COLOURS = {"x": "#1f5fa8", "y": "#b3361e", "z": "#4f8a3c", "t": "#8a5fa8"}


@dataclass(frozen=True, kw_only=True)
class DiagnosisRow:
    """What is shown of one channel.

    Attributes:
        title: Name of the channel or of the image.
        crop: A part of a plane, (Y, X), intensity units.
        residual: The crop less a smoothed copy of it, (Y, X), intensity units.
        diagnosis: The diagnosis of the channel.
    """

    title: str
    crop: Plane
    residual: Plane
    diagnosis: Diagnosis


def diagnosis_row(plane: Plane, diagnosis: Diagnosis, title: str) -> DiagnosisRow:
    """Choose the part of a plane that is shown.

    Args:
        plane: Intensities, (Y, X).
        diagnosis: The diagnosis of its channel.
        title: Name of the channel or of the image.

    Returns:
        The row.
    """
    height, width = plane.shape
    rows, columns = choose_crop((height, width), lambda down, across: plane[down, across], CROP)
    pixels = np.asarray(plane[rows, columns], dtype=np.float64)
    return DiagnosisRow(
        title=title, crop=pixels, residual=pixels - gaussian_filter(pixels, SMOOTHING), diagnosis=diagnosis
    )


def write_diagnosis_figure(
    path: str | os.PathLike[str], rows: Sequence[DiagnosisRow], *, overwrite: bool = False
) -> None:
    """Draw the picture, one row per channel, and write it as PNG.

    Args:
        path: File to write.
        rows: At least one row.
        overwrite: Whether an existing file may be replaced.

    Raises:
        OutputError: If the file exists and must not be replaced, or cannot be written.
    """
    tall = HEADING + PANEL + BELOW
    canvas = Canvas.blank(2.0 * LEFT + NUM_PANELS * PANEL + (NUM_PANELS - 1) * GAP, tall * len(rows))
    for number, row in enumerate(rows):
        top = number * tall
        panels = [canvas.place(LEFT + at * (PANEL + GAP), top + HEADING, PANEL, PANEL) for at in range(NUM_PANELS)]
        _draw_pixels(panels[0], panels[1], row)
        _draw_correlation(panels[2], row.diagnosis)
        _draw_variance(panels[3], row.diagnosis)
        canvas.write_centred(f"{row.title}: {verdict(row.diagnosis)}", top + 0.1, 11)
    canvas.save(path, overwrite=overwrite)


def _draw_pixels(image: Any, noise: Any, row: DiagnosisRow) -> None:
    low, high = np.percentile(row.crop, CONTRAST)
    image.imshow(row.crop, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
    spread = _SPREAD * 1.4826 * float(np.median(np.abs(row.residual))) or float(np.abs(row.residual).max()) or 1.0
    noise.imshow(row.residual, cmap="gray", vmin=-spread, vmax=spread, interpolation="nearest")
    height, width = row.crop.shape
    for axes, title in ((image, f"{height} x {width} pixels of it"), (noise, "what is rough in it")):
        axes.set_title(title, fontsize=9.5, color=INK, pad=4)
        without_ticks(axes)


def _draw_correlation(axes: Any, diagnosis: Diagnosis) -> None:
    axes.axhspan(UNCORRELATED, CORRELATED, color=_FAINT, linewidth=0, zorder=0)
    axes.axhline(0.0, color=INK, linewidth=0.6)
    parts = [part for part in (diagnosis.x, diagnosis.y, diagnosis.z, diagnosis.t) if part is not None]
    for part in parts:
        _draw_curve(axes, part)
    lowest = min(float(part.values[1:].min()) for part in parts)
    axes.set_ylim(min(-0.15, lowest - 0.05), 1.05)
    axes.set_title("autocorrelation of the noise", fontsize=9.5, color=INK, pad=4)
    axes.set_xlabel("distance (pixels, slices, frames)", fontsize=9)
    axes.legend(fontsize=8.5, frameon=False, loc="upper right")
    _style(axes)


def _draw_curve(axes: Any, part: AxisCorrelation) -> None:
    axes.errorbar(
        np.arange(part.values.size),
        part.values,
        2.0 * part.errors,
        marker="o",
        markersize=3.5,
        linewidth=1.2,
        elinewidth=0.8,
        color=_COLOURS[part.axis],
        label=f"along {part.axis}",
    )


def _draw_variance(axes: Any, diagnosis: Diagnosis) -> None:
    import torch

    axes.set_title("noise variance against signal", fontsize=9.5, color=INK, pad=4)
    estimate = diagnosis.estimate
    if estimate is None:
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", color=_GREY)
        without_ticks(axes)
        return
    bins = estimate.bins
    axes.errorbar(
        bins.signal,
        bins.variance,
        bins.relative_error * bins.variance,
        fmt="o",
        markersize=3.5,
        color=_COLOURS["x"],
        elinewidth=0.8,
        label="flat places",
    )
    signal = np.linspace(float(bins.signal.min()), float(bins.signal.max()), 100)
    variance = estimate.model.variance(torch.from_numpy(signal)).numpy()
    axes.plot(signal, variance, color=_COLOURS["y"], linewidth=1.4, label="line")
    axes.set_ylim(0.0, 1.15 * float(max(np.nanmax(bins.variance), variance.max())))
    axes.set_xlabel(UNITS, fontsize=9)
    axes.ticklabel_format(axis="y", style="plain")
    axes.legend(fontsize=8.5, frameon=False, loc="upper left")
    _style(axes)


def _style(axes: Any) -> None:
    axes.tick_params(labelsize=8, pad=2, length=3)
    open_frame(axes)
