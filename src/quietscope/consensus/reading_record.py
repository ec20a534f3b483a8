"""What was read of pages, as records and as JSON; docs/reading.md tells the fields."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from quietscope.consensus.reading_places import Place, places_of
from quietscope.consensus.reading_tesseract import Look
from quietscope.consensus.reading_vote import Reading, agreed, joined, ranked
from quietscope.consensus.reading_words import Box, Word
from quietscope.version import __version__

FORMAT_VERSION = 1


@dataclass(frozen=True)
class ReadPlace:
    """A place for a word, and what it may say.

    Attributes:
        line: Number of its line, from the top.
        box: Left, top, right, bottom in pixels of the page.
        text: What the samples agree on; empty where that is nothing.
        readings: The ways to read it, the most probable first; their probabilities add up to 1.
    """

    line: int
    box: Box
    text: str
    readings: tuple[Reading, ...]

    @property
    def probability(self) -> float:
        """Probability of the text; 0 where no sample was read just so."""
        return next((each.probability for each in self.readings if each.text == self.text), 0.0)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "text": self.text,
            "probability": round(self.probability, 4),
            "line": self.line,
            "box": [round(edge, 1) for edge in self.box],
            "readings": [
                {"text": each.text, "probability": round(each.probability, 4), "count": each.count}
                for each in self.readings
            ],
        }


@dataclass(frozen=True)
class ReadPage:
    """What was read of one page.

    Attributes:
        number: Which frame of the image it is, from 0.
        places: All places for words, line by line.
        mean_text: What is read of the mean of the samples.
        map_text: What is read of the most probable image.
        look: How the page was shown to tesseract.
    """

    number: int
    places: tuple[ReadPlace, ...]
    mean_text: str
    map_text: str
    look: Look

    @property
    def text(self) -> str:
        """The text that the samples agree on, a line for each line of the page."""
        lines = sorted({place.line for place in self.places})
        each = (" ".join(place.text for place in self.places if place.line == line and place.text) for line in lines)
        return "\n".join(line for line in each if line)

    @property
    def uncertain(self) -> tuple[ReadPlace, ...]:
        """The places whose text has a probability below one half."""
        return tuple(place for place in self.places if place.probability < 0.5)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "page": self.number,
            "text": self.text,
            "mean_text": self.mean_text,
            "map_text": self.map_text,
            "ink": self.look.ink,
            "greys": [round(self.look.low, 4), round(self.look.high, 4)],
            "scale": self.look.scale,
            "words": [place.as_dict() for place in self.places],
        }


@dataclass(frozen=True)
class ReadText:
    """What was read of an image.

    Attributes:
        pages: Its pages.
        about: How it was read: language, layout, version of tesseract, numbers of samples.
    """

    pages: tuple[ReadPage, ...]
    about: dict[str, Any]

    @property
    def text(self) -> str:
        """The text of all pages, form feeds between them, as tesseract has it."""
        return "\f".join(page.text for page in self.pages)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "format": "quietscope text",
            "format_version": FORMAT_VERSION,
            "quietscope": __version__,
            **self.about,
            "text": self.text,
            "pages": [page.as_dict() for page in self.pages],
        }


def voted(samples: Sequence[Sequence[Word]], further: Sequence[Sequence[Word]] = ()) -> tuple[ReadPlace, ...]:
    """Return what the readings of a page say together.

    Args:
        samples: The words of each image that was read of it.
        further: The words of images that change neither places nor text, and add ways to read each place.
    """
    return tuple(_read_place(place) for place in places_of(samples, further))


def plain_text(words: Sequence[Word]) -> str:
    """Return the words of one image as text, a line for each of its lines."""
    lines: dict[int, list[str]] = {}
    for word in words:
        lines.setdefault(word.line, []).append(word.text)
    return "\n".join(" ".join(line) for line in lines.values())


def _read_place(place: Place) -> ReadPlace:
    readings = ranked(place.ballots)
    further = ranked(place.further) if place.further else ()
    return ReadPlace(place.line, place.box, agreed(readings), joined(readings, further))
