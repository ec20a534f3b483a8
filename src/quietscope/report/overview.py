"""The picture of a run: noisy and denoised image, uncertainty, posterior samples, and what was removed.

The noisy image sets the grey range of all panels: a result that is too dark, too bright or inverted is seen to be.
"""

import os
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from quietscope.metrics import Calibration, autocorrelation
from quietscope.report.canvas import CONTRAST, INK, UNITS, Canvas, without_ticks
from quietscope.report.scale_bar import scale_bar

Plane: TypeAlias = npt.NDArray[Any]

PANEL, GAP, TITLE, BAR, HEADING = 3.84, 0.12, 0.34, 0.55, 0.72
"""Inches: side of a panel, gap between panels, space for a title above, for a colour bar below, for the heading."""

VERDICT, LEGEND = 0.28, 0.14
"""Inches: space for the verdict and for the legend of the marks, below the heading; side of the mark in the legend."""

CHARACTERS_OF_AN_INCH = 11
CHARACTERS_OF_COVERAGE = 48
WARNING = "#b00020"
MAX_LAG = 5

MARK = (("black", 2.4), ("#f0e442", 1.0))
"""Colours and widths in points of an outline; the yellow of Okabe and Ito is told from greys, reds and blues by all."""

AROUND = 2.0
"""Pixels between a marked square and its outline, which is not to cover what it marks."""


@dataclass(frozen=True, kw_only=True)
class Overview:
    """What the picture shows: one plane of every channel, all arrays (Y, X) in intensity units.

    Attributes:
        noisy: The observation.
        mean: Mean of the posterior samples, or the result of a method that draws none.
        std: Standard deviation of the samples, or one that was computed; None where there is none.
        deconvolved: The image without the blur of the microscope; None if the method gives none.
        samples: Some of the samples, (N, Y, X), N may be 0; the first three are shown.
        spread: Factor by which the deviation of samples was multiplied to hold what it promises.
        of_samples: Whether mean and deviation are those of samples, where there are any.
        clean: The clean reference, if there is one.
        file: Name of the image.
        part: The part of the image that is shown, in words.
        method: Method and preset.
        noise: The noise model in words.
        pixel_size_um: Micrometres per pixel along X, for the scale bar; None where unknown.
        calibration: Coverage of the posterior's intervals, where it was measured; adds a panel.
        calibrated_on: What it was measured on, for the panel's title; empty for the whole image.
        titles: Words to add to a panel's title, by panel: "noisy", "mean" and so on.
        channel: Name of the channel; shown where there are several.
        others: Further channels, of which noisy and denoised image, deviation and residual are shown.
        verdict: What the result is worth, in words.
        unexplained: How many regions noise does not explain, in words; empty where there are none.
        marks: Those of them that lie in what is shown: first row, first column and side in pixels.
    """

    noisy: Plane
    mean: Plane
    std: Plane | None
    samples: Plane
    spread: float = 1.0
    of_samples: bool = True
    deconvolved: Plane | None = None
    clean: Plane | None = None
    file: str
    part: str = ""
    method: str
    noise: str
    pixel_size_um: float | None = None
    calibration: Calibration | None = None
    calibrated_on: str = ""
    titles: dict[str, str] = field(default_factory=dict)
    channel: str = ""
    others: "tuple[Overview, ...]" = ()
    verdict: str = ""
    unexplained: str = ""
    marks: tuple[tuple[int, int, int], ...] = ()


@dataclass(frozen=True)
class _Panel:
    title: str
    pixels: Plane
    cmap: str
    limits: tuple[float, float]
    bar: str = ""
    extent: tuple[float, float, float, float] | None = None
    marks: tuple[tuple[int, int, int], ...] = ()


@dataclass(frozen=True)
class _Coverage:
    title: str
    found: Calibration


_Row: TypeAlias = Sequence[_Panel | _Coverage]


