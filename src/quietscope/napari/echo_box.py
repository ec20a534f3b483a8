"""What a step does, as the command line and as Python, to be copied."""

from qtpy.QtGui import QFontDatabase, QGuiApplication
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPlainTextEdit, QPushButton, QTabWidget, QVBoxLayout, QWidget

from quietscope.napari.typed_lines import Lines

NAMES = {"command": "Command line", "python": "Python"}


class EchoBox(QWidget):
    """Two texts, of which one is seen, and a button that copies it."""

    def __init__(self) -> None:
        super().__init__()
        self.texts = {name: self._text(title) for name, title in NAMES.items()}
        self.tabs = QTabWidget()
        for name, title in NAMES.items():
            self.tabs.addTab(self.texts[name], title)
        self.copy = QPushButton("Copy")
        self.copy.setToolTip("Copy these lines")
        self.copy.clicked.connect(self._copy)
        heading = QHBoxLayout()
        heading.addWidget(QLabel("The same as"))
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

    def show_lines(self, lines: Lines | None) -> None:
        """Show lines; nothing where there are none."""
        for name, text in self.texts.items():
            text.setPlainText("" if lines is None else getattr(lines, name))

    def _copy(self) -> None:
        clipboard = QGuiApplication.clipboard()
        clipboard.setText(self.tabs.currentWidget().toPlainText())
