"""A slider from before to after: the noisy image lies over the denoised one, as far as the slider stands."""

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSlider, QWidget

from quietscope.napari.desk import Desk
from quietscope.napari.layer_results import layer_of
from quietscope.napari.layer_source import axes_of

STEPS = 200


class BeforeAfter(QWidget):
    """The slider; at its left end nothing of the noisy image is seen.

    Args:
        desk: What the steps share.
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk, self._viewer = desk, desk.viewer
        self._noisy: Any = None
        self.layer: Any = None
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, STEPS)
        self.slider.setAccessibleName("Before and after")
        self.slider.setToolTip("How much of the noisy image lies over the denoised one")
        self.slider.setEnabled(False)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        self.slider.setMinimumWidth(60)
        for widget in (QLabel("after"), self.slider, QLabel("before")):
            row.addWidget(widget)
        self.slider.valueChanged.connect(self._cover)

    def take(self, noisy: Any) -> None:
        """Compare with a noisy layer from now on, with none if None; the one that is compared already stays so."""
        if noisy is not None and noisy is self._noisy:
            return
        self._remove()
        self._noisy = noisy
        self.slider.setEnabled(noisy is not None)
        self.slider.setValue(0)

    def _cover(self, value: int) -> None:
        """Lay the noisy image over the denoised one, from the left to where the slider stands; nothing is copied."""
        if self._noisy is None or self._noisy not in self._viewer.layers:
            self._remove()
            return
        data = self._noisy.data[0] if self._noisy.multiscale else self._noisy.data
        axes = axes_of(self._noisy)
        at = axes.index("X") if axes else data.ndim - 1
        width = round(data.shape[at] * value / STEPS)
        if not width:
            self._remove()
            return
        part = data[tuple(slice(0, width) if axis == at else slice(None) for axis in range(data.ndim))]
        if self.layer is None or self.layer not in self._viewer.layers:
            self.layer = layer_of(self._noisy, "before", part)
            self._desk.add(self.layer)
        else:
            self.layer.data = part

    def _remove(self) -> None:
        if self.layer is not None and self.layer in self._viewer.layers:
            self._viewer.layers.remove(self.layer)
        self.layer = None
