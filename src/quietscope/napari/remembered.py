"""What a person chose last time, kept between sessions in the place where the system keeps settings of programs."""

from pathlib import Path
from typing import Any

from qtpy.QtCore import QSettings

ORGANISATION, APPLICATION = "QuietScope", "napari"


class Remembered:
    """Settings by name; each has a usual value, whose type is that of what was kept."""

    def __init__(self) -> None:
        self._kept = QSettings(QSettings.Format.IniFormat, QSettings.Scope.UserScope, ORGANISATION, APPLICATION)

    def get(self, name: str, usual: Any) -> Any:
        """Return what was kept under a name, or what is usual where nothing, or nothing of that type, was."""
        text = self._kept.value(name, None)
        if text is None:
            return usual
        try:
            if isinstance(usual, bool):
                return str(text).lower() == "true"
            return type(usual)(text)
        except (TypeError, ValueError):
            return usual

    def keep(self, name: str, value: Any) -> None:
        """Keep a value under a name."""
        self._kept.setValue(name, str(value).lower() if isinstance(value, bool) else value)

    def flush(self) -> None:
        """Write what was kept to the disk."""
        self._kept.sync()


def usual_runs_folder() -> Path:
    """Return where runs go where nobody chose another place."""
    return Path.home() / "quietscope_runs"
