"""A text that takes whatever width there is: long paths are broken at their folders, and nothing is cut off."""

import re

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

_BREAK = "\u200b"
"""What has no width, and where a line may end."""


class WrappedText(QLabel):
    """A label of some lines of rich text, whose longest word does not widen what it lies in.

    Args:
        text: The text; what comes from elsewhere is to be escaped.
    """

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.RichText)  # Qt would else show escapes as they are where it sees no tag
        self.setWordWrap(True)
        self.setMinimumWidth(1)
        self.setText(text)

    def setText(self, text: str) -> None:
        """Show another text, whose lines may end behind the separators of a path and of a name."""
        super().setText(re.sub(r"(?<=[^<\s])([/\\_])(?=\S)", rf"\1{_BREAK}", text))

    def text(self) -> str:
        """Return the text as it was given."""
        return str(super().text()).replace(_BREAK, "")