def write_overview(path: str | os.PathLike[str], overview: Overview, *, overwrite: bool = False) -> None:
    """Draw the picture and write it as PNG.

    Args:
        path: File to write.
        overview: What to show.
        overwrite: Whether an existing file may be replaced.

    Raises:
        OutputError: If the file exists and must not be replaced, or cannot be written.
    """
    rows = _rows(overview)
    heading = HEADING + VERDICT * (bool(overview.verdict) + bool(overview.unexplained))
    width = max(map(_num_columns, rows)) * (PANEL + GAP) + GAP
    sides = [min(PANEL, (width - GAP) / len(row) - GAP) for row in rows]
    canvas = Canvas.blank(width, heading + sum(_height(row, side) for row, side in zip(rows, sides, strict=True)))
    top = heading
    for row, side in zip(rows, sides, strict=True):
        for column, panel in enumerate(row):
            axes = canvas.place(GAP + column * (side + GAP), top + TITLE, side, side)
            if isinstance(panel, _Coverage):
                _draw_coverage(axes, panel)
            else:
                _draw(axes, panel)
        top += _height(row, side)
    if overview.pixel_size_um is not None:
        _draw_scale_bar(canvas.figure.axes[0], overview.noisy.shape[1], overview.pixel_size_um)
    canvas.write_centred(_heading(overview), 0.12, 12, linespacing=1.5)
    if overview.verdict:
        words = textwrap.shorten(overview.verdict, round(CHARACTERS_OF_AN_INCH * width), placeholder=" ...")
        color = INK if overview.verdict.startswith("usable") else WARNING
        canvas.write_centred(f"verdict: {words}", HEADING - 0.1, 11, color=color)
    if overview.unexplained:
        _write_legend(canvas, overview, heading - VERDICT - 0.1)
    canvas.save(path, overwrite=overwrite)


def _write_legend(canvas: Canvas, overview: Overview, top: float) -> None:
    """Say below the verdict what the marks mean, behind one of them."""
    words = f"not explained by noise: {overview.unexplained}"
    words = textwrap.shorten(words, round(CHARACTERS_OF_AN_INCH * canvas.width) - 6, placeholder=" ...")
    place = canvas.place(GAP, top, canvas.width - 2 * GAP, LEGEND)
    place.set_axis_off()
    place.set_xlim(0.0, (canvas.width - 2 * GAP) / LEGEND)
    place.set_ylim(1.0, 0.0)
    _draw_mark(place, 0.0, 0.0, 1.0)
    place.text(2.0, 0.5, words, fontsize=11, color=INK, ha="left", va="center_baseline", parse_math=False)


def _heading(overview: Overview) -> str:
    first = overview.file + (f"   ({overview.part})" if overview.part else "")
    return f"{first}\n{overview.method}   |   {overview.noise}"


def _num_columns(row: _Row) -> int:
    """Return the columns of a row; a panel of coverage makes its row's panels smaller instead of the picture wider."""
    return sum(isinstance(panel, _Panel) for panel in row)


def _height(row: _Row, side: float) -> float:
    return TITLE + side + (BAR if any(isinstance(panel, _Panel) and panel.bar for panel in row) else 0.0)


def _rows(overview: Overview) -> list[_Row]:
    """Return the panels in reading order, row by row, those of further channels below."""
    return [*_rows_of_channel(overview), *(_row_of_channel(other) for other in overview.others)]


def _row_of_channel(overview: Overview) -> _Row:
    """Return the panels of a further channel: noisy and denoised image, deviation, residual."""
    name, limits = overview.channel, _spread(overview.noisy)
    panels = [
        _Panel(f"{name}: {title}", pixels, "gray", limits, UNITS, marks=marks)
        for title, pixels, marks in (("noisy", overview.noisy, ()), ("denoised", overview.mean, overview.marks))
    ]
    if overview.std is not None:
        panels.append(_Panel(f"{name}: deviation", overview.std, "inferno", (0.0, _spread(overview.std)[1]), UNITS))
    return [*panels, _residual_panel(overview, f"{name}: residual")]


