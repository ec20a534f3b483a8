"""The dock widget: a layer, four steps, and one button that does all of them."""

from pathlib import Path
from typing import Any
from weakref import WeakSet

from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QDragEnterEvent, QDropEvent, QHideEvent, QShowEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QFrame,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from quietscope.napari.denoising_step import DenoisingStep
from quietscope.napari.desk import Closing, Desk
from quietscope.napari.doubt_step import DoubtStep
from quietscope.napari.layer_source import axes_of, is_own_result
from quietscope.napari.learn_step import SELECTED, LearnStep
from quietscope.napari.look_step import LookStep
from quietscope.napari.window_words import CHANNELS, FIELDS, GAPS

NAME = "QuietScope"
ENDING = ".safetensors"
LEAST_WIDTH = 360
"""Width of the dock in pixels, at least: all four steps fit into it."""

_OPEN: "WeakSet[QuietScopeDock]" = WeakSet()


class QuietScopeDock(QWidget):
    """What the plugin adds to the window.

    Args:
        napari_viewer: The viewer, which napari passes by this name.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.desk = Desk(napari_viewer)
        self.layers, self.axes = QComboBox(), QLineEdit()
        self.channels, self.now = QCheckBox(CHANNELS), QPushButton("Denoise now")
        self.gaps = QCheckBox(GAPS)
        self.channels.setToolTip("Learn and Denoise take all layers that are selected in the list as one image.")
        self.gaps.setToolTip("Pixels that are NaN are left out when the noise is measured and learnt, and stay NaN.")
        self.axes.setPlaceholderText("as the layer says, e.g. TCYX")
        self.axes.setToolTip(
            "One letter per dimension: T time, C channel, Z depth, Y, X, or another that counts frames."
        )
        self.layers.setAccessibleName("Layer")
        self.layers.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.layers.setMinimumContentsLength(12)  # the name of a layer may be long
        self.axes.setAccessibleName("Axes")
        self.now.setToolTip("Learns from this layer as the step Learn is set, and denoises it: all in one.")
        self.look, self.learn = LookStep(self.desk), LearnStep(self.desk)
        self.denoise, self.doubt = DenoisingStep(self.desk), DoubtStep(self.desk)
        self.steps = QTabWidget()
        for number, (words, step) in enumerate(self._steps(), start=1):
            self.steps.addTab(_scrolled(step), f"{number} {words}")
        form = QFormLayout()
        form.addRow("Layer", self.layers)
        form.addRow(FIELDS["axes"], self.axes)
        form.addRow(self.channels)
        form.addRow(self.gaps)
        column = QVBoxLayout(self)
        column.addLayout(form)
        column.addWidget(self.now)
        column.addWidget(self.steps)
        self.setAcceptDrops(True)
        self.setMinimumWidth(LEAST_WIDTH)
        self._then_denoise = False
        self._closing: Closing | None = None
        self._connect()
        self._list_layers()
        _OPEN.add(self)

    def _steps(self) -> tuple[tuple[str, QWidget], ...]:
        return ("Look", self.look), ("Learn", self.learn), ("Denoise", self.denoise), ("Doubt", self.doubt)

    def _connect(self) -> None:
        layers = self.viewer.layers.events
        layers.inserted.connect(self._list_layers)
        layers.removed.connect(self._list_layers)
        self.layers.currentIndexChanged.connect(self._choose)
        self.axes.textChanged.connect(self._name_axes)
        self.channels.toggled.connect(self._join_channels)
        self.gaps.toggled.connect(self._leave_gaps)
        self.now.clicked.connect(lambda: self.desk.guarded(self.do_all))
        self.look.advised.connect(self._follow_advice)
        self.desk.busy_changed.connect(self._busy)
        self.desk.model_changed.connect(self._go_on)

    def do_all(self) -> None:
        """Learn from the layer, and denoise it.

        Raises:
            QuietScopeError: If the layer or the settings cannot be used.
        """
        self.steps.setCurrentIndex(1)
        self._then_denoise = True
        try:
            self.learn.begin()
        except BaseException:
            self._then_denoise = False
            raise

    def take_model(self, path: Path) -> None:
        """Use the model in a file; what is none is told."""
        self.desk.guarded(lambda: self.desk.take_model(path))

    def _go_on(self) -> None:
        if self._then_denoise:
            self._then_denoise = False
            self.steps.setCurrentIndex(2)
            QTimer.singleShot(0, self.denoise, self._denoise_now)

    def _denoise_now(self) -> None:
        self.desk.guarded(self.denoise.begin)

    def _busy(self) -> None:
        self.now.setEnabled(not self.desk.is_busy)
        if not self.desk.is_busy:  # what was learnt came to nothing
            self._then_denoise = False

    def _follow_advice(self, method: str) -> None:
        self.learn.settings.choose(method)
        self.steps.setCurrentIndex(1)

    def _list_layers(self, event: Any = None) -> None:
        """Offer the image layers that QuietScope has not made itself; the one that is chosen stays so."""
        chosen = self.desk.layer
        noisy = [each for each in self.viewer.layers if type(each).__name__ == "Image" and not is_own_result(each)]
        self.layers.blockSignals(True)
        self.layers.clear()
        for layer in noisy:
            self.layers.addItem(layer.name, layer)
        self.layers.blockSignals(False)
        if chosen in noisy:
            self.layers.setCurrentIndex(noisy.index(chosen))
        else:
            self.layers.setCurrentIndex(len(noisy) - 1)
            self._choose()
        for layer in noisy:
            layer.events.name.disconnect(self._rename)
            layer.events.name.connect(self._rename)

    def _rename(self, event: Any = None) -> None:
        for number in range(self.layers.count()):
            self.layers.setItemText(number, self.layers.itemData(number).name)

    def _choose(self) -> None:
        layer = self.layers.currentData()
        self.axes.setPlaceholderText((axes_of(layer) if layer is not None else "") or "as the layer says, e.g. TCYX")
        self.desk.layer = layer

    def _name_axes(self, text: str) -> None:
        self.desk.axes = text.strip().upper()
        self.desk.layer_changed.emit()

    def _join_channels(self, is_on: bool) -> None:
        """Take the selected layers as one image: they are then what is learnt from and denoised."""
        self.desk.are_channels = is_on
        if is_on:
            self.learn.origin.setCurrentText(SELECTED)
            self.denoise.what.setCurrentText(SELECTED)
        self.desk.layer_changed.emit()

    def _leave_gaps(self, is_on: bool) -> None:
        self.desk.has_gaps = is_on
        self.desk.layer_changed.emit()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take model files."""
        if _dropped(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Use the model that was dropped."""
        for path in _dropped(event)[:1]:
            event.acceptProposedAction()
            self.take_model(path)

    def showEvent(self, event: QShowEvent) -> None:
        """Once it lies in a window, watch that it is closed."""
        if self._closing is None and self.window() is not self:
            self._closing = Closing(self.window(), self.leave)
        super().showEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        """Give the mouse back while it is not seen."""
        self.doubt.leave()
        super().hideEvent(event)

    def leave(self) -> None:
        """End what is at work; models that are being learnt are kept in their run folders."""
        self.doubt.leave()
        self.desk.close()
        _OPEN.discard(self)


def open_docks(viewer: Any) -> list[QuietScopeDock]:
    """Return the docks of a viewer that are open."""
    return [each for each in _OPEN if each.viewer.layers is viewer.layers]


def _dropped(event: Any) -> list[Path]:
    paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
    return [path for path in paths if path.suffix == ENDING]


def _scrolled(step: QWidget) -> QScrollArea:
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setWidget(step)
    return area
