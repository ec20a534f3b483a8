"""What a tracker is: something outside of the run folder that is told numbers by step, stages, and how a run ended."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeAlias

Told: TypeAlias = Mapping[str, float | str]
"""Numbers and words by name."""


@dataclass(frozen=True, kw_only=True)
class FollowedRun:
    """What a tracker knows of a run when it begins.

    Attributes:
        name: What the run is called.
        folder: Where what is kept on this machine goes, made by whoever is first; None for the working directory.
        settings: Settings by name, as words.
        notify: Called with one line for each thing a person should know.
    """

    name: str
    folder: Path | None
    settings: Mapping[str, str]
    notify: Callable[[str], None]

    def place(self) -> Path:
        """Return the folder, which there is from now on."""
        found = self.folder or Path()
        found.mkdir(parents=True, exist_ok=True)
        return found


class Tracker(ABC):
    """Follows one run; made when it begins. Whatever it raises ends the following, and never the run.

    Attributes:
        name: What users type.
        needs: Modules that have to be there.
        extra: The extra that installs them; empty where they always are.
    """

    name: ClassVar[str]
    needs: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[str] = ""

    @abstractmethod
    def __init__(self, run: FollowedRun) -> None:
        """Begin to follow a run."""

    @abstractmethod
    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Take numbers of a training step."""

    @abstractmethod
    def tell(self, step: int, values: Told) -> None:
        """Take what is said of the run as a whole, such as its "stage", after so many training steps."""

    @abstractmethod
    def close(self, *, is_whole: bool) -> None:
        """End, whether or not the run has come to its end."""
