"""What to cite for a method."""

import re
from dataclasses import dataclass

_YEAR = re.compile(r"\b((?:19|20)\d\d)\b(?!.*\b(?:19|20)\d\d\b)")
_SPECIAL = str.maketrans({each: f"\\{each}" for each in "&%$#_{}"} | {"\\": "", "~": " ", "^": ""})


@dataclass(frozen=True)
class Citation:
    """A publication.

    Attributes:
        text: Authors, title, conference or journal, and year.
        doi: Digital object identifier; empty if the publication has none.
        url: Web address of the publication, if it has no identifier.
        authors: The authors as BibTeX wants them, ``Krull, Alexander and Jug, Florian``; empty where that is not told.
        title: The whole title; empty likewise.
        venue: Conference or journal; empty likewise.
    """

    text: str
    doi: str = ""
    url: str = ""
    authors: str = ""
    title: str = ""
    venue: str = ""

    @property
    def year(self) -> str:
        """The last year that the text names; empty if it names none."""
        found = _YEAR.search(self.text)
        return found[1] if found else ""

    @property
    def link(self) -> str:
        """Web address of the publication; empty if none is known."""
        return f"https://doi.org/{self.doi}" if self.doi else self.url

    def bibtex(self, key: str) -> str:
        """Return the publication as an entry of BibTeX.

        Args:
            key: What it is cited by.

        Returns:
            The entry, of several lines; where authors and title are not told apart, the whole text is its note.
        """
        told = {"author": self.authors, "title": self.title and f"{{{_escaped(self.title)}}}"}
        told["howpublished"] = _escaped(self.venue)
        fields = told if self.authors and self.title else {"note": _escaped(self.text)}
        fields |= {"year": self.year, "doi": self.doi, "url": "" if self.doi else self.url}
        lines = [f"  {name} = {{{value}}}" for name, value in fields.items() if value]
        return f"@misc{{{key},\n" + ",\n".join(lines) + "\n}"


def _escaped(text: str) -> str:
    return text.translate(_SPECIAL)
