"""Curves as inline SVG, in the colours of the page."""

from collections.abc import Iterable, Sequence
from math import floor, log10

from quietscope.report.sheet.markup import text
from quietscope.report.sheet.run_record import Point

WIDTH, HEIGHT = 460, 260
_LEFT, _RIGHT, _TOP, _BELOW = 84, 18, 12, 48
_TICKS = 5
LEAST_REACH = 0.1
"""Correlation that has full colour where none is larger, so that nothing looks like much."""
_ABOVE, _BELOW_ZERO = (178, 24, 43), (33, 102, 172)
"""Red, green and blue, as in ColorBrewer's RdBu."""


def plot(
    title: str, x: str, y: str, *, line: Sequence[Point] = (), trace: Sequence[Point] = (), dots: Sequence[Point] = ()
) -> str:
    """Return a plot.

    Args:
        title: What it shows, for those who do not see it.
        x: What is along the horizontal axis.
        y: What is along the vertical axis.
        line: Points of the curve of a model.
        trace: Points of a curve that was measured.
        dots: Points that were measured.

    Returns:
        The drawing; empty without a point.
    """
    everything = [*line, *trace, *dots]
    if not everything:
        return ""
    across, up = _span(point[0] for point in everything), _span(point[1] for point in everything)

    def place(point: Point) -> tuple[float, float]:
        share = [(value - low) / (high - low) for value, (low, high) in zip(point, (across, up), strict=True)]
        return _LEFT + share[0] * (WIDTH - _LEFT - _RIGHT), HEIGHT - _BELOW - share[1] * (HEIGHT - _TOP - _BELOW)

    parts = [_axes(across, up, x, y), _curve(map(place, trace), "trace")]
    parts += [f'<circle class="data" cx="{a:.1f}" cy="{b:.1f}" r="3"/>' for a, b in map(place, dots)]
    parts.append(_curve(map(place, line), "model"))
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    return f'<svg {size} role="img" aria-label="{text(title)}">{"".join(parts)}</svg>'


def squares(title: str, values: Sequence[Sequence[float]]) -> str:
    """Return squares that are red above zero and blue below, the surest where values are largest; none in the middle.

    Args:
        title: What they show, for those who do not see it.
        values: As many rows as columns, an odd number.
    """
    count = len(values)
    places = [(x, y) for y in range(count) for x in range(count) if not x == y == count // 2]
    reach = max(LEAST_REACH, max((abs(values[y][x]) for x, y in places), default=0.0))
    drawn = "".join(f'<path d="M{x} {y}h1v1h-1z" fill="{_color(values[y][x] / reach)}"/>' for x, y in places)
    frame = f'<path d="M0 0h{count}v{count}h-{count}z" fill="#ffffff"/>'
    size = f'viewBox="0 0 {count} {count}" width="{WIDTH}" height="{WIDTH}" shape-rendering="crispEdges"'
    return f'<svg {size} role="img" aria-label="{text(title)}; full colour is {reach:.2g}">{frame}{drawn}</svg>'


def _color(share: float) -> str:
    """Return the colour of a value, -1 to 1."""
    end = _ABOVE if share > 0.0 else _BELOW_ZERO
    return "#" + "".join(f"{round(255 + min(1.0, abs(share)) * (to - 255)):02x}" for to in end)


def _span(values: Iterable[float]) -> tuple[float, float]:
    found = list(values)
    low, high = min(found), max(found)
    return (low, high) if high > low else (low - 0.5 * (abs(low) or 1.0), high + 0.5 * (abs(high) or 1.0))


def _curve(places: Iterable[tuple[float, float]], kind: str) -> str:
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
    return f'<polyline class="{kind}" points="{points}"/>' if points else ""


def _axes(across: tuple[float, float], up: tuple[float, float], x: str, y: str) -> str:
    right, floor_ = WIDTH - _RIGHT, HEIGHT - _BELOW
    parts = [f'<path class="axis" d="M{_LEFT} {_TOP}V{floor_}H{right}"/>']
    for value in _ticks(*across):
        at = _LEFT + (value - across[0]) / (across[1] - across[0]) * (right - _LEFT)
        parts.append(f'<path class="axis" d="M{at:.1f} {floor_}v4"/>')
        parts.append(f'<text x="{at:.1f}" y="{floor_ + 19}" text-anchor="middle">{value:.6g}</text>')
    for value in _ticks(*up):
        at = floor_ - (value - up[0]) / (up[1] - up[0]) * (floor_ - _TOP)
        parts.append(f'<path class="axis" d="M{_LEFT} {at:.1f}h-4"/>')
        parts.append(f'<text x="{_LEFT - 7}" y="{at + 5:.1f}" text-anchor="end">{value:.6g}</text>')
    parts.append(f'<text x="{(_LEFT + right) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{text(x)}</text>')
    middle = (_TOP + floor_) / 2
    turned = f'transform="rotate(-90 14 {middle})"'
    parts.append(f'<text x="14" y="{middle}" text-anchor="middle" {turned}>{text(y)}</text>')
    return "".join(parts)


def _ticks(low: float, high: float) -> list[float]:
    """Return round numbers within a range, about five."""
    rough = (high - low) / _TICKS
    power = 10.0 ** floor(log10(rough))
    step = next((factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= rough), 10.0 * power)
    first = floor(low / step)
    found = [step * (first + n) for n in range(2 * _TICKS + 4)]
    return [value + 0.0 for value in found if low <= value <= high]
