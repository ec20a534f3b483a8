"""What a step does, as the command line and as Python, to be copied."""

from qtpy.QtGui import QFontDatabase, QGuiApplication
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPlainTextEdit, QPushButton, QTabWidget, QVBoxLayout, QWidget

from quietscope.napari.typed_lines import Lines
from quietscope.napari.window_words import SAME_AS

NAMES = {"command": "Command line", "python": "Python"}


class EchoBox(QWidget):
    """Two texts, of which one is seen, and a button that copies it.

    Args:
        actions: What is done, in words, where a step does several things; nothing where it does one.
    """

    def __init__(self, *actions: str) -> None:
        super().__init__()
        self._lines: tuple[Lines | None, ...] = (None,) * max(len(actions), 1)
        self.action = QComboBox()
        self.action.addItems(actions)
        self.action.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.action.setAccessibleName(SAME_AS)
        self.action.currentIndexChanged.connect(self._show)
        self.texts = {name: self._text(title) for name, title in NAMES.items()}
        self.tabs = QTabWidget()
        for name, title in NAMES.items():
            self.tabs.addTab(self.texts[name], title)
        self.copy = QPushButton("Copy")
        self.copy.setToolTip("Copy these lines")
        self.copy.clicked.connect(self._copy)
        heading = QHBoxLayout()
        heading.addWidget(QLabel(SAME_AS))
        if actions:
            heading.addWidget(self.action, 1)
        else:
            heading.addStretch()
        heading.addWidget(self.copy)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(heading)
        column.addWidget(self.tabs)
        self.setFixedHeight(150)

    @staticmethod
    def _text(title: str) -> QPlainTextEdit:
        text = QPlainTextEdit()
        text.setReadOnly(True)
        text.setAccessibleName(title)
        text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        return text

    def show_lines(self, *lines: Lines | None) -> None:
        """Show lines, those of each action; nothing where there are none."""
        self._lines = lines
        self._show()

    def choose(self, action: int) -> None:
        """Show the lines of an action, by its number."""
        self.action.setCurrentIndex(action)

    def _show(self) -> None:
        lines = self._lines[max(self.action.currentIndex(), 0)]
        for name, text in self.texts.items():
            text.setPlainText("" if lines is None else getattr(lines, name))

    def _copy(self) -> None:
        clipboard = QGuiApplication.clipboard()
        clipboard.setText(self.tabs.currentWidget().toPlainText())
