"""What to cite for a method."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Citation:
    """A publication.

    Attributes:
        text: Authors, title, conference or journal, and year.
        doi: Digital object identifier; empty if the publication has none.
        url: Web address of the publication, if it has no identifier.
    """

    text: str
    doi: str = ""
    url: str = ""
