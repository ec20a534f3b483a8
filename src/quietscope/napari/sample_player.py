"""Plays samples one after another: where they flicker, the model is not sure."""

from typing import Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSpinBox, QWidget

from quietscope.napari.remembered import Remembered

PLAY, PAUSE = "▶ Play", "❚❚ Pause"


class SamplePlayer(QWidget):
    """A button and a speed.

    Args:
        viewer: The viewer, whose slider of samples is moved.
        remembered: Where the speed is kept.
    """

    def __init__(self, viewer: Any, remembered: Remembered) -> None:
        super().__init__()
        self._viewer, self._remembered = viewer, remembered
        self.layer: Any = None
        self.button, self.speed = QPushButton(PLAY), QSpinBox()
        self.button.setCheckable(True)
        self.button.setEnabled(False)
        self.speed.setRange(1, 30)
        self.speed.setValue(remembered.get("speed", 5))
        self.speed.setSuffix(" per second")
        self.speed.setAccessibleName("Samples per second")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for widget in (self.button, self.speed, QLabel("")):
            row.addWidget(widget)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.step)
        self.button.toggled.connect(self._toggle)
        self.speed.valueChanged.connect(self._set_speed)

    def take(self, layer: Any) -> None:
        """Play a layer of samples from now on; none if None."""
        self.layer = layer
        self.button.setEnabled(layer is not None)
        if layer is None:
            self.button.setChecked(False)

    @property
    def is_playing(self) -> bool:
        """Whether it plays."""
        return bool(self._timer.isActive())

    def step(self) -> None:
        """Show the next sample; stop where somebody removed them."""
        if self.layer is None or self.layer not in self._viewer.layers:
            self.take(None)
            return
        axis = self._viewer.dims.ndim - self.layer.ndim
        now = self._viewer.dims.current_step[axis]
        self._viewer.dims.set_current_step(axis, (now + 1) % self.layer.data.shape[0])

    def _toggle(self, is_on: bool) -> None:
        self.button.setText(PAUSE if is_on else PLAY)
        if is_on:
            self._timer.start(1000 // self.speed.value())
        else:
            self._timer.stop()

    def _set_speed(self, value: int) -> None:
        self._remembered.keep("speed", value)
        self._timer.setInterval(1000 // value)
