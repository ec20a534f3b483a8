"""Click a pixel, or draw a line: the values that the model thinks possible there."""

from collections.abc import Callable, Generator, Sequence
from typing import Any

import numpy as np

from quietscope.napari.curve_plot import CurvePlot, Drawn, Numbers
from quietscope.napari.doubt_work import BINS, Values, along_line, values_at

Ask = Callable[[Numbers, Numbers], None]


class Pointer:
    """Listens to the mouse over the canvas while somebody asks.

    Args:
        viewer: The viewer.
        ask: Called with the first and the last point of a click or a line, in world coordinates.
    """

    def __init__(self, viewer: Any, ask: Ask) -> None:
        self._viewer, self._ask = viewer, ask
        self._is_on = False

    def listen(self, is_on: bool) -> None:
        """Begin or end to listen; meanwhile the mouse does not move the image."""
        if is_on == self._is_on:
            return
        self._is_on = is_on
        if is_on:
            self._viewer.mouse_drag_callbacks.append(self._drag)
        else:
            self._viewer.mouse_drag_callbacks.remove(self._drag)
        self._viewer.scene.camera.mouse_pan = not is_on

    def _drag(self, viewer: Any, event: Any) -> Generator[None, None, None]:
        """Follow the mouse from press to release."""
        first = np.array(event.position, float)
        yield
        last = first
        while event.type == "mouse_move":
            last = np.array(event.position, float)
            yield
        self._ask(first, last)


def show_pixel(plot: CurvePlot, found: Values) -> str:
    """Draw the distribution of values of a pixel, and return it in words."""
    marks = [Drawn(x=[found.noisy], y=[0], kind="mark", label="noisy", colour=1)]
    marks.append(Drawn(x=[found.mean], y=[0], kind="mark", label="denoised", colour=2))
    if len(found.samples) > 1:
        counts, edges = np.histogram(found.samples, bins=min(BINS, max(4, len(found.samples) // 2)))
        middles = (edges[1:] + edges[:-1]) / 2
        drawn = Drawn(x=middles, y=counts, kind="bars", label="samples")
    elif np.isfinite(found.std) and found.std > 0:
        x = np.linspace(found.mean - 3.5 * found.std, found.mean + 3.5 * found.std, 60)
        drawn = Drawn(x=x, y=np.exp(-0.5 * ((x - found.mean) / found.std) ** 2), label="as the deviation tells")
    else:
        drawn = Drawn(x=[found.mean - 1, found.mean, found.mean + 1], y=[0, 1, 0], label="one value")
    plot.draw(drawn, *marks, x_name="intensity", title="Values of this pixel")
    return found.words


def show_line(plot: CurvePlot, values: Sequence[Values]) -> str:
    """Draw the values along a line, with the interval of 90 %, and return it in words."""
    x = np.arange(len(values), dtype=float)
    mean, std = (np.array([getattr(each, name) for each in values]) for name in ("mean", "std"))
    drawn = [Drawn(x=x, y=[each.noisy for each in values], kind="points", label="noisy", colour=1)]
    counts = {len(each.samples) for each in values}
    if counts and min(counts) > 4:
        low, high = np.array([np.quantile(each.samples, (0.05, 0.95)) for each in values]).T
        drawn.insert(0, Drawn(x=x, y=low, upper=high, kind="band", label="90 % of the samples", colour=0))
    elif np.isfinite(std).all():
        drawn.insert(0, Drawn(x=x, y=mean - 1.645 * std, upper=mean + 1.645 * std, kind="band", label="90 %", colour=0))
    drawn.append(Drawn(x=x, y=mean, label="denoised", colour=2))
    plot.draw(*drawn, x_name="pixels along the line", title="Values along the line")
    inside = ""
    if np.isfinite(std).all():
        inside = f", deviation {float(np.mean(std)):.3g} on average, {float(np.max(std)):.3g} at most"
    return f"{len(values)} pixels{inside}"


def values_along(
    first: Sequence[float], last: Sequence[float], shown: Any, samples: np.ndarray | None, start: Sequence[int]
) -> list[Values]:
    """Return what is known of the pixels of a line, those outside the image left out.

    Args:
        first: First pixel, in pixels of the layer.
        last: Last pixel.
        shown: What was made of the layer, see `quietscope.napari.desk.Shown`.
        samples: Samples of a part of it; None where there are none.
        start: First pixel of that part, one number per axis of the image.
    """
    found = [
        values_at((*shown.ahead, *place), shown.image.data, shown.result, samples, start)
        for place in along_line(first, last)
    ]
    return [each for each in found if each is not None]