def _residual_panel(overview: Overview, title: str) -> _Panel:
    residual = np.asarray(overview.noisy, np.float64) - overview.mean
    reach = _spread(np.abs(residual))[1] or 1.0
    return _Panel(title, residual, "RdBu_r", (-reach, reach), UNITS, marks=overview.marks)


def _rows_of_channel(overview: Overview) -> list[_Row]:
    """Return the panels of the first channel; images have one contrast, so that they can be compared."""
    limits = _spread(overview.noisy)
    residual = np.asarray(overview.noisy, np.float64) - overview.mean
    name_of_channel = f"{overview.channel}: " if overview.others else ""

    def image(title: str, pixels: Plane) -> _Panel:
        words = overview.titles.get("mean" if pixels is overview.mean else title.split()[0], "")
        marks = overview.marks if pixels is overview.mean else ()
        return _Panel(f"{name_of_channel}{title}   {words}".strip(), pixels, "gray", limits, UNITS, marks=marks)

    of_samples = " of the samples" if len(overview.samples) and overview.of_samples else ""
    name = f"mean{of_samples}" if of_samples else "denoised"
    noisy, results = image("noisy", overview.noisy), [image(name, overview.mean)]
    if overview.deconvolved is not None:
        sharp = overview.deconvolved  # brighter than the blurred image at its peaks, by far
        results.append(_Panel("deconvolved (contrast of its own)", sharp, "gray", _spread(sharp), UNITS))
    samples = [image(f"sample {n + 1}", sample) for n, sample in enumerate(overview.samples[:3])]
    judged: list[_Panel | _Coverage] = []
    if overview.std is not None:
        limits_of_std = (0.0, _spread(overview.std)[1])
        judged.append(_Panel(_title_of_std(overview, of_samples), overview.std, "inferno", limits_of_std, UNITS))
    judged.append(_residual_panel(overview, "residual: noisy - denoised"))
    judged += _autocorrelation_panel(residual)
    if overview.calibration is not None:
        judged.append(_Coverage(f"coverage of the intervals{overview.calibrated_on}", overview.calibration))
    if overview.clean is None:
        return [[noisy, *results], judged] if not samples else [[noisy, *samples], [*results, *judged]]
    shown: list[_Row] = [[noisy, *results, image("clean reference", overview.clean)], samples, judged]
    return [row for row in shown if row]


def _title_of_std(overview: Overview, of_samples: str) -> str:
    """Say what the deviation is, with the factor that it differs from that of the samples by."""
    if overview.spread == 1.0:
        return f"standard deviation{of_samples}"
    factor = f"x {overview.spread:.2f}"
    return f"standard deviation (samples {factor})" if of_samples else f"standard deviation (calibrated, {factor})"


def _autocorrelation_panel(residual: Plane) -> Iterator[_Panel]:
    """Yield the autocorrelation without its centre, which is 1 by definition; nothing if the image is too small."""
    lag = min(MAX_LAG, min(residual.shape) - 1)
    if lag < 1:
        return
    correlation = autocorrelation(np.nan_to_num(residual), lag)
    correlation[lag, lag] = np.nan
    reach = max(0.1, float(np.nanmax(np.abs(correlation))))
    half = lag + 0.5
    title = "autocorrelation of the residual"
    extent = (-half, half, half, -half)
    meaning = "correlation at that shift; white: none"
    yield _Panel(title, correlation, "RdBu_r", (-reach, reach), meaning, extent)


def _spread(pixels: Plane) -> tuple[float, float]:
    known = pixels[np.isfinite(pixels)]  # NaN stands for pixels that were never measured
    low, high = (float(level) for level in np.percentile(known, CONTRAST)) if known.size else (0.0, 1.0)
    return (low, high) if high > low else (low, low + 1.0)


