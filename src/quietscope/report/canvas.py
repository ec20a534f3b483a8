"""What all pictures of a report share: a canvas measured in inches, a heading, one style, and writing as PNG."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from quietscope.io import atomic_path
from quietscope.outside.shown import shown_lines

DPI = 100
CONTRAST = (0.5, 99.8)
"""Percentiles of the intensities that are shown as black and as white."""

INK = "#222222"
UNITS = "intensity, in the units of the file"


@dataclass(frozen=True)
class Canvas:
    """A Matplotlib figure whose parts are placed by their distance from its upper left corner.

    Attributes:
        figure: The figure.
        width: Width in inches.
        height: Height in inches.
    """

    figure: Any
    width: float
    height: float

    @classmethod
    def blank(cls, width: float, height: float, layout: Literal["compressed"] | None = None) -> "Canvas":
        """Make an empty canvas.

        Args:
            width: Width in inches.
            height: Height in inches.
            layout: "compressed" lets Matplotlib place the panels; None if they are placed with `place`.

        Returns:
            The canvas.
        """
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(width, height), layout=layout)
        FigureCanvasAgg(figure)
        return cls(figure, width, height)

    def place(self, left: float, top: float, width: float, height: float) -> Any:
        """Add axes, given their distance from the upper left corner and their size in inches."""
        bottom = 1.0 - (top + height) / self.height
        return self.figure.add_axes((left / self.width, bottom, width / self.width, height / self.height))

    def write_centred(self, words: str, top: float, size: float, **style: Any) -> None:
        """Write text in the middle of the canvas.

        Args:
            words: The text, one or more lines.
            top: Distance of the text from the upper edge, in inches.
            size: Font size in points.
            style: Further properties of Matplotlib's text, such as its line spacing.
        """
        # "parse_math": a dollar sign in a file's name does not start a formula.
        style = {"color": INK, **style, "fontsize": size, "parse_math": False, "ha": "center", "va": "top"}
        self.figure.text(0.5, 1.0 - top / self.height, words, **style)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool) -> None:
        """Write the canvas as PNG.

        Args:
            path: File to write.
            overwrite: Whether an existing file may be replaced.

        Raises:
            OutputError: If the file exists and must not be replaced, or cannot be written.
        """
        from matplotlib.text import Text

        for words in self.figure.findobj(Text):
            words.set_text(shown_lines(words.get_text()))
        with atomic_path(Path(path), overwrite=overwrite) as temporary:
            self.figure.savefig(temporary, format="png", dpi=DPI, facecolor="white")


def open_frame(axes: Any) -> None:
    """Leave away the upper and the right side of the frame around a curve."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def without_ticks(axes: Any) -> None:
    """Leave away the ticks and numbers around an image."""
    axes.set_xticks([])
    axes.set_yticks([])
