"""The picture of a noise model: its density at some signals and its variance curve, compared with data if any."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from quietscope.report.canvas import INK, UNITS, Canvas, open_frame

Curve: TypeAlias = npt.NDArray[np.float64]

WIDTH, SLICES_HEIGHT, CURVE_HEIGHT, HEADING = 12.0, 2.0, 4.0, 0.9
"""Inches: width of the picture, height of the row of densities and of the row of curves, space above for a heading."""

LEFT, RIGHT, BELOW, BETWEEN = 0.85, 0.25, 0.52, 0.4
"""Inches: left and right margin, space below a row for numbers and labels, space between rows for a title."""

GAP = 0.22
_MODEL, _DATA, _FAINT = "#b3361e", "#9db7d5", "#dddddd"
_POINTS = "#1f5fa8"


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """A histogram scaled to a density.

    Attributes:
        edges: Edges of the bins, shape (N + 1,), intensity units.
        density: Density of each bin, shape (N,), per intensity unit.
    """

    edges: Curve
    density: Curve


@dataclass(frozen=True, kw_only=True)
class Slice:
    """The density p(x|s) at one signal.

    Attributes:
        signal: The signal s; for measured pixels, the mean of their signals.
        x: Intensities x, shape (N,).
        density: p(x|s) of the model at `x`, per intensity unit.
        measured: Histogram of pixels of that signal, if there are pairs.
        num_pairs: Number of these pixels.
    """

    signal: float
    x: Curve
    density: Curve
    measured: Histogram | None = None
    num_pairs: int = 0


@dataclass(frozen=True, kw_only=True)
class MeasuredVariance:
    """Points of the photon-transfer curve, shape (K,) each, in intensity units and their squares.

    Attributes:
        signal: Mean intensity of each point.
        variance: Noise variance.
        error: Standard error of the variance.
        clipped: Whether pixels of the point are clipped, so that its variance is too small.
        source: Origin of the points, in words.
    """

    signal: Curve
    variance: Curve
    error: Curve
    clipped: npt.NDArray[np.bool_]
    source: str


@dataclass(frozen=True, kw_only=True)
class NoiseFigure:
    """What the picture shows.

    Attributes:
        file: Name of the noise file.
        model: The model in words.
        evidence: The data and the likelihood in words; empty without data.
        slices: The density at some signals.
        signal: Signals of the variance curve, shape (M,), intensity units.
        variance: Var[x|s] of the model at these signals, shape (M,).
        fitted: Range of signals that the model was fitted on; None if it holds at any signal.
        limits: Clipping levels of the model.
        measured: Measured points of the variance curve, if there are data.
        intensities: Histogram of all intensities of the data, if there are any.
    """

    file: str
    model: str
    evidence: str = ""
    slices: Sequence[Slice]
    signal: Curve
    variance: Curve
    fitted: tuple[float, float] | None = None
    limits: tuple[float, ...] = ()
    measured: MeasuredVariance | None = None
    intensities: Histogram | None = None


def write_noise_figure(path: str | os.PathLike[str], figure: NoiseFigure, *, overwrite: bool = False) -> None:
    """Draw the picture and write it as PNG.

    Args:
        path: File to write.
        figure: What to show.
        overwrite: Whether an existing file may be replaced.

    Raises:
        OutputError: If the file exists and must not be replaced, or cannot be written.
    """
    canvas = Canvas.blank(WIDTH, HEADING + SLICES_HEIGHT + BELOW + BETWEEN + CURVE_HEIGHT + BELOW)
    inner = WIDTH - LEFT - RIGHT
    side = (inner - GAP * (len(figure.slices) - 1)) / len(figure.slices)
    for number, each in enumerate(figure.slices):
        axes = canvas.place(LEFT + number * (side + GAP), HEADING, side, SLICES_HEIGHT)
        _draw_slice(axes, each, figure, first=number == 0)
    top = HEADING + SLICES_HEIGHT + BELOW + BETWEEN
    share = 1.0 if figure.intensities is None else 0.58
    curve = canvas.place(LEFT, top, share * inner, CURVE_HEIGHT)
    _draw_variance(curve, figure)
    if figure.intensities is not None:
        axes = canvas.place(LEFT + share * inner + 0.75, top, (1.0 - share) * inner - 0.75, CURVE_HEIGHT)
        _draw_intensities(axes, figure, curve.get_xlim())
    heading = "\n".join(line for line in (f"{figure.file}:  {figure.model}", figure.evidence) if line)
    canvas.write_centred(heading, 0.12, 11, linespacing=1.45)
    canvas.save(path, overwrite=overwrite)


def _draw_slice(axes: Any, each: Slice, figure: NoiseFigure, *, first: bool) -> None:
    if each.measured is not None:
        axes.stairs(each.measured.density, each.measured.edges, fill=True, color=_DATA, label="pixels")
    axes.plot(each.x, each.density, color=_MODEL, linewidth=1.4, label="model")
    low, high = float(each.x[0]), float(each.x[-1])
    for limit in figure.limits:
        if low <= limit <= high:
            axes.axvline(limit, color=INK, linewidth=0.8, linestyle=":")
    axes.set_xlim(low, high)
    tops = [float(each.density.max())]
    if each.measured is not None:
        tops.append(min(float(each.measured.density.max()), 2.0 * tops[0]))  # clipped pixels must not set the scale
    axes.set_ylim(0.0, 1.12 * max(tops))
    pixels = f", {each.num_pairs:,} pixels" if each.num_pairs else ""
    axes.set_title(f"s = {_number(each.signal)}{pixels}", fontsize=9.5, color=INK, pad=4)
    axes.set_yticks([])
    _style(axes)
    axes.set_xlabel("intensity x", fontsize=9, labelpad=2)
    if first:
        axes.set_ylabel("density p(x|s)", fontsize=9)
        if each.measured is not None:
            axes.legend(fontsize=8, frameon=False, loc="upper right")


def _draw_variance(axes: Any, figure: NoiseFigure) -> None:
    _shade(axes, figure.fitted, (float(figure.signal[0]), float(figure.signal[-1])))
    measured = figure.measured
    if measured is not None:
        for chosen, face, words in (
            (~measured.clipped, _POINTS, measured.source),
            (measured.clipped, "none", "clipped"),
        ):
            if chosen.any():
                axes.errorbar(
                    measured.signal[chosen],
                    measured.variance[chosen],
                    measured.error[chosen],
                    fmt="o",
                    markersize=4,
                    color=_POINTS,
                    markerfacecolor=face,
                    elinewidth=0.8,
                    label=words,
                )
    axes.plot(figure.signal, figure.variance, color=_MODEL, linewidth=1.6, label="model", zorder=3)
    axes.set_xlim(float(figure.signal[0]), float(figure.signal[-1]))
    axes.set_ylim(bottom=0.0)
    axes.ticklabel_format(axis="y", style="plain")  # a factor such as "1e6" above the axis is easily overlooked
    axes.set_title("noise variance against signal", fontsize=10.5, color=INK, pad=5)
    axes.set_xlabel(f"signal s ({UNITS})", fontsize=9)
    axes.set_ylabel("variance of x given s (units squared)", fontsize=9)
    axes.legend(fontsize=8.5, frameon=False, loc="upper left")
    _style(axes)


def _draw_intensities(axes: Any, figure: NoiseFigure, limits: tuple[float, float]) -> None:
    assert figure.intensities is not None
    edges, density = figure.intensities.edges, figure.intensities.density
    low, high = min(limits[0], float(edges[0])), max(limits[1], float(edges[-1]))
    _shade(axes, figure.fitted, (low, high))
    axes.stairs(density, edges, fill=True, color=_DATA, label="intensities of the data")
    axes.set_yscale("log")
    axes.set_xlim(low, high)
    axes.set_title("intensities of the data", fontsize=10.5, color=INK, pad=5)
    axes.set_xlabel(UNITS, fontsize=9)
    axes.set_ylabel("share of the pixels, per unit", fontsize=9)
    if figure.fitted is not None:
        axes.legend(fontsize=8.5, frameon=False, loc="upper right")
    _style(axes)


def _shade(axes: Any, fitted: tuple[float, float] | None, span: tuple[float, float]) -> None:
    """Shade the range of signals that the model was fitted on, as far as it is inside `span`."""
    if fitted is not None:
        ends = np.clip(fitted, *span)
        axes.axvspan(*ends, color=_FAINT, alpha=0.5, linewidth=0, label="signals the model was fitted on", zorder=0)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000.0 else f"{value:.4g}"


def _style(axes: Any) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.tick_params(labelsize=8, pad=2, length=3)
    axes.xaxis.set_major_locator(MaxNLocator(4 if axes.get_position().width < 0.25 else 7))
    open_frame(axes)