def _draw(axes: Any, panel: _Panel) -> None:
    from matplotlib.ticker import MaxNLocator

    low, high = panel.limits
    within = np.clip(panel.pixels, low, high)  # Matplotlib's arithmetic overflows at the ends of float32
    shown = axes.imshow(within, cmap=panel.cmap, vmin=low, vmax=high, interpolation="nearest", extent=panel.extent)
    axes.set_title(panel.title, fontsize=10.5, color=INK, pad=5, parse_math=False)
    without_ticks(axes)
    for y, x, side in panel.marks:
        _draw_mark(axes, x - 0.5 - AROUND, y - 0.5 - AROUND, side + 2 * AROUND)
    if panel.extent is not None:
        _name_lags(axes, round(panel.extent[1] - 0.5))
    if panel.bar:
        place = axes.inset_axes((0.0, -0.045, 1.0, 0.03))
        bar = axes.figure.colorbar(shown, cax=place, orientation="horizontal")
        bar.ax.xaxis.set_major_locator(MaxNLocator(6, prune="both"))  # a number at an end would stick out
        bar.set_label(panel.bar, fontsize=8, labelpad=1)
        bar.ax.tick_params(labelsize=8, pad=1, length=2)


def _draw_mark(axes: Any, left: float, top: float, side: float) -> None:
    """Draw the outline of a square: dark under bright, so that it is seen on any ground and by any eye."""
    from matplotlib.patches import Rectangle

    for color, width in MARK:
        axes.add_patch(Rectangle((left, top), side, side, fill=False, edgecolor=color, linewidth=width))


def _draw_coverage(axes: Any, panel: _Coverage) -> None:
    """Draw measured against nominal coverage, in a plot small enough that its labels fit into the panel."""
    axes.set_axis_off()
    found = panel.found
    axes.set_title(panel.title, fontsize=10.5, color=INK, pad=5)
    plot = axes.inset_axes((0.16, 0.2, 0.8, 0.8))
    plot.plot([0, 100], [0, 100], color="#999999", linewidth=1, label="honest")
    nominal, measured = (100.0 * np.asarray(shares) for shares in (found.nominal, found.measured))
    plot.plot(nominal, measured, "o-", color="#1f5fa8", markersize=5, label="measured", clip_on=False)
    plot.set_xlim(0, 100)
    plot.set_ylim(0, 100)
    plot.set_aspect("equal")
    plot.tick_params(labelsize=8, pad=2, length=2)
    plot.set_xlabel("promised, in % of the pixels", fontsize=8, labelpad=2)
    plot.set_ylabel("held, in % of the pixels", fontsize=8, labelpad=2)
    plot.legend(loc="upper left", fontsize=8, frameon=False)
    words = textwrap.fill(found.describe(), CHARACTERS_OF_COVERAGE)
    axes.text(0.5, 0.035, words, fontsize=8, color=INK, ha="center", va="top", linespacing=1.3)


def _name_lags(axes: Any, largest: int) -> None:
    """Write some shifts into the squares along the axes through the centre, because there is no space outside."""
    words = {"ha": "center", "va": "center", "fontsize": 7, "color": "#666666"}
    axes.set_facecolor("#cccccc")
    axes.text(0, 0, "0", **words)
    for lag in (-largest, largest):
        axes.text(lag, 0, f"x {lag:+d}", **words)
        axes.text(0, lag, f"y {lag:+d}", **words)


def _draw_scale_bar(axes: Any, width: int, pixel_size_um: float) -> None:
    """Draw a bar of a round length, about a fifth of the panel."""
    bar = scale_bar(width, pixel_size_um)
    share = bar.share
    frame = {"facecolor": "black", "edgecolor": "none", "alpha": 0.6, "pad": 1.5}
    middle, place = 0.96 - share / 2, axes.transAxes
    axes.text(middle, 0.07, bar.words, transform=place, color="white", ha="center", fontsize=9, bbox=frame)
    for color, thickness in (("black", 7), ("white", 4)):  # an outline, so that it is seen on bright ground, too
        ends = [0.96 - share, 0.96]
        axes.plot(ends, [0.04, 0.04], transform=place, color=color, linewidth=thickness, solid_capstyle="projecting")
