"""One image of a file that holds several, as something that can be opened."""

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OneOfMany:
    """One image of a file that holds several.

    Attributes:
        path: The file.
        series: Its number, from 0.
        label: What tells its results from those of the others.
    """

    path: str
    series: int
    label: str

    def __fspath__(self) -> str:
        """Return the path of the file."""
        return self.path

    def __str__(self) -> str:
        """Return the file, and which of its images it is."""
        return f"{self.path}, series {self.series}"


def labels_of(count: int, names: Sequence[str]) -> list[str]:
    """Return what tells the images of a file apart in names of results.

    Args:
        count: How many there are.
        names: Their names, or empty.

    Returns:
        A text for each that any disk takes: its name, or, where some have none or the same, its number before that.
    """
    plain = [re.sub(r"[^\w.+-]+", "_", name).strip("._") for name in names] if len(names) == count else [""] * count
    if all(plain) and len({each.casefold() for each in plain}) == count:
        return plain
    return [f"{number}_{each}" if each else f"{number}" for number, each in enumerate(plain)]
