"""Step 1, Look: which noise the layer has, and which method suits it."""

import html
from typing import Any

import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QPixmap
from qtpy.QtWidgets import QDialog, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from quietscope.napari.curve_plot import CurvePlot, Drawn
from quietscope.napari.desk import Desk
from quietscope.napari.echo_box import EchoBox
from quietscope.napari.look_work import Looked, look
from quietscope.napari.typed_lines import of_look
from quietscope.napari.wrapped_text import WrappedText

_INVITATION = "Measures which noise the layer has, and says which method suits it, and why."
_COLOURS = {"x": 0, "y": 1, "z": 2, "t": 3}


class LookStep(QWidget):
    """The step that looks.

    Args:
        desk: What the steps share.
    """

    advised = Signal(str)

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self.looked: Looked | None = None
        self._about: Any = None
        self._is_looking = False
        self.button = QPushButton("Look at the noise")
        self.button.clicked.connect(lambda: desk.guarded(self.look))
        self.picture = QPushButton("Picture…")
        self.picture.setEnabled(False)
        self.picture.clicked.connect(self.show_picture)
        self.use = QPushButton("Learn with this method")
        self.use.setEnabled(False)
        self.use.clicked.connect(self._advise)
        self.words = WrappedText(_INVITATION)
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.correlation = CurvePlot("Autocorrelation of the noise")
        self.strength = CurvePlot("Variance of the noise, by intensity")
        self.echo = EchoBox()
        buttons = QHBoxLayout()
        for each in (self.use, self.picture):
            buttons.addWidget(each)
        column = QVBoxLayout(self)
        column.addWidget(self.button)
        column.addLayout(buttons)
        for widget in (self.words, self.correlation, self.strength):
            column.addWidget(widget)
        column.addStretch()
        column.addWidget(self.echo)
        desk.layer_changed.connect(self.refresh)

    def refresh(self) -> None:
        """Say again what would be typed; what was found of another layer is not said of this one."""
        if self._about is not self._desk.layer and not self._is_looking:
            self._about, self.looked = self._desk.layer, None
            self.words.setText(_INVITATION)
            for plot in (self.correlation, self.strength):
                plot.draw()
            for button in (self.use, self.picture):
                button.setEnabled(False)
        self.echo.show_lines(None if self._desk.layer is None else of_look(self._desk.source()))

    def look(self) -> None:
        """Look, in the background.

        Raises:
            QuietScopeError: If the layer is no image that can be looked at.
        """
        source = self._desk.source()
        images, title = source.images(), source.name
        self.refresh()
        self._is_looking = True
        self.button.setEnabled(False)
        self.words.setText(f"Looking at {html.escape(title)} …")
        self._desk.start(lambda tell: look(images, title, tell), done=self._show, ended=self._rest)

    def _rest(self) -> None:
        self._is_looking = False
        self.button.setEnabled(True)
        if self.words.text().startswith("Looking at"):
            self.words.setText("It could not be told; the notification says why.")
        self.refresh()

    def _show(self, found: Looked) -> None:
        self.looked = found
        lines = "".join(
            f"<tr><td><b>{html.escape(n)}</b>&nbsp;&nbsp;</td><td>{html.escape(w)}</td></tr>" for n, w in found.rows
        )
        remarks = "".join(f"<br><i>{html.escape(note)}</i>" for note in found.notes)
        quick = f"<br>In seconds, with a denoiser that comes trained: <b>{found.quick}</b>." if found.quick else ""
        why = "<br>".join(html.escape(line) for line in found.verdict)
        self.words.setText(f"<table>{lines}</table><br>{why}{quick}{remarks}")
        parts = [part for each in found.channels for part in (each.x, each.y, each.z, each.t) if part is not None]
        self.correlation.draw(
            *(
                Drawn(
                    x=np.arange(len(part.values)), y=part.values, label=f"along {part.axis}", colour=_COLOURS[part.axis]
                )
                for part in parts[:4]
            ),
            x_name="distance in pixels, planes, frames",
        )
        self.strength.draw(*_strength(found.channels[0]), x_name="intensity")
        self.picture.setEnabled(True)
        self.use.setEnabled(bool(found.quick or found.method))

    def _advise(self) -> None:
        if self.looked is not None:
            self.advised.emit(self.looked.quick or self.looked.method)

    def show_picture(self) -> None:
        """Open the picture of the diagnosis in a window of its own."""
        if self.looked is None:
            return
        pixmap = QPixmap()
        pixmap.loadFromData(self.looked.picture, "PNG")
        label = QLabel()
        label.setPixmap(pixmap)
        label.setAccessibleDescription("; ".join(self.looked.verdict))
        area = QScrollArea()
        area.setWidget(label)
        self.dialog = QDialog(self)
        self.dialog.setWindowTitle("Diagnosis")
        self.dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        QVBoxLayout(self.dialog).addWidget(area)
        self.dialog.resize(min(pixmap.width() + 60, 1300), min(pixmap.height() + 60, 800))
        self.dialog.show()


def _strength(diagnosis: Any) -> list[Drawn]:
    """Return variance against intensity, as measured and as fitted; nothing where it could not be measured."""
    if diagnosis.estimate is None:
        return []
    import torch

    bins, model = diagnosis.estimate.bins, diagnosis.estimate.model
    signal = np.linspace(float(np.min(bins.signal)), float(np.max(bins.signal)), 60)
    fitted = model.variance(torch.from_numpy(signal)).numpy()
    return [
        Drawn(x=bins.signal, y=bins.variance, kind="points", label="flat places", colour=0),
        Drawn(x=signal, y=fitted, label="model", colour=1),
    ]
