"""The picture of a hierarchy: what each level holds of an image, how sure it is, and where its information lies."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from quietscope.io import atomic_path

Plane: TypeAlias = npt.NDArray[Any]

PANEL, GAP, TITLE, LABEL, BAR, HEADING = 2.9, 0.12, 0.3, 1.55, 0.5, 0.72
"""Inches: side of a panel, gap between two, room for a title above it, for words left of a row, for a colour bar below
a row, for the heading."""

FLATTEST = 0.5
"""Height of a panel over its width at least: the words beside a row need their room."""

DPI = 100
_CONTRAST = (0.5, 99.8)
_INK, _FAINT, _BARS = "#222222", "#777777", "#1f5fa8"
UNITS = "intensity, in the units of the file"
LEAST_SHARE = 0.02
"""Share of the image's contrast that the colours of differences and deviations reach at least."""
_COLUMNS = 4
_TINY = 1e-9


@dataclass(frozen=True, kw_only=True)
class LevelRow:
    """One level, all planes (Y, X).

    Attributes:
        level: Its number; 0 is the finest.
        latents: Its latents in words, such as "32 x 16 x 16".
        is_random: False where prediction takes its mean.
        remains: The image when only this level and those above know of the observation, intensity units.
        adds: What this level adds to those above it, intensity units.
        spread: The standard deviation that it adds, intensity units.
        kl: Its KL in nats per image pixel.
        kl_total: The mean of that over everything that was looked at.
        kl_share: Its share in the KL of all levels, 0 to 1.
    """

    level: int
    latents: str
    is_random: bool
    remains: Plane
    adds: Plane
    spread: Plane
    kl: Plane
    kl_total: float
    kl_share: float


@dataclass(frozen=True, kw_only=True)
class LevelsFigure:
    """What the picture shows.

    Attributes:
        noisy: The observation, (Y, X), intensity units.
        rows: The levels, finest first.
        file: Name of the image.
        part: Which part of it is shown.
        method: The model in words.
        num_samples: Samples behind means and deviations.
    """

    noisy: Plane
    rows: Sequence[LevelRow]
    file: str
    part: str = ""
    method: str
    num_samples: int


@dataclass(frozen=True)
class _Scale:
    """Colours of the panels of one column."""

    cmap: str
    limits: tuple[float, float]
    words: str


