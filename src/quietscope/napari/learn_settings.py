"""The settings of the step that learns: method, preset, budget, noise, dimensions; remembered between sessions."""

from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QLineEdit, QWidget

from quietscope.napari.remembered import Remembered
from quietscope.napari.window_words import FIELDS, PLANES, VOLUMES

AUTO, TAUGHT = "auto", "direct"
_TIPS = {
    AUTO: "looks at the noise and chooses: the denoiser that comes trained, where it suits",
}


class LearnSettings(QWidget):
    """A form of settings.

    Args:
        remembered: Where they are kept.
    """

    changed = Signal()

    def __init__(self, remembered: Remembered) -> None:
        super().__init__()
        from quietscope.methods import METHODS

        self._remembered = remembered
        self.method, self.preset, self.dims = QComboBox(), QComboBox(), QComboBox()
        for name in (AUTO, *(each for each in METHODS if each != TAUGHT)):
            self.method.addItem(name)
        self.dims.addItem(PLANES, 2)
        self.dims.addItem(VOLUMES, 3)
        self.budget, self.noise = QLineEdit(), QLineEdit()
        self.budget.setPlaceholderText("the preset's, such as 4m")
        self.noise.setPlaceholderText("auto")
        self.noise.setToolTip("auto, bootstrap, sigma=NUMBER, or a noise file")
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        for words, widget in (
            (FIELDS["method"], self.method),
            (FIELDS["preset"], self.preset),
            (FIELDS["budget"], self.budget),
            (FIELDS["noise"], self.noise),
            (FIELDS["dims"], self.dims),
        ):
            form.addRow(words, widget)
            widget.setAccessibleName(words)
        self._restore()
        self.method.currentTextChanged.connect(self._offer_presets)
        for box in (self.method, self.preset, self.dims):
            box.currentIndexChanged.connect(self._tell)
        for line in (self.budget, self.noise):
            line.textChanged.connect(self._tell)

    def values(self) -> dict[str, Any]:
        """Return the settings that somebody chose, by name, as for `quietscope.Denoiser`."""
        values: dict[str, Any] = {"method": self.method.currentText()}
        if self.preset.currentText() and self.preset.currentText() != "fast":
            values["preset"] = self.preset.currentText()
        for name, line in (("budget", self.budget), ("noise", self.noise)):
            if line.text().strip():
                values[name] = line.text().strip()
        if self.dims.currentData() == 3:
            values["dims"] = 3
        return values

    def choose(self, method: str) -> None:
        """Choose a method."""
        self.method.setCurrentText(method)

    def keep(self) -> None:
        """Keep the settings for the next session."""
        for name, box in (("method", self.method), ("preset", self.preset)):
            self._remembered.keep(name, box.currentText())
        for name, line in (("budget", self.budget), ("noise", self.noise)):
            self._remembered.keep(name, line.text())
        self._remembered.keep("dims", self.dims.currentData())

    def _restore(self) -> None:
        self.method.setCurrentText(self._remembered.get("method", AUTO))
        self._offer_presets(self.method.currentText())
        self.preset.setCurrentText(self._remembered.get("preset", "fast"))
        self.budget.setText(self._remembered.get("budget", ""))
        self.noise.setText(self._remembered.get("noise", ""))
        self.dims.setCurrentIndex(int(self._remembered.get("dims", 2) == 3))

    def _offer_presets(self, method: str) -> None:
        """Offer the presets of a method; what is measured of each is in its tip."""
        from quietscope.presets import PRESETS

        own = [each for name, each in PRESETS.items() if name.partition(".")[0] == method]
        self.preset.clear()
        for each in own:
            self.preset.addItem(each.name)
            self.preset.setItemData(self.preset.count() - 1, "\n".join((each.summary, *each.measured)), _TOOL_TIP)
        self.preset.setEnabled(bool(own))
        self.preset.setCurrentText("fast")
        self.method.setToolTip(_TIPS.get(method, ""))

    def _tell(self) -> None:
        self.changed.emit()


_TOOL_TIP = 3
"""Qt's number of the role of a tip."""
