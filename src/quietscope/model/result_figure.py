"""A figure of a result: noisy beside denoised beside deviation. Matplotlib is imported with this file."""

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from quietscope.model.shown_result import display_range, noisy_plane, plane_of

if TYPE_CHECKING:
    from quietscope.model.result import Result

INCHES, DPI = 4.0, 100
GREY, HEAT = "gray", "magma"


class ResultFigure(Figure):
    """A figure that a notebook shows once, whether pyplot is at work in it or not."""

    def _repr_png_(self) -> bytes:
        content = io.BytesIO()
        self.savefig(content, format="png", dpi=DPI)
        return content.getvalue()


def figure_of(result: "Result", frame: int | None, channel: int) -> ResultFigure:
    """Draw a result, see `quietscope.Result.show`."""
    shown = plane_of(result.axes, result.image, frame, channel)
    limits = display_range(shown)
    panels: list[tuple[str, npt.NDArray[np.float64], tuple[float, float], str]] = []
    if result.noisy is not None:
        panels.append(("noisy", noisy_plane(result.noisy, frame, channel), limits, GREY))
    panels.append(("mean" if result.map is None else "most probable", shown, limits, GREY))
    if result.std is not None:
        spread = plane_of(result.axes, result.std, frame, channel)
        panels.append(("deviation", spread, (0.0, max(display_range(spread)[1], 0.0) or 1.0), HEAT))
    figure = ResultFigure(figsize=(INCHES * len(panels), INCHES), layout="compressed")
    FigureCanvasAgg(figure)
    for axes, (title, pixels, (low, high), colours) in zip(_axes(figure, len(panels)), panels, strict=True):
        drawn = axes.imshow(pixels, cmap=colours, vmin=low, vmax=high, interpolation="nearest")
        axes.set_title(title)
        axes.set_axis_off()
        figure.colorbar(drawn, ax=axes, shrink=0.7)
    return figure


def _axes(figure: Figure, count: int) -> list[Any]:
    return list(figure.subplots(1, count, squeeze=False, sharex=True, sharey=True)[0])
