"""Curves as inline SVG, in the colours of the page."""

from collections.abc import Iterable, Sequence
from math import floor, log10

from quietscope.report.sheet.markup import text
from quietscope.report.sheet.run_record import Point

WIDTH, HEIGHT = 460, 260
_LEFT, _RIGHT, _TOP, _BELOW = 68, 14, 12, 44
_TICKS = 4


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
        parts.append(f'<text x="{at:.1f}" y="{floor_ + 17}" text-anchor="middle">{value:.6g}</text>')
    for value in _ticks(*up):
        at = floor_ - (value - up[0]) / (up[1] - up[0]) * (floor_ - _TOP)
        parts.append(f'<path class="axis" d="M{_LEFT} {at:.1f}h-4"/>')
        parts.append(f'<text x="{_LEFT - 7}" y="{at + 4:.1f}" text-anchor="end">{value:.5g}</text>')
    parts.append(f'<text x="{(_LEFT + right) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{text(x)}</text>')
    middle = (_TOP + floor_) / 2
    turned = f'transform="rotate(-90 13 {middle})"'
    parts.append(f'<text x="13" y="{middle}" text-anchor="middle" {turned}>{text(y)}</text>')
    return "".join(parts)


def _ticks(low: float, high: float) -> list[float]:
    """Return round numbers within a range, about four."""
    rough = (high - low) / _TICKS
    power = 10.0 ** floor(log10(rough))
    step = next((factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= rough), 10.0 * power)
    first = floor(low / step)
    found = [step * (first + n) for n in range(2 * _TICKS + 4)]
    return [value + 0.0 for value in found if low <= value <= high]
