"""The picture of a hierarchy: what each level contributes to an image, its uncertainty, and its KL divergence."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from quietscope.report.canvas import CONTRAST, INK, UNITS, Canvas, open_frame, without_ticks

Plane: TypeAlias = npt.NDArray[Any]

PANEL, GAP, TITLE, LABEL, BAR, HEADING = 2.9, 0.12, 0.3, 1.55, 0.5, 0.72
"""Inches: side of a panel, gap between panels, space for a title above a panel, for words left of a row, for a colour
bar below a row, and for the heading."""

FLATTEST = 0.5
"""Least height of a panel over its width; the words beside a row need the space."""

_FAINT, _BARS = "#777777", "#1f5fa8"
LEAST_SHARE = 0.02
"""Least range of the colours of differences and deviations, as a share of the contrast of the image."""

_COLUMNS = 4
_TINY = 1e-9


@dataclass(frozen=True, kw_only=True)
class LevelRow:
    """One level; all planes have shape (Y, X).

    Attributes:
        level: Number of the level; 0 is the finest.
        latents: Shape of its latents in words, such as "32 x 16 x 16".
        is_random: Whether prediction draws its latents; False if it uses their mean.
        remains: Image computed if only this level and those above see the observation, intensity units.
        adds: Difference that this level makes to the image of the levels above, intensity units.
        spread: Standard deviation that the level adds, intensity units.
        kl: KL divergence of the level, nats per image pixel.
        kl_total: Mean of the KL over all evaluated pixels, nats per image pixel.
        kl_share: Share of the level in the KL of all levels, 0 to 1.
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
        part: The part of the image that is shown, in words.
        method: The model in words.
        num_samples: Number of samples that means and deviations were computed from.
    """

    noisy: Plane
    rows: Sequence[LevelRow]
    file: str
    part: str = ""
    method: str
    num_samples: int


@dataclass(frozen=True)
class _Scale:
    """Colours of the panels of one column: colour map, lowest and highest value, label of the colour bar."""

    cmap: str
    limits: tuple[float, float]
    words: str


def write_levels_figure(path: str | os.PathLike[str], figure: LevelsFigure, *, overwrite: bool = False) -> None:
    """Draw the picture and write it as PNG.

    The first row shows the observation, the denoised image, and the KL of every level as bars; below, there is one row
    per level, coarsest first.

    Args:
        path: File to write.
        figure: What to show.
        overwrite: Whether an existing file may be replaced.

    Raises:
        OutputError: If the file exists and must not be replaced, or cannot be written.
    """
    tall = PANEL * float(np.clip(figure.noisy.shape[0] / figure.noisy.shape[1], FLATTEST, 1.0))
    row_height = TITLE + tall
    height = HEADING + (len(figure.rows) + 1) * row_height + BAR + 2 * GAP + BAR
    canvas = Canvas.blank(LABEL + _COLUMNS * (PANEL + GAP) + 4 * GAP, height)

    def place(column: int, top: float, columns: int = 1, inset: float = 0.0) -> Any:
        left = LABEL + column * (PANEL + GAP) + inset
        return canvas.place(left, top + TITLE, columns * PANEL + (columns - 1) * GAP - inset, tall)

    low, high = (float(value) for value in np.percentile(figure.rows[0].remains, CONTRAST))
    contrast = _Scale("gray", (low, high if high > low else low + 1.0), UNITS)
    _draw_plane(place(0, HEADING), figure.noisy, contrast, "noisy")
    _draw_plane(place(1, HEADING), figure.rows[0].remains, contrast, "denoised")
    _draw_bars(place(2, HEADING, columns=2, inset=0.55), figure.rows)
    top = HEADING + row_height + BAR + 2 * GAP
    for number, row in enumerate(reversed(figure.rows)):
        middle = 1.0 - (top + TITLE + 0.5 * tall) / height
        style = {"fontsize": 9.5, "color": INK, "va": "center", "linespacing": 1.5}
        canvas.figure.text(0.12 / canvas.width, middle, _words(row), **style)
        for column, (pixels, scale, title) in enumerate(_panels(row, contrast, len(figure.rows))):
            axes = place(column, top)
            shown = _draw_plane(axes, pixels, scale, title)
            if number == len(figure.rows) - 1:
                _draw_colours(axes, shown, scale.words, has_figures=column == 0)
        top += row_height
    first = figure.file + (f"   ({figure.part})" if figure.part else "")
    heading = f"What each level holds:   {first}\n{figure.method}   |   {figure.num_samples} samples"
    canvas.write_centred(heading, 0.12, 12, linespacing=1.5)
    canvas.save(path, overwrite=overwrite)


def _panels(row: LevelRow, contrast: _Scale, num_levels: int) -> Iterator[tuple[Plane, _Scale, str]]:
    """Yield pixels, colours and title of every panel of a row.

    Images share one contrast. The other quantities differ by orders of magnitude between levels, so each panel has its
    own range of colours; the range has a lower bound, so that differences invisible in the image stay invisible.
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
    return float(np.percentile(pixels, CONTRAST[1]))


def _words(row: LevelRow) -> str:
    named = f"level {row.level}" + ("  (finest)" if row.level == 0 else "")
    kind = "" if row.is_random else "\ndeterministic:\ndoes not see\nthe image"
    return f"{named}\n{row.latents}\nlatents{kind}"


def _rms(pixels: Plane) -> float:
    return float(np.sqrt(np.mean(np.square(pixels, dtype=np.float64))))


def _draw_plane(axes: Any, pixels: Plane, scale: _Scale, title: str) -> Any:
    low, high = scale.limits
    shown = axes.imshow(pixels, cmap=scale.cmap, vmin=low, vmax=high, interpolation="nearest")
    axes.set_title(title, fontsize=9, color=INK, pad=4, parse_math=False)
    without_ticks(axes)
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
    """Draw the KL of every level as a bar, the coarsest level at the top, in the order of the rows below."""
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
    axes.set_title("what each level has learnt of this image", fontsize=9.5, color=INK, pad=4)
    note = "" if all(row.is_random for row in rows) else "   (* does not see the image)"
    axes.set_xlabel(f"KL of posterior and prior, nats per pixel of the image{note}", fontsize=8.5, labelpad=2)
    open_frame(axes)
