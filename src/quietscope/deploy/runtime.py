"""What runs a kind of exported model."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from quietscope.deploy.card import Card
from quietscope.deploy.session import Session


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """How files of one ending are read and run.

    Attributes:
        name: What people call the kind of file.
        suffix: Its ending, with the dot, in small letters.
        card_text: Returns the card inside a file as text, or None where there is none, without the library that runs
            the file and without PyTorch. May raise anything on a damaged file.
        open: Makes a file ready to run, given its card, its path, and the device ("cpu" if None). Imports the library
            that runs it, and raises ModelFileError where that is missing (see `quietscope.deploy.session.missing`).
    """

    name: str
    suffix: str
    card_text: Callable[[Path], str | None]
    open: Callable[[Card, Path, str | None], Session]
