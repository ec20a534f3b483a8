"""A small plot that is drawn by Qt itself: curves, points, bars, bands; it follows the colours of the window."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

COLOURS = ("#4c9be8", "#e8824c", "#6cc06c", "#b58be0", "#d8c04a")
ON_LIGHT = ("#1c68b8", "#c2500f", "#2a7d2a", "#7a45b5", "#8a7400")
"""The same on a light ground, where the others would be pale."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 10, 24, 34
_FAINT = 80
"""How dense a band is, of 255."""

_WIDE, _TALL = 0.02, 0.05
"""Room beside what is drawn, as shares of its width and height."""


Numbers: TypeAlias = Sequence[float] | npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """One thing in a plot.

    Attributes:
        x: Where along the horizontal axis.
        y: How high; of a band its lower end.
        label: What the legend calls it; nothing for none.
        kind: How it is drawn.
        upper: Upper end of a band.
        colour: Number of its colour, see `COLOURS`.
    """

    x: Numbers
    y: Numbers
    label: str = ""
    kind: Literal["line", "points", "bars", "band", "mark"] = "line"
    upper: Numbers = field(default_factory=tuple)
    colour: int = 0


class CurvePlot(QWidget):
    """A plot with a title and names of both axes.

    Args:
        title: What stands above it.
        parent: The widget that it lies in.
    """

    def __init__(self, title: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title, self._x_name, self._drawn = title, "", tuple[Drawn, ...]()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(150)
        self.setAccessibleName(title)
        self.hide()  # until there is something in it

    def sizeHint(self) -> QSize:
        """Return the size that it would like to have."""
        return QSize(320, 150)

    @property
    def colours(self) -> tuple[str, ...]:
        """The colours of curves, which stand out from the ground of the window."""
        return COLOURS if self.palette().windowText().color().lightness() > 127 else ON_LIGHT

    @property
    def drawn(self) -> tuple[Drawn, ...]:
        """What is in it."""
        return self._drawn

    def draw(self, *drawn: Drawn, x_name: str = "", title: str | None = None) -> None:
        """Show these things, in place of those before."""
        self._drawn, self._x_name = tuple(each for each in drawn if len(each.x)), x_name
        if title is not None:
            self.title = title
        self.setVisible(bool(self._drawn))
        self.setAccessibleDescription(", ".join(each.label for each in self._drawn if each.label))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw it."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ink = self.palette().windowText().color()
        small = painter.font()
        small.setPointSizeF(max(small.pointSizeF() * 0.85, 7.0))
        painter.setFont(small)
        painter.setPen(ink)
        painter.drawText(QRectF(_LEFT, 2, self.width() - _LEFT, _TOP - 4), Qt.AlignmentFlag.AlignLeft, self.title)
        area = QRectF(_LEFT, _TOP, self.width() - _LEFT - _RIGHT, self.height() - _TOP - _BOTTOM)
        limits = self._limits()
        if limits is None or area.width() < 20:
            painter.end()
            return
        self._frame(painter, area, limits, ink)
        painter.setClipRect(area)
        for each in self._drawn:
            self._one(painter, each, area, limits)
        painter.setClipping(False)
        self._legend(painter, area, ink)
        painter.end()

    def _limits(self) -> tuple[float, float, float, float] | None:
        """Return the lowest and highest x and y of what is finite; None where nothing is."""
        xs = np.concatenate([np.asarray(each.x, float) for each in self._drawn] or [np.zeros(0)])
        heights = [
            np.asarray(part, float) for each in self._drawn if each.kind != "mark" for part in (each.y, each.upper)
        ]
        heights += [np.zeros(1)] * any(each.kind == "bars" for each in self._drawn)
        ys = np.concatenate(heights or [np.zeros(0)])
        xs, ys = xs[np.isfinite(xs)], ys[np.isfinite(ys)]
        if not xs.size or not ys.size:
            return None
        left, right, low, high = float(xs.min()), float(xs.max()), float(ys.min()), float(ys.max())
        wide, tall = (right - left) or abs(left) or 1.0, (high - low) or abs(low) or 1.0
        return left - _WIDE * wide, right + _WIDE * wide, low - _TALL * tall, high + _TALL * tall

    @staticmethod
    def _place(x: float, y: float, area: QRectF, limits: tuple[float, float, float, float]) -> QPointF:
        left, right, low, high = limits
        return QPointF(
            area.left() + (x - left) / (right - left) * area.width(),
            area.bottom() - (y - low) / (high - low) * area.height(),
        )

    def _frame(self, painter: QPainter, area: QRectF, limits: tuple[float, float, float, float], ink: QColor) -> None:
        faint = QColor(ink)
        faint.setAlpha(110)
        painter.setPen(QPen(faint, 1))
        painter.drawLine(area.bottomLeft(), area.bottomRight())
        painter.drawLine(area.bottomLeft(), area.topLeft())
        painter.setPen(ink)
        wide = (limits[1] - limits[0]) * _WIDE / (1 + 2 * _WIDE)
        tall = (limits[3] - limits[2]) * _TALL / (1 + 2 * _TALL)
        left, right, low, high = limits[0] + wide, limits[1] - wide, limits[2] + tall, limits[3] - tall
        for value in (low, high):
            at = self._place(left, value, area, limits)
            box = QRectF(0, at.y() - 8, _LEFT - 5, 16)
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, _number(value))
        below = QRectF(area.left(), area.bottom() + 3, area.width(), 15)
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, _number(left))
        painter.drawText(below, Qt.AlignmentFlag.AlignRight, _number(right))
        painter.drawText(below, Qt.AlignmentFlag.AlignHCenter, self._x_name)

    def _one(self, painter: QPainter, each: Drawn, area: QRectF, limits: tuple[float, float, float, float]) -> None:
        colour = QColor(self.colours[each.colour % len(self.colours)])
        pairs = [(x, y) for x, y in zip(each.x, each.y, strict=True) if math.isfinite(x) and math.isfinite(y)]
        points = [self._place(x, y, area, limits) for x, y in pairs]
        painter.setPen(QPen(colour, 1.6))
        if each.kind == "line":
            painter.drawPolyline(QPolygonF(points))
        elif each.kind == "points":
            painter.setPen(QPen(colour, 5, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
            painter.drawPoints(QPolygonF(points))
        elif each.kind == "mark":
            for x in each.x:
                at = self._place(x, limits[2], area, limits)
                painter.drawLine(QPointF(at.x(), area.top()), QPointF(at.x(), area.bottom()))
        elif each.kind == "bars":
            self._bars(painter, points, colour, area, self._place(limits[0], max(0.0, limits[2]), area, limits).y())
        else:
            above = [self._place(x, y, area, limits) for x, y in zip(each.x, each.upper, strict=True)]
            colour.setAlpha(_FAINT)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour)
            painter.drawPolygon(QPolygonF([*points, *above[::-1]]))
            painter.setBrush(Qt.BrushStyle.NoBrush)

    @staticmethod
    def _bars(painter: QPainter, points: Sequence[QPointF], colour: QColor, area: QRectF, ground: float) -> None:
        width = 0.8 * (points[1].x() - points[0].x()) if len(points) > 1 else 0.2 * area.width()
        for point in points:
            painter.fillRect(QRectF(point.x() - width / 2, point.y(), width, ground - point.y()), colour)

    def _legend(self, painter: QPainter, area: QRectF, ink: QColor) -> None:
        """Name what is in the plot, below it."""
        at = area.left()
        for each in (each for each in self._drawn if each.label):
            colour = QColor(self.colours[each.colour % len(self.colours)])
            colour.setAlpha(_FAINT if each.kind == "band" else 255)
            painter.setPen(QPen(colour, 8 if each.kind == "band" else 3, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap))
            y = area.bottom() + 26
            painter.drawLine(QPointF(at, y), QPointF(at + 12, y))
            painter.setPen(ink)
            painter.drawText(QPointF(at + 16, y + 4), each.label)
            at += 28 + painter.fontMetrics().horizontalAdvance(each.label)


def _number(value: float) -> str:
    value = 0.0 if abs(value) < 1e-12 else value
    return f"{value:.3g}" if abs(value) < 1e3 else f"{value:.2e}" if abs(value) >= 1e6 else f"{value:.0f}"