def write_levels_figure(path: str | os.PathLike[str], figure: LevelsFigure, *, overwrite: bool = False) -> None:
    """Draw the picture and write it as PNG.

    Above, the observation, the denoised image, and a bar of KL per level; below, one row per level, coarsest first.
    Images share one contrast; what differs by orders of magnitude between levels has scales of its own.

    Args:
        path: Where to write.
        figure: What to show.
        overwrite: Whether an existing file may be replaced.

    Raises:
        OutputError: If the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    tall = PANEL * float(np.clip(figure.noisy.shape[0] / figure.noisy.shape[1], FLATTEST, 1.0))
    width = LABEL + _COLUMNS * (PANEL + GAP) + 4 * GAP
    row_height = TITLE + tall
    height = HEADING + (len(figure.rows) + 1) * row_height + BAR + 2 * GAP + BAR
    drawing = Figure(figsize=(width, height))
    FigureCanvasAgg(drawing)

    def place(column: int, top: float, columns: int = 1, inset: float = 0.0) -> Any:
        left = LABEL + column * (PANEL + GAP) + inset
        across = columns * PANEL + (columns - 1) * GAP - inset
        return drawing.add_axes((left / width, 1.0 - (top + TITLE + tall) / height, across / width, tall / height))

    low, high = (float(value) for value in np.percentile(figure.rows[0].remains, _CONTRAST))
    contrast = _Scale("gray", (low, high if high > low else low + 1.0), UNITS)
    _draw_plane(place(0, HEADING), figure.noisy, contrast, "noisy")
    _draw_plane(place(1, HEADING), figure.rows[0].remains, contrast, "denoised")
    _draw_bars(place(2, HEADING, columns=2, inset=0.55), figure.rows)
    top = HEADING + row_height + BAR + 2 * GAP
    for number, row in enumerate(reversed(figure.rows)):
        middle = 1.0 - (top + TITLE + 0.5 * tall) / height
        drawing.text(0.12 / width, middle, _words(row), fontsize=9.5, color=_INK, va="center", linespacing=1.5)
        for column, (pixels, scale, title) in enumerate(_panels(row, contrast, len(figure.rows))):
            axes = place(column, top)
            shown = _draw_plane(axes, pixels, scale, title)
            if number == len(figure.rows) - 1:
                _draw_colours(axes, shown, scale.words, has_figures=column == 0)
        top += row_height
    first = figure.file + (f"   ({figure.part})" if figure.part else "")
    heading = f"What each level holds:   {first}\n{figure.method}   |   {figure.num_samples} samples"
    words: dict[str, Any] = {"color": _INK, "linespacing": 1.5, "parse_math": False, "ha": "center", "va": "top"}
    drawing.text(0.5, 1.0 - 0.12 / height, heading, fontsize=12, **words)
    with atomic_path(Path(path), overwrite=overwrite) as temporary:
        drawing.savefig(temporary, format="png", dpi=DPI, facecolor="white")


def _panels(row: LevelRow, contrast: _Scale, num_levels: int) -> Iterator[tuple[Plane, _Scale, str]]:
    """Yield planes, colours and titles of a row.

    Images share their contrast. What a level adds, its spread and its KL differ by orders of magnitude between levels
    and have scales of their own, but none so fine that it would blow up what cannot be seen in the image.
    """
    least = LEAST_SHARE * (contrast.limits[1] - contrast.limits[0])
    top = num_levels - 1
    yield row.remains, contrast, f"level {row.level} alone" if row.level == top else f"levels {row.level} to {top}"
    added = row.adds - np.mean(row.adds)
    reach = max(least, _high(np.abs(added)))
    title = f"adds: rms {_number(_rms(added))}, colours to ±{_number(reach)}"
    yield added, _Scale("RdBu_r", (-reach, reach), "blue: darker, red: brighter than without it"), title
    most = max(least, _high(row.spread))
    drawn = f"spread: rms {_number(_rms(row.spread))}, colours to {_number(most)}"
    title = drawn if row.is_random else "spread: none, not drawn"
    yield row.spread, _Scale("inferno", (0.0, most), "black: certain, yellow: uncertain"), title
    density = max(_high(row.kl), _TINY)
    title = f"KL: {row.kl_total:.3g} nats per pixel, colours to {density:.2g}"
    yield row.kl, _Scale("viridis", (0.0, density), "blue: nothing learnt here, yellow: most"), title


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100.0 else f"{value:.3g}"


def _high(pixels: Plane) -> float:
    return float(np.percentile(pixels, _CONTRAST[1]))


def _words(row: LevelRow) -> str:
    named = f"level {row.level}" + ("  (finest)" if row.level == 0 else "")
    kind = "" if row.is_random else "\ndeterministic:\ndoes not see\nthe image"
    return f"{named}\n{row.latents}\nlatents{kind}"


def _rms(pixels: Plane) -> float:
    return float(np.sqrt(np.mean(np.square(pixels, dtype=np.float64))))


def _draw_plane(axes: Any, pixels: Plane, scale: _Scale, title: str) -> Any:
    low, high = scale.limits
    shown = axes.imshow(pixels, cmap=scale.cmap, vmin=low, vmax=high, interpolation="nearest")
    axes.set_title(title, fontsize=9, color=_INK, pad=4, parse_math=False)
    axes.set_xticks([])
    axes.set_yticks([])
    return shown


def _draw_colours(axes: Any, shown: Any, words: str, *, has_figures: bool) -> None:
    from matplotlib.ticker import MaxNLocator

    tall = axes.get_position().height * axes.figure.get_figheight()
    place = axes.inset_axes((0.0, -0.17 / tall, 1.0, 0.09 / tall))
    bar = axes.figure.colorbar(shown, cax=place, orientation="horizontal")
    bar.ax.xaxis.set_major_locator(MaxNLocator(5, prune="both"))
    bar.set_label(words, fontsize=8, labelpad=1)
    bar.ax.tick_params(labelsize=8, pad=1, length=2)
    if not has_figures:
        bar.set_ticks([])


def _draw_bars(axes: Any, rows: Sequence[LevelRow]) -> None:
    """Draw the KL of every level as a bar, coarsest above, as the rows below are."""
    coarsest_first = list(reversed(rows))
    places = range(len(rows))
    totals = [row.kl_total for row in coarsest_first]
    axes.barh(places, totals, color=_BARS, height=0.65)
    for place, row in zip(places, coarsest_first, strict=True):
        axes.text(row.kl_total, place, f"  {row.kl_share:.1%}", va="center", fontsize=8.5, color=_FAINT)
    names = [f"level {row.level}{'' if row.is_random else '*'}" for row in coarsest_first]
    axes.set_yticks(places, names, fontsize=8.5)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(0.0, 1.18 * max(max(totals), _TINY))
    axes.tick_params(labelsize=8.5, pad=2, length=3)
    axes.set_title("what each level has learnt of this image", fontsize=9.5, color=_INK, pad=4)
    note = "" if all(row.is_random for row in rows) else "   (* does not see the image)"
    axes.set_xlabel(f"KL of posterior and prior, nats per pixel of the image{note}", fontsize=8.5, labelpad=2)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
