"""Words as they were read of one image, and how far two texts are apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, right, bottom, in pixels of the page; right and bottom lie just outside."""


@dataclass(frozen=True)
class Word:
    """A word that was read.

    Attributes:
        text: Its characters, at least one, none of them a space.
        confidence: How sure the reader is, 0 to 1.
        box: Where it stands.
        line: Number of its line among those of the same image.
    """

    text: str
    confidence: float
    box: Box
    line: int = 0

    @property
    def middle(self) -> float:
        """Row of its middle."""
        return 0.5 * (self.box[1] + self.box[3])

    @property
    def height(self) -> float:
        """Height in pixels."""
        return self.box[3] - self.box[1]


def mean_confidence(words: Sequence[Word]) -> float:
    """Return the mean confidence of words, each counted by its characters; 0 of no words."""
    letters = sum(len(word.text) for word in words)
    return sum(word.confidence * len(word.text) for word in words) / letters if letters else 0.0


def distance(first: str, second: str) -> int:
    """Return how many characters have to be changed, put in or taken out between two texts (Levenshtein)."""
    costs = list(range(len(second) + 1))
    for row, letter in enumerate(first, 1):
        diagonal, costs[0] = costs[0], row
        for column, other in enumerate(second, 1):
            cost = min(costs[column] + 1, costs[column - 1] + 1, diagonal + (letter != other))
            diagonal, costs[column] = costs[column], cost
    return costs[-1]
